//! What of `spec.assignment` decides before the hash does, and whom the hash may place.
//!
//! Conditions, lists and segments are read by the document's own reader, so that a file and a
//! document say the same in the same words.

use serde_json::{Value, json};
use serin_assignment::Weight;
use serin_document::{Buckets, Rules};

use super::from_text;
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec;

pub(super) fn read(spec: &spec::Assignment, at: &FieldPath, faults: &mut Faults) -> Option<Rules> {
    let spec::Assignment { exclude, eligible, users, segments, .. } = spec;
    let mut one = |field: &str, value: &Option<Value>| one(field, value.as_ref(), at, faults);
    // Each by itself, so that the faults of all are told at once.
    let exclude = one("exclude", exclude);
    let eligible = one("eligible", eligible);
    let users = one("users", users);
    let segments = one("segments", segments);
    Some(Rules {
        exclude: exclude?.exclude,
        eligible: eligible?.eligible,
        users: users?.users,
        segments: segments?.segments,
    })
}

fn one(field: &str, value: Option<&Value>, at: &FieldPath, faults: &mut Faults) -> Option<Rules> {
    let Some(value) = value else { return Some(Rules::default()) };
    match Rules::read(json!({ field: value }).to_string().as_bytes()) {
        Ok(rules) => Some(rules),
        Err(fault) => {
            faults.told(at.inside(&fault.field), &fault.value, &fault.rule);
            None
        }
    }
}

pub(super) fn buckets(
    spec: &spec::Assignment,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Buckets> {
    let Some(texts) = &spec.buckets else { return Some(Buckets::ALL) };
    let at_buckets = at.field("buckets");
    let ends: Vec<Option<Weight>> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| faults.parse(at_buckets.index(index), text, from_text))
        .collect();
    let ends: Option<Vec<Weight>> = ends.into_iter().collect();
    let buckets = match *ends?.as_slice() {
        [from, to] => Buckets::new(from, to),
        _ => None,
    };
    if buckets.is_none() {
        faults.value(at_buckets, &texts.join(", "), Buckets::RULE);
    }
    if spec.salt.is_none() {
        faults.missing(
            at.field("salt"),
            "releases with `buckets` share their users out under one salt, such as shop-2026-11",
        );
    }
    buckets
}
