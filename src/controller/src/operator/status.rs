//! The status of a release's object.

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::kinds::generation;
use super::refused::NotRun;
use crate::engine;
use crate::release::{Release, Target};
use crate::status::Status;
use crate::status::kubernetes::{Condition, Object, ObjectStatus};
use crate::store::Record;

/// What people see of a release that is run. `shown` is what its engine told last, `before` the
/// conditions that the object has.
pub(super) fn render(
    record: &Record,
    release: &Release,
    shown: Option<&Status>,
    generation: u64,
    before: Vec<Condition>,
) -> Value {
    let object = Object {
        generation: signed(generation),
        serving_deployment: serving(record, release).map(str::to_owned),
        conflict: None,
        record: None,
        now: Timestamp::now(),
    };
    let status = engine::recorded(release, record, shown);
    let previous = ObjectStatus { conditions: before, ..ObjectStatus::default() };
    value(&ObjectStatus::of(&status, &object, &previous))
}

/// The Deployment that is stable's by what is stored, by whichever roles the release was read.
fn serving<'a>(record: &Record, release: &'a Release) -> Option<&'a str> {
    let Target { stable, canary, .. } = &release.kubernetes.as_ref()?.target;
    let as_read = record.state.traffic.serving == release.serving;
    Some(if as_read { stable } else { canary })
}

/// What changes in the status of a release that cannot be run.
pub(super) fn refused(object: &DynamicObject, why: &NotRun) -> Value {
    let conflict = match why {
        NotRun::Conflict(why) => Some(why.clone()),
        NotRun::Invalid(_) | NotRun::Changed => None,
    };
    let about = Object {
        generation: signed(generation(object)),
        conflict,
        now: Timestamp::now(),
        ..Object::default()
    };
    let previous = read(object.data.get("status"));
    let status = ObjectStatus::refused(&why.to_string(), &about, &previous);
    let mut changes = value(&ObjectStatus {
        observed_generation: status.observed_generation,
        ..ObjectStatus::default()
    });
    if let Some(changes) = changes.as_object_mut() {
        // An empty list would take away what is there.
        changes.retain(|_, value| !value.is_array());
        changes.insert("conditions".to_owned(), value(&status.conditions));
    }
    changes
}

/// The conditions in a status, as far as the next ones follow from them: since when each is so.
pub(super) fn conditions(status: Option<&Value>) -> Vec<Condition> {
    let conditions = status.and_then(|status| status.get("conditions")).cloned();
    let conditions: Vec<Condition> =
        conditions.and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default();
    let bare = |it| Condition { reason: String::new(), message: String::new(), ..it };
    conditions.into_iter().map(bare).collect()
}

/// A status that another version has written may be of another shape; what is not read is written
/// anew.
fn read(status: Option<&Value>) -> ObjectStatus {
    status.and_then(|status| serde_json::from_value(status.clone()).ok()).unwrap_or_default()
}

/// Texts, numbers and lists of them are always JSON.
fn value(status: &impl serde::Serialize) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}

fn signed(generation: u64) -> i64 {
    i64::try_from(generation).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(status: &Value) -> DynamicObject {
        let object = json!({
            "metadata": {"name": "web", "namespace": "shop", "generation": 4}, "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_refusal_changes_conditions_alone() {
        let why = NotRun::Invalid("why".to_owned());
        let changes = refused(&object(&json!({"phase": "Progressing", "record": "{}"})), &why);
        let names: Vec<&String> = changes.as_object().unwrap().keys().collect();
        assert_eq!(names, ["conditions", "observedGeneration"]);
        assert_eq!(changes["observedGeneration"], 4);
        assert_eq!(changes["conditions"][0]["reason"], "Invalid");
        assert_eq!(changes["conditions"][0]["message"], "why");
    }

    #[test]
    fn a_conflict_is_told_as_one() {
        let why = NotRun::Conflict("shop/a has the route".to_owned());
        let changes = refused(&object(&json!(null)), &why);
        let conflict = &changes["conditions"][5];
        assert_eq!((&conflict["type"], &conflict["status"]), (&json!("Conflict"), &json!("True")));
        assert_eq!(conflict["message"], "shop/a has the route");
    }
}
