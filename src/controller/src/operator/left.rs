//! Since when a release that is deleted is in no document any more. It stands in its object's last
//! version, for the replicas that do not lead: what no object says is nothing that they could show.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use serin_document::Revision;

/// The annotation.
const LEFT_AT: &str = "serin.dev/left-at";

/// The change of an object that says it.
pub(super) fn patch(object: &DynamicObject, revision: Revision) -> Value {
    json!({"metadata": {
        "annotations": {LEFT_AT: revision.get().to_string()},
        "resourceVersion": object.metadata.resource_version,
    }})
}

/// The revision of the first document without it.
pub(super) fn left_at(object: &DynamicObject) -> Option<u64> {
    object.metadata.annotations.as_ref()?.get(LEFT_AT)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let metadata = json!({"metadata": {"name": "web", "resourceVersion": "7"}});
        let object: DynamicObject = serde_json::from_value(metadata).unwrap();
        assert_eq!(left_at(&object), None);
        let written = patch(&object, Revision::new(9));
        assert_eq!(left_at(&serde_json::from_value(written).unwrap()), Some(9));
    }
}
