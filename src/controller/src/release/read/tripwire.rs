//! `spec.tripwire`.

use serin_document::Tripwire;

use super::{by_rule, duration_within};
use crate::release::fault::Faults;
use crate::release::{FieldPath, spec};

pub(super) fn read(spec: &spec::Tripwire, at: &FieldPath, faults: &mut Faults) -> Option<Tripwire> {
    let default = Tripwire::default();
    let alpha = spec.alpha.as_deref().map_or(Some(default.alpha), |text| {
        faults.parse(at.field("alpha"), text, by_rule(str::parse))
    });
    let floor = spec.floor.as_deref().map_or(Some(default.floor), |text| {
        faults.parse(at.field("floor"), text, by_rule(Tripwire::floor))
    });
    let slow = match spec.slow.as_deref() {
        None => Some(None),
        Some(text) => duration_within(text, at.field("slow"), Tripwire::SLOW, faults).map(Some),
    };
    let lasts = spec.lasts.as_deref().map_or(Some(default.lasts), |text| {
        duration_within(text, at.field("lasts"), Tripwire::LASTS, faults)
    });
    Some(Tripwire { alpha: alpha?, floor: floor?, slow: slow?, lasts: lasts? })
}
