//! What a release decides before the hash does, for people.

use serin_document::{Condition, Rules};

use crate::release::Assignment;

/// One line for each rule that there is.
pub(super) fn told(assignment: &Assignment) -> Vec<(&'static str, String)> {
    let Rules { exclude, eligible, users, segments } = &assignment.rules;
    let mut lines = Vec::new();
    for condition in exclude {
        lines.push(("exclude", json(condition)));
    }
    if let Some(condition) = eligible {
        lines.push(("eligible", json(condition)));
    }
    if let Some(users) = users {
        let (canary, stable) = users.counts();
        lines.push(("users", format!("{canary} on canary, {stable} on stable by name")));
    }
    for segment in segments {
        let (name, variant, when) = (&segment.name, segment.variant, json(&segment.when));
        lines.push(("segment", format!("{name}: {variant} where {when}")));
    }
    if !assignment.buckets.is_all() {
        lines.push(("buckets", assignment.buckets.to_string()));
    }
    lines
}

/// As it stands in the document: short, and without a doubt about its meaning.
fn json(condition: &Condition) -> String {
    serde_json::to_string(condition).unwrap_or_default()
}
