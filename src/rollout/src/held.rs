//! Holds that nobody planned.
//!
//! A step waits for its time, for requests, for evidence, for a person or for a no of another system
//! to become a yes as long as it takes: that is what it is there for. What else keeps it should come
//! by itself within minutes: replicas, endpoints, a route that can be read, an answer. Proxies,
//! metrics, trips, a route that cannot be used and a serving side that was changed have alerts of
//! their own.

use crate::clock::longer;
use crate::decide::Pass;
use crate::{Phase, Reason, State, asks};

/// Counts for how long such a hold has lasted, by what this pass came to.
pub(crate) fn note(pass: Pass<'_>, state: &mut State, reason: Reason) {
    let on_the_way = state.phase == Phase::Progressing;
    // The answer to a command does not say what is waited for.
    let answers = matches!(reason, Reason::Refused | Reason::Approved | Reason::StepSkipped);
    if on_the_way && answers {
        return;
    }
    let held = on_the_way && unplanned(pass, state, reason);
    state.held_ms = longer(state.held_ms, held, pass.gap_ms());
}

fn unplanned(pass: Pass<'_>, state: &State, reason: Reason) -> bool {
    match reason {
        Reason::Capacity
        | Reason::RouteUnknown
        | Reason::SplitMismatch
        | Reason::WaitingForCanary
        | Reason::WaitingForStable => true,
        Reason::WaitingForAnswer => asks::unanswered(pass, state),
        _ => false,
    }
}
