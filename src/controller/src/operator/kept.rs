//! An object as it is kept: as text, since as a tree of values it takes up ten times as much, and most
//! of a thousand releases rest.

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::kinds::{Key, generation};
use super::resolve::Names;
use crate::store::Record;

/// An object. What is asked of every one at each look stands beside the text.
#[derive(Debug)]
pub(super) struct Kept {
    key: Key,
    uid: Option<String>,
    generation: u64,
    version: Option<String>,
    made: Option<Timestamp>,
    ends: bool,
    /// What a release names; nothing else names any of it.
    names: Names,
    /// All but the status.
    head: Box<str>,
    status: Option<Box<str>>,
}

impl Kept {
    /// `None` of what is no JSON, which no server sends.
    pub(super) fn of(mut object: DynamicObject) -> Option<Self> {
        // Who wrote which field is longer than most objects, and nobody asks.
        object.metadata.managed_fields = None;
        let mut status = object.data.as_object_mut().and_then(|data| data.remove("status"));
        if let Some(Value::String(record)) = status.as_mut().and_then(|it| it.get_mut("record")) {
            *record = lightened(record);
        }
        let status = status.map(|status| status.to_string().into_boxed_str());
        Some(Self {
            key: Key::of(&object),
            uid: object.metadata.uid.clone(),
            generation: generation(&object),
            version: object.metadata.resource_version.clone(),
            made: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            ends: object.metadata.deletion_timestamp.is_some(),
            names: Names::of(&object),
            head: serde_json::to_string(&object).ok()?.into_boxed_str(),
            status,
        })
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// Who it is and what it asks for: changes with everything but its status and its metadata.
    pub(super) fn identity(&self) -> (Option<String>, u64) {
        (self.uid.clone(), self.generation)
    }

    /// When it was made.
    pub(super) const fn made(&self) -> Option<Timestamp> {
        self.made
    }

    /// The same in milliseconds since 1970.
    pub(super) fn made_ms(&self) -> i64 {
        self.made.map_or(0, Timestamp::as_millisecond)
    }

    /// Whether it is to be deleted.
    pub(super) const fn ends(&self) -> bool {
        self.ends
    }

    /// The objects that it names as a release.
    pub(super) const fn names(&self) -> &Names {
        &self.names
    }

    /// Changes with everything.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The object without its status.
    pub(super) fn head(&self) -> Option<DynamicObject> {
        serde_json::from_str(&self.head).ok()
    }

    /// Its status alone.
    pub(super) fn status(&self) -> Option<Value> {
        serde_json::from_str(self.status.as_deref()?).ok()
    }

    /// The record in its status, where there is one that can be read.
    pub(super) fn record(&self) -> Option<Record> {
        Record::parse(self.status()?.get("record")?.as_str()?).ok()
    }

    /// The object as it is.
    pub(super) fn read(&self) -> Option<DynamicObject> {
        let mut object = self.head()?;
        if let (Some(data), Some(status)) = (object.data.as_object_mut(), self.status()) {
            data.insert("status".to_owned(), status);
        }
        Some(object)
    }
}

/// A record without its evidence and what its decisions follow from, which are most of it. Who goes on
/// from a record asks the server for the whole of it first.
fn lightened(record: &str) -> String {
    let Ok(mut light) = serde_json::from_str::<Value>(record) else { return record.to_owned() };
    if let Some(fields) = light.as_object_mut() {
        fields.remove("panel");
    }
    let decisions = light.get_mut("decisions").and_then(Value::as_array_mut);
    for decision in decisions.into_iter().flatten().filter_map(Value::as_object_mut) {
        decision.remove("inputs");
    }
    light.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_was_but_for_who_wrote_which_field() {
        let object = |managed: &Value| -> DynamicObject {
            let object = json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "shop", "uid": "1", "generation": 3,
                    "resourceVersion": "7", "annotations": {"a": "b"}, "managedFields": managed},
                "spec": {"replicas": 2, "template": {"spec": {"x": null}}},
                "status": {"readyReplicas": 1},
            });
            serde_json::from_value(object).unwrap()
        };
        let kept = Kept::of(object(&json!([{"manager": "kubectl"}]))).unwrap();
        assert_eq!(kept.read(), Some(object(&Value::Null)));
        assert_eq!(kept.identity(), (Some("1".to_owned()), 3));
        assert_eq!(kept.version(), Some("7"));
        let mut head = object(&Value::Null);
        head.data.as_object_mut().unwrap().remove("status");
        let record = json!({"panel": 1, "salt": "s", "decisions": [{"atMs": 7, "inputs": {}}]});
        let light = json!({"salt": "s", "decisions": [{"atMs": 7}]});
        assert_eq!(lightened(&record.to_string()), light.to_string());
        assert_eq!(lightened("not a record"), "not a record");
        assert_eq!((kept.head(), kept.status()), (Some(head), Some(json!({"readyReplicas": 1}))));
    }
}
