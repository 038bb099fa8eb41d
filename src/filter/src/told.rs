//! What was decided, in a line for access logs and traces.
//!
//! It is kept in the proxy's filter state, which every log format and trace tag can show, and not in
//! a header, which applications and clients would see.

use alloc::string::String;
use core::fmt::Write as _;

use serin_assignment::Variant;
use serin_document::{Decision, Decisions};

/// The name under which the proxy keeps it; Envoy puts `wasm.` before it.
pub const KEY: &str = "serin";

/// `rollout=shop/checkout variant=canary reason=hash cohort=7`, with `, ` between rollouts that
/// share the request; none where it is no rollout's. Nothing in it is the client's.
#[must_use]
#[inline(never)]
pub fn line(decisions: &Decisions<'_>) -> Option<String> {
    let mut line = String::new();
    for decision in decisions.iter() {
        add(&mut line, decision);
    }
    (!line.is_empty()).then_some(line)
}

fn add(line: &mut String, decision: &Decision<'_>) {
    let Some(found) = decision.rollout else { return };
    let separator = if line.is_empty() { "" } else { ", " };
    let (name, reason) = (found.rollout.name(), decision.reason.as_str());
    let variant = decision.variant.map_or("none", Variant::as_str);
    // Writing to a string cannot fail.
    let _ = write!(line, "{separator}rollout={name} variant={variant} reason={reason}");
    if let Some(cohort) = decision.cohort {
        let _ = write!(line, " cohort={cohort}");
    }
}
