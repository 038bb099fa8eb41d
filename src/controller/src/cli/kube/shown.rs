//! What is shown of an object's status. Every field may be absent, so that a controller of another
//! version is shown as far as it is understood.

use kube::api::DynamicObject;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Shown {
    pub(super) phase: Option<String>,
    pub(super) version: Option<String>,
    pub(super) step: usize,
    pub(super) weight: Option<String>,
    pub(super) mirror: Option<String>,
    pub(super) observed_share: Option<String>,
    pub(super) tripped_proxies: Option<u32>,
    pub(super) paused: Option<String>,
    pub(super) message: Option<String>,
    pub(super) gates: Vec<Gate>,
    pub(super) alerts: Vec<Alert>,
    pub(super) decisions: Vec<Decision>,
    pub(super) commands: Vec<Given>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Gate {
    pub(super) name: String,
    pub(super) verdict: String,
    pub(super) detail: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Alert {
    pub(super) name: String,
    pub(super) since: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Decision {
    pub(super) at: String,
    pub(super) weight: String,
    pub(super) message: String,
}

/// A command on the object, and what became of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    pub(super) command: String,
    pub(super) by: String,
    pub(super) at: String,
    pub(super) outcome: String,
}

/// The object's status; `None` where it is none that this version understands.
pub(super) fn read(object: &DynamicObject) -> Option<Shown> {
    match object.data.get("status") {
        None => Some(Shown::default()),
        Some(status) => serde_json::from_value(status.clone()).ok(),
    }
}
