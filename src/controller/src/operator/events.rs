//! Events on the objects: every decision, and what happens without one.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::DynamicObject;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::watch;

use super::supervise::Shared;
use crate::notify::is_trouble;
use crate::store::{Logged, Record};

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Tells of each decision once it is stored, until nothing is stored any more.
pub(super) async fn tell(
    recorder: Recorder,
    object: ObjectReference,
    mut records: watch::Receiver<Option<Arc<Record>>>,
) {
    let newest = |record: &Option<Arc<Record>>| {
        record.as_ref().and_then(|record| record.decisions.back()).map_or(0, |last| last.at_ms)
    };
    let mut told_until = newest(&records.borrow_and_update());
    while records.changed().await.is_ok() {
        let Some(record) = records.borrow_and_update().clone() else { continue };
        for decision in record.decisions.iter().filter(|decision| decision.at_ms > told_until) {
            if let Err(error) = recorder.publish(&event(decision), &object).await {
                tracing::warn!(object = object.name.as_deref(), %error, "an Event was not taken");
            }
        }
        told_until = newest(&Some(record)).max(told_until);
    }
}

/// Tells of something that is no decision of a rollout and calls for a look.
pub(super) async fn warn(shared: &Shared, object: &DynamicObject, reason: &str, note: &str) {
    let event = Event {
        type_: EventType::Warning,
        reason: reason.to_owned(),
        note: Some(cut(note)),
        action: "Rollout".to_owned(),
        secondary: None,
    };
    if let Err(error) = recorder(shared).publish(&event, &reference(object)).await {
        tracing::warn!(object = object.metadata.name.as_deref(), %error, "an Event was not taken");
    }
}

/// Who tells.
pub(super) fn recorder(shared: &Shared) -> Recorder {
    let reporter = Reporter {
        controller: "serin.dev/serin".to_owned(),
        instance: Some(shared.identity.clone()),
    };
    Recorder::new(shared.client.clone(), reporter)
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

fn event(logged: &Logged) -> Event {
    let reason = logged.decision.reason;
    Event {
        type_: if is_trouble(reason) { EventType::Warning } else { EventType::Normal },
        reason: format!("{reason:?}"),
        note: Some(cut(&logged.decision.message)),
        action: "Rollout".to_owned(),
        secondary: None,
    }
}

fn cut(message: &str) -> String {
    let mut end = message.len().min(LONGEST_NOTE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "ä".repeat(600) + "x";
        assert_eq!(cut(&long).len(), LONGEST_NOTE);
        let odd = format!("x{long}");
        assert_eq!(cut(&odd).len(), LONGEST_NOTE - 1);
    }
}
