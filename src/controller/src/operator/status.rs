//! The status of a release's object.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::kinds::generation;
use crate::release::Release;
use crate::status::Status;
use crate::store::Record;

/// What people see of a release that is run.
pub(super) fn render(
    record: &Record,
    _release: &Release,
    _shown: Option<&Status>,
    generation: u64,
) -> Value {
    json!({
        "observedGeneration": generation,
        "phase": record.state.phase,
        "step": record.state.step + 1,
        "weight": record.state.traffic.weight,
        "salt": record.salt,
    })
}

/// The conditions of a release that cannot be run.
pub(super) fn refused(object: &DynamicObject, why: &str) -> Value {
    json!([{
        "type": "Ready",
        "status": "False",
        "reason": "Refused",
        "message": why,
        "observedGeneration": generation(object),
        "lastTransitionTime": jiff::Timestamp::now(),
    }])
}
