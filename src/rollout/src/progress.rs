//! The way up: the start, the conditions of a step, the rise.

use core::time::Duration;

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{
    Approval, Decision, Endpoints, Length, OnSuccess, Pause, Phase, Reason, Served, State, Step,
    asks, capacity, evidence, message, mirror, promote, route, serving, swap, tripwire, version,
};

/// Waits until both sides can serve and proxies are proved to follow, then has requests mirrored where
/// the plan does, and goes to the first step. Gates say nothing yet, as nobody is on the canary.
pub(crate) fn start(pass: Pass<'_>, state: &mut State) -> Decision {
    let (index, first) = pass.plan.steps.reached_by(Weight::ZERO);
    asks::forget_gone(pass, state);
    // A canary that is still to get its replicas has no endpoints.
    let away = if capacity::awaited(pass) { None } else { canary_away(pass) };
    let mirror = mirror::due(pass.plan, state);
    let next = mirror.map_or(first.weight, |mirror| mirror.share);
    let blocker = mirror::away(pass, state)
        .or_else(|| paused(state))
        .or(away)
        .or_else(|| stable_away(pass))
        .or_else(|| preparing(pass))
        .or_else(|| version::not_seen_yet(pass, state))
        .or_else(|| route::away(pass))
        .or_else(|| serving::away(pass, state))
        .or_else(|| unproved(pass, state))
        .or_else(|| tripwire::tripped(pass, state))
        .or_else(|| asks::ask(pass, state))
        .or_else(|| {
            let short = capacity::ask(pass, state, next);
            asks::ask_once_ready(pass, state, short)
        });
    if let Some((reason, why)) = blocker {
        return reason.because(format!("{} has not started: {why}", state.version));
    }
    if state.phase == Phase::Pending {
        serving::take(pass, state);
    }
    version::note(pass, state);
    if let Some(mirror) = mirror {
        return mirror::begin(pass, state, mirror);
    }
    rise(pass, state, index, first, &format!("{} starts", state.version))
}

/// Holds at a step until all its conditions are met, then rises or ends.
pub(crate) fn step(pass: Pass<'_>, state: &mut State) -> Decision {
    let (_, now_at) = pass.plan.steps.reached_by(state.traffic.weight);
    let next = pass.plan.steps.above(state.traffic.weight);
    let facts = message::facts(pass, state);
    let blocker = blocker(pass, state, now_at)
        // Where the weight stays, nothing hangs on stable.
        .or_else(|| next.and_then(|_| stable_away(pass)))
        .or_else(|| asks::ask(pass, state))
        .or_else(|| next.and_then(|(_, step)| capacity::ask(pass, state, step.weight)));
    match (blocker, next) {
        (Some((reason, why)), _) => {
            let place = message::place(pass.plan, state);
            let why = if why.is_empty() { why } else { format!("{why}; ") };
            reason.because(format!("holding {place}: {why}{facts}"))
        }
        (None, Some((index, step))) => rise(pass, state, index, step, &facts),
        (None, None) => finish(pass, state, &facts),
    }
}

/// Whether the step has lasted as long as it should.
pub(crate) fn over(pass: Pass<'_>, step: &Step, state: &State) -> bool {
    let timed_out = timed_out(step, state);
    match step.length {
        Length::Bake(_) => timed_out,
        Length::Detect { ratio, .. } => timed_out || detects(pass, ratio, state),
    }
}

/// Whether the step has been under observation for its longest time.
pub(crate) fn timed_out(step: &Step, state: &State) -> bool {
    state.clock.is_some_and(|clock| Duration::from_millis(clock.baked_ms) >= step.length.longest())
}

/// Whether such a ratio would have been seen by now. What was computed before the step's clock
/// started is not of this step.
pub(crate) fn detects(pass: Pass<'_>, ratio: f64, state: &State) -> bool {
    let watched = state.clock.is_some_and(|clock| clock.baked_ms > 0);
    watched
        && pass.seen.detectable.is_some_and(|detectable| {
            if ratio > 1.0 {
                detectable > 1.0 && detectable <= ratio
            } else {
                detectable < 1.0 && detectable >= ratio
            }
        })
}

/// The first condition that is not met, and what the facts of the step do not say about it.
pub(crate) fn blocker(pass: Pass<'_>, state: &State, step: &Step) -> Option<(Reason, String)> {
    let fact = |reason| Some((reason, String::new()));
    // What a broken route sends where says nothing of this weight; and nobody brings stable to a
    // version over one that a person has just put there.
    let away = paused(state)
        .or_else(|| canary_away(pass))
        .or_else(|| route::away(pass))
        .or_else(|| serving::away(pass, state));
    if away.is_some() {
        return away;
    }
    if let Some(unproved) = unproved(pass, state) {
        return Some(unproved);
    }
    if let Some(tripped) = tripwire::tripped(pass, state) {
        return Some(tripped);
    }
    // The clock was started by the same proof.
    let clock = state.clock?;
    if let Served::Mismatch { why } = &pass.seen.served {
        return Some((Reason::SplitMismatch, why.clone()));
    }
    // What a skipped step could still have told is not waited for; one gate with too little to tell
    // does not silence another that speaks against the rise.
    let objection = evidence::objections(pass, state, clock.started_ms)
        .find(|reason| !(state.skipped && evidence::is_wanting(*reason)));
    if let Some(reason) = objection {
        return fact(reason);
    }
    if state.skipped {
        return None;
    }
    if !over(pass, step, state) {
        return fact(match step.length {
            Length::Bake(_) => Reason::Baking,
            Length::Detect { .. } => Reason::Detecting,
        });
    }
    let enough = step.min_requests == 0
        || pass.seen.canary_requests.is_some_and(|requests| requests >= step.min_requests);
    if !enough {
        return fact(Reason::WaitingForRequests);
    }
    if step.approval == Approval::Manual && !state.approved {
        return fact(Reason::WaitingForApproval);
    }
    None
}

pub(crate) fn paused(state: &State) -> Option<(Reason, String)> {
    let why = match state.paused? {
        Pause::Person => "paused by a person until `serin resume`",
        Pause::StateLost => {
            "paused until `serin resume`, as the stored state was lost; harm still rolls back"
        }
        Pause::LoweredByHand if state.is_before_exposure() => {
            "paused until `serin resume`, as a person changed the mirror in the route"
        }
        Pause::LoweredByHand => {
            "paused until `serin resume`, as a person lowered the canary's weight in the route"
        }
    };
    Some((Reason::Paused, why.to_owned()))
}

fn preparing(pass: Pass<'_>) -> Option<(Reason, String)> {
    Some((Reason::Preparing, pass.seen.preparing.clone()?))
}

pub(crate) fn canary_away(pass: Pass<'_>) -> Option<(Reason, String)> {
    (pass.seen.canary == Endpoints::NotReady)
        .then(|| (Reason::WaitingForCanary, "the canary has no ready endpoint".to_owned()))
}

pub(crate) fn unproved(pass: Pass<'_>, state: &State) -> Option<(Reason, String)> {
    (!pass.seen.proof.is_live()).then(|| {
        let why = message::proof(&pass.seen.proof, state.traffic.revision);
        (Reason::WaitingForProxies, why)
    })
}

fn stable_away(pass: Pass<'_>) -> Option<(Reason, String)> {
    (pass.seen.stable == Endpoints::NotReady).then(|| {
        let why = "stable has no ready endpoint, so that nothing could be rolled back";
        (Reason::WaitingForStable, why.to_owned())
    })
}

fn rise(pass: Pass<'_>, state: &mut State, index: usize, step: &Step, facts: &str) -> Decision {
    let from = state.traffic.weight;
    state.phase = Phase::Progressing;
    state.step = index;
    state.exposed_since_ms.get_or_insert(pass.now.wall_ms);
    state.send(step.weight, true, pass.now.wall_ms);
    let place = message::place(pass.plan, state);
    Reason::Advanced.because(format!("rising from {from} to {place}: {facts}"))
}

fn finish(pass: Pass<'_>, state: &mut State, facts: &str) -> Decision {
    state.clock = None;
    state.approved = false;
    state.skipped = false;
    state.asking_since_ms = None;
    state.no_data_ms = 0;
    state.unproved_ms = 0;
    let (version, weight) = (&state.version, state.traffic.weight);
    match pass.plan.on_success {
        OnSuccess::Keep => {
            state.phase = Phase::Succeeded;
            Reason::Succeeded
                .because(format!("{version} has succeeded and keeps {weight}: {facts}"))
        }
        OnSuccess::Swap => swap::begin(pass, state, facts),
        OnSuccess::Promote => {
            state.phase = Phase::Promoting;
            Reason::Promoting.because(format!(
                "all steps held, at {weight}: {}; {facts}",
                promote::next(pass.seen, version)
            ))
        }
    }
}
