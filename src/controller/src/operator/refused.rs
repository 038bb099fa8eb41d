//! Releases that cannot be run: why stands on the object.

use core::fmt;
use std::collections::BTreeMap;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::kept::Kept;
use super::kinds::{self, Key};
use super::supervise::Shared;

/// Why a release is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotRun {
    /// Another release has what this one names.
    Conflict(String),
    /// What it says, or what the cluster has of it, cannot be run.
    Invalid(String),
    /// Somebody changed it since it was looked at: the next look is about to come and knows better.
    Changed,
}

impl From<String> for NotRun {
    fn from(why: String) -> Self {
        Self::Invalid(why)
    }
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(why) | Self::Invalid(why) => f.write_str(why),
            Self::Changed => f.write_str("it was changed meanwhile"),
        }
    }
}

/// What was told last, and of which generation, so that it is written once for each.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<Key, (NotRun, u64)>);

impl Refusals {
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Writes why a release is not run, where that is news.
    pub(super) async fn tell(&mut self, shared: &Shared, object: &Kept, why: &NotRun) {
        let key = object.key();
        let (_, generation) = object.identity();
        let told = (why.clone(), generation);
        if *why == NotRun::Changed || self.0.get(key) == Some(&told) {
            return;
        }
        let Some(object) = object.read() else { return };
        tracing::error!(release = %key, "not run: {why}");
        let status = super::status::refused(&object, why);
        let api = kinds::within(&shared.client, &key.namespace, &kinds::canary_release());
        let patch = Patch::Merge(json!({"status": status}));
        let options = PatchParams::default();
        let write = api.patch_status(&key.name, &options, &patch);
        match shared.term.write(write).await {
            Ok(_) => {
                self.0.insert(key.clone(), told);
            }
            Err(error) => tracing::warn!(release = %key, %error, "its status is not written"),
        }
    }
}
