//! `spec.evidence`.

use core::time::Duration;

use serin_judge::{Alpha, SetAside};

use super::duration_within;
use crate::release::fault::Faults;
use crate::release::{Evidence, FieldPath, spec};

/// A start that is not judged for longer than a day is no start any more.
const SKIPS: (Duration, Duration) = (Duration::ZERO, Duration::from_hours(24));

pub(super) fn read(spec: &spec::Evidence, at: &FieldPath, faults: &mut Faults) -> Option<Evidence> {
    let default = Evidence::default();
    let alpha = spec.alpha.as_deref().map_or(Some(default.alpha), |text| {
        faults.parse(at.field("alpha"), text, |text| {
            let found = text.parse().ok().and_then(|value| Alpha::try_new(value).ok());
            let rule = "the chance of rolling back an identical version, between 0 and 1, such as \
                        0.01";
            found.ok_or_else(|| rule.to_owned())
        })
    });
    let skip = spec
        .skip
        .as_deref()
        .map_or(Some(default.skip), |text| duration_within(text, at.field("skip"), SKIPS, faults));
    let set_aside = match spec.set_aside {
        None => Some(default.set_aside),
        Some(0) => Some(SetAside::None),
        Some(1) => Some(SetAside::One),
        Some(2) => Some(SetAside::Two),
        Some(other) => {
            faults.value(at.field("setAside"), &other.to_string(), "0, 1 or 2 cohorts");
            None
        }
    };
    Some(Evidence { alpha: alpha?, skip: skip?, set_aside: set_aside? })
}
