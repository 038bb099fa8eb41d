//! Since when a release that is deleted is in no document any more. Its object's last version says so,
//! for the replicas that do not lead: what no object says is nothing that they could show.
//!
//! It stands in the record, which only the controller may write.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use serin_document::Revision;

use super::keep::stored_text;
use crate::store::Record;

/// The object with the revision of the first document without it, and with no part in that; `None`
/// where it has no record that could say it.
pub(super) fn leaving(object: &DynamicObject, revision: Revision) -> Option<DynamicObject> {
    let mut record = Record::parse(stored_text(object)?).ok()?;
    record.document_revision = record.document_revision.max(Some(revision.get()));
    // Who sees this before the object is gone must not show its part under that revision.
    record.published = None;
    let mut object = object.clone();
    let status = object.data.get_mut("status").and_then(Value::as_object_mut)?;
    status.insert("record".to_owned(), json!(serde_json::to_string(&record).ok()?));
    Some(object)
}

/// The revision of the newest document that an object made by its last change.
pub(super) fn left_at(object: &DynamicObject) -> Option<u64> {
    Record::parse(stored_text(object)?).ok()?.document_revision
}

#[cfg(test)]
mod tests {
    use serin_rollout::{State, Version};

    use super::*;
    use crate::folded::Folded;

    #[test]
    fn what_is_written_is_read_and_no_one_elses_word_counts() {
        let state = State::fresh(Version("v2".to_owned()), None, 1);
        let mut record = Record::new("shop", "web", state, "salt".parse().unwrap());
        record.document_revision = Some(7);
        record.published = Folded::of(&json!({"name": "shop/web"}));
        let object: DynamicObject = serde_json::from_value(json!({
            "metadata": {"name": "web", "annotations": {"serin.dev/left-at": "99"}},
            "status": {"record": serde_json::to_string(&record).unwrap(), "phase": "RolledBack"},
        }))
        .unwrap();
        let last = leaving(&object, Revision::new(9)).unwrap();
        assert_eq!((left_at(&object), left_at(&last)), (Some(7), Some(9)));
        assert_eq!(last.data["status"]["phase"], "RolledBack");
        assert!(Record::parse(stored_text(&last).unwrap()).unwrap().published.is_none());
        let bare: DynamicObject =
            serde_json::from_value(json!({"metadata": {"name": "web"}})).unwrap();
        assert!(leaving(&bare, Revision::new(9)).is_none() && left_at(&bare).is_none());
    }
}
