//! The end of a release: everyone goes to stable before its object does, unless it has succeeded.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;
use serin_rollout::{Command, Phase, Traffic};

use super::keep::stored_text;
use super::kinds::{self, Key};
use super::supervise::{Shared, is_claimed};
use crate::engine::{Clock, Handle};
use crate::store::Record;

/// Keeps the object until everyone is on stable.
pub(super) const FINALIZER: &str = "serin.dev/stable-first";

/// Puts the finalizer on an object, before anything is done for it.
///
/// # Errors
/// Why it is not there; then nothing may be done.
pub(super) async fn claim(shared: &Shared, object: &DynamicObject) -> Result<(), String> {
    if is_claimed(object) {
        return Ok(());
    }
    let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    finalizers.push(FINALIZER.to_owned());
    set(shared, object, &finalizers).await
}

/// Whether everyone is where they stay when the object is gone, as far as its own state says.
pub(super) fn is_over(object: &DynamicObject) -> bool {
    match stored_text(object).map(Record::parse) {
        None => true,
        Some(Ok(record)) => is_last(record.state.phase),
        Some(Err(_)) => false,
    }
}

/// Whether nothing is left to do for an object that is to be deleted; only others still hold it.
pub(super) fn is_let_go(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some() && !is_claimed(object)
}

/// Whether nobody is left on the canary whom its deletion could leave there against the rule.
pub(super) fn is_harmless(object: &DynamicObject) -> bool {
    let not_begun = |record: Record| {
        let Traffic { weight, canary_serves, .. } = record.state.traffic;
        record.state.phase == Phase::Pending && weight.is_zero() && !canary_serves
    };
    is_over(object)
        || stored_text(object).map(Record::parse).is_some_and(|it| it.is_ok_and(not_begun))
}

/// A release that has succeeded leaves its weights; one that is rolled back has none.
const fn is_last(phase: Phase) -> bool {
    matches!(phase, Phase::Succeeded | Phase::RolledBack)
}

/// Goes on with the end of a release whose object is to be deleted. One that cannot be run any more,
/// since its route or a Deployment is gone, has nothing left that could be put back.
pub(super) async fn go_on(shared: &Shared, object: &DynamicObject, handle: Option<&Handle>) {
    if !is_claimed(object) {
        return;
    }
    let key = Key::of(object);
    let status = handle.map(|handle| handle.status.borrow().clone());
    let phase = status.as_ref().map(|status| status.phase);
    // It goes as soon as stable can serve; a second abort would not wait for that.
    let waits = status.is_some_and(|status| status.frozen);
    match (handle, phase) {
        (Some(_), Some(None | Some(Phase::RollingBack))) => return,
        (Some(_), Some(Some(Phase::Progressing))) if waits => return,
        (Some(handle), Some(Some(phase))) if !is_last(phase) => {
            if let Some(answer) = handle.command(Command::Abort).await {
                tracing::info!(release = %key, ?answer, "it is to be deleted: stable first");
            }
            return;
        }
        _ => {}
    }
    shared.plugins.set(&key, None);
    if let Err(error) = shared.board.withdraw(&key.to_string(), Clock::system().wall_ms()) {
        tracing::error!(release = %key, %error, "the document without the release is not accepted");
    }
    let others = object.metadata.finalizers.iter().flatten().filter(|name| *name != FINALIZER);
    let others: Vec<String> = others.cloned().collect();
    if let Err(why) = set(shared, object, &others).await {
        tracing::warn!(release = %key, "the finalizer cannot be removed: {why}");
    }
}

async fn set(shared: &Shared, object: &DynamicObject, finalizers: &[String]) -> Result<(), String> {
    let key = Key::of(object);
    let api = kinds::within(&shared.client, &key.namespace, &kinds::canary_release());
    let patch = Patch::Merge(json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": object.metadata.resource_version,
    }}));
    let options = PatchParams::default();
    let write = api.patch(&key.name, &options, &patch);
    match shared.term.write(write).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Names an object in Events.
pub(super) fn reference(object: &DynamicObject) -> ObjectReference {
    ObjectReference {
        api_version: Some("serin.dev/v1alpha1".to_owned()),
        kind: Some("CanaryRelease".to_owned()),
        name: object.metadata.name.clone(),
        namespace: object.metadata.namespace.clone(),
        uid: object.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serin_rollout::{State, Version};

    use super::*;

    fn object(metadata: &Value, record: Option<&str>) -> DynamicObject {
        let object = json!({"metadata": metadata, "status": {"record": record}});
        serde_json::from_value(object).unwrap()
    }

    fn record(weight: &str, canary_serves: bool, phase: Phase) -> String {
        let traffic = Traffic { weight: weight.parse().unwrap(), canary_serves, revision: 1 };
        let fresh = State::fresh(Version("v2".to_owned()), None, 1);
        let state = State { traffic, phase, ..fresh };
        serde_json::to_string(&Record::new("shop", "web", state, "salt".parse().unwrap())).unwrap()
    }

    #[test]
    fn one_whose_canary_may_have_users_is_not_let_go_unless_it_has_succeeded() {
        for (stored, harmless) in [
            (None, true),
            (Some(record("0%", false, Phase::Pending)), true),
            (Some(record("0%", false, Phase::RolledBack)), true),
            (Some(record("100%", true, Phase::Succeeded)), true),
            // Stored before the route has it.
            (Some(record("0%", false, Phase::RollingBack)), false),
            (Some(record("5%", true, Phase::Progressing)), false),
            (Some(record("0%", true, Phase::Progressing)), false),
            (Some("not a record".to_owned()), false),
        ] {
            let object = object(&json!({"name": "web"}), stored.as_deref());
            assert_eq!(is_harmless(&object), harmless, "{stored:?}");
        }
    }

    #[test]
    fn what_only_others_hold_is_let_go() {
        let at = "2026-11-26T02:00:00Z";
        let held = |by: &str| {
            object(&json!({"name": "web", "deletionTimestamp": at, "finalizers": [by]}), None)
        };
        assert!(is_let_go(&held("example.com/backup")) && !is_let_go(&held(FINALIZER)));
        assert!(!is_let_go(&object(&json!({"name": "web"}), None)));
    }
}
