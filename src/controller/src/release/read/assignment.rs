//! `spec.assignment`.

use serin_assignment::Salt;
use serin_document::{Anonymous, Incoming, MarkName, RolloutName};
use serin_rollout::Version;

use super::{by_rule, rules, source};
use crate::release::fault::Faults;
use crate::release::spec;
use crate::release::{Assignment, FieldPath};

/// `whose` names the release and its version, for the default salt.
pub(super) fn read(
    spec: &spec::Assignment,
    whose: Option<(&RolloutName, &Version)>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Assignment> {
    let identity = source::identity(&spec.identity, &at.field("identity"), faults);
    let testers = super::testers::read(&spec.testers, &at.field("testers"), faults);
    let anonymous = spec.anonymous.as_deref().map_or(Some(Anonymous::default()), |text| {
        faults.parse(at.field("anonymous"), text, by_rule(str::parse))
    });
    let incoming = spec.incoming.as_deref().map_or(Some(Incoming::default()), |text| {
        faults.parse(at.field("incoming"), text, by_rule(str::parse))
    });
    let mark = spec.mark.as_deref().map_or(Some(MarkName::default()), |text| {
        faults.parse(at.field("mark"), text, by_rule(MarkName::new))
    });
    let cohort_header = match spec.cohort_header.as_deref() {
        None => Some(None),
        Some(text) => {
            faults.parse(at.field("cohortHeader"), text, by_rule(MarkName::new)).map(Some)
        }
    };
    let rules = rules::read(spec, at, faults);
    let buckets = rules::buckets(spec, at, faults);
    let salt = salt(spec.salt.as_deref(), whose, &at.field("salt"), faults);
    if spec.identity.is_empty() && anonymous == Some(Anonymous::Stable) {
        faults.missing(
            at.field("identity"),
            "where the user's id stands, such as [{header: x-user-id}]; without one and with \
             `anonymous: stable` nobody would get the canary",
        );
    }
    Some(Assignment {
        identity: identity?,
        anonymous: anonymous?,
        testers: testers?,
        rules: rules?,
        buckets: buckets?,
        salt: salt?,
        mark: mark?,
        incoming: incoming?,
        cohort_header: cohort_header?,
    })
}

/// The default differs by version, so that each one picks other users first.
fn salt(
    text: Option<&str>,
    whose: Option<(&RolloutName, &Version)>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Salt> {
    let text = match (text, whose) {
        (Some(text), _) => text.to_owned(),
        (None, Some((name, version))) => format!("{name}/{}", short_hash(&version.0)),
        (None, None) => return None,
    };
    faults.parse(at.clone(), &text, super::from_text)
}

/// 8 hexadecimal digits that tell versions apart.
fn short_hash(text: &str) -> String {
    let mut bytes = text.as_bytes();
    // Reading from memory cannot fail, so the other arm is never taken.
    format!("{:08x}", murmur3::murmur3_32(&mut bytes, 0).unwrap_or_default())
}
