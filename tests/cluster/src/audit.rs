//! Who asked what of the API server, by its own account.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;
use serin_tests::scratch::Scratch;

/// The log of the API server, and what it writes there.
#[derive(Debug)]
pub(crate) struct AuditLog {
    policy: PathBuf,
    log: PathBuf,
}

/// A call that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who asked.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`. A watch is in the account
    /// once it has ended.
    pub verb: String,
    /// Of what, with its part: `deployments` or `deployments/scale`.
    pub resource: String,
    /// The object's name, where one was named.
    pub name: String,
    /// The status that was answered.
    pub status: u16,
    /// When it was asked, as RFC 3339 in UTC with microseconds: stamps compare as text.
    pub at: String,
}

impl Call {
    /// Whether it changed something, or would have.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

impl AuditLog {
    pub(crate) fn new(users: &[&str], scratch: &Scratch) -> Result<Self> {
        let policy = json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [{"level": "Metadata", "users": users}, {"level": "None"}],
        });
        Ok(Self {
            policy: scratch.write("audit-policy.yaml", policy.to_string())?,
            log: scratch.path().join("audit.log"),
        })
    }

    pub(crate) fn args(&self) -> [String; 2] {
        [
            format!("--audit-policy-file={}", self.policy.display()),
            format!("--audit-log-path={}", self.log.display()),
        ]
    }

    pub(crate) fn calls(&self) -> Result<Vec<Call>> {
        let text = fs::read_to_string(&self.log)
            .with_context(|| format!("reading {}", self.log.display()))?;
        // Of the last line only a part may be there.
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        whole.lines().map(read).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    user: User,
    verb: String,
    #[serde(default)]
    object_ref: Option<Object>,
    #[serde(default)]
    response_status: Option<Status>,
    request_received_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Object {
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

fn read(line: &str) -> Result<Call> {
    let event: Event = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let Object { mut resource, subresource, name } = event.object_ref.unwrap_or_default();
    if !subresource.is_empty() {
        resource = format!("{resource}/{subresource}");
    }
    Ok(Call {
        user: event.user.username,
        verb: event.verb,
        resource,
        name,
        status: event.response_status.map_or(0, |status| status.code),
        at: event.request_received_timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_line_is_read_as_a_call() {
        let line = r#"{"kind":"Event","stage":"ResponseComplete","verb":"patch","user":{"username":"u"},
            "objectRef":{"resource":"deployments","namespace":"a","name":"web","subresource":"scale"},
            "responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-26T05:00:00.000001Z"}"#;
        let call = read(&line.replace('\n', "")).unwrap();
        assert_eq!((call.resource.as_str(), call.status), ("deployments/scale", 200));
        assert!(call.is_write() && call.user == "u" && call.name == "web");
    }
}
