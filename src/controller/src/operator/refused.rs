//! Releases that cannot be run: why stands on the object.

use std::collections::BTreeMap;

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;

use super::kinds::{self, Key};
use super::supervise::Shared;

/// What was told last, so that it is written once.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<Key, String>);

impl Refusals {
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Writes why a release is not run, where that is news.
    pub(super) async fn tell(&mut self, shared: &Shared, object: &DynamicObject, why: &str) {
        let key = Key::of(object);
        if self.0.get(&key).is_some_and(|told| told == why) {
            return;
        }
        tracing::error!(release = %key, "not run: {why}");
        let status = super::status::refused(object, why);
        let api = kinds::within(&shared.client, &key.namespace, &kinds::canary_release());
        let patch = Patch::Merge(json!({"status": status}));
        let options = PatchParams::default();
        let write = api.patch_status(&key.name, &options, &patch);
        match shared.term.write(write).await {
            Ok(_) => {
                self.0.insert(key, why.to_owned());
            }
            Err(error) => tracing::warn!(release = %key, %error, "its status is not written"),
        }
    }
}
