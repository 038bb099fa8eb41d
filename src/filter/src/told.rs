//! What was decided, in a line for access logs and traces.
//!
//! It is kept in the proxy's filter state, which every log format and trace tag can show, and not in
//! a header, which applications and clients would see.

use alloc::string::String;

use serin_assignment::Variant;
use serin_document::{Decision, Decisions};

use crate::stream::cohort_text;

/// The name under which the proxy keeps it; Envoy puts `wasm.` before it.
pub const KEY: &str = "serin";

/// Room for most lines, made at once.
const ROOM: usize = 128;

/// `rollout=shop/checkout variant=canary reason=hash cohort=7`, with `, ` between rollouts that
/// share the request; none where it is no rollout's. Nothing in it is the client's.
#[must_use]
#[inline(never)]
pub fn line(decisions: &Decisions<'_>) -> Option<String> {
    let mut line = String::with_capacity(ROOM);
    for decision in decisions.iter() {
        add(&mut line, decision);
    }
    (!line.is_empty()).then_some(line)
}

fn add(line: &mut String, decision: &Decision<'_>) {
    let Some(found) = decision.rollout else { return };
    put(line, if line.is_empty() { "rollout=" } else { ", rollout=" });
    put(line, found.rollout.name().as_str());
    put(line, " variant=");
    put(line, decision.variant.map_or("none", Variant::as_str));
    put(line, " reason=");
    put(line, decision.reason.as_str());
    if let Some(cohort) = decision.cohort {
        put(line, " cohort=");
        put(line, cohort_text(cohort));
    }
}

/// Formatting would cost each request more than the rest of this.
#[inline(never)]
fn put(line: &mut String, part: &str) {
    line.push_str(part);
}
