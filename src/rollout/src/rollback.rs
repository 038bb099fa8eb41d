//! The way back to stable: its start, and the proof that it has ended.

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{
    CanaryTraffic, Command, Decision, Endpoints, Observation, Pause, Phase, Reason, RouteSeen,
    StableRuns, State, message, promote,
};

/// Scrapes in a row without a request to the canary that prove it empty. One may fall between two
/// requests, or before a proxy's counters were flushed.
const SCRAPES_TO_PROVE_EMPTY: u32 = 3;

/// Sends everyone back to stable, testers included, in one write.
pub(crate) fn start(pass: Pass<'_>, state: &mut State, reason: Reason, why: &str) -> Decision {
    let place = message::place(pass.plan, state);
    state.swap_back();
    state.phase = Phase::RollingBack;
    state.frozen = false;
    state.restoring = false;
    state.no_data_ms = 0;
    state.not_ready_ms = 0;
    state.send(Weight::ZERO, false, pass.now.wall_ms);
    reason.because(format!("back to stable from {place}: {why}"))
}

/// Waits for nothing, unless somebody is on the canary and stable has no endpoint at all: then whoever is on the canary is better
/// off there, and the way back begins as soon as stable can serve.
pub(crate) fn start_if_stable_serves(
    pass: Pass<'_>,
    state: &mut State,
    reason: Reason,
    why: &str,
) -> Decision {
    if pass.seen.stable != Endpoints::NotReady || state.is_before_exposure() {
        return start(pass, state, reason, why);
    }
    state.frozen = true;
    let place = message::place(pass.plan, state);
    // While promoting, an abort that leaves everyone without an answer is refused.
    let or = if state.can_go_back() { ", `serin abort` goes all the same" } else { "" };
    Reason::Frozen.because(format!(
        "frozen at {place}: {why}; stable has no ready endpoint to go back to: it goes as soon as \
         there is one{or}"
    ))
}

/// A person's abort, where it fits.
pub(crate) fn abort(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    if pass.seen.command != Some(Command::Abort) || abort_refused(pass.seen, state).is_some() {
        return None;
    }
    let why = "a person asked for it";
    state.again = false;
    Some(match state.phase {
        Phase::Pending => never_start(state, Reason::Aborted, why),
        _ if state.can_go_back() && !state.frozen => {
            start_if_stable_serves(pass, state, Reason::Aborted, why)
        }
        Phase::Promoting if by_itself(pass.seen, state) => promote::restore(state, why),
        _ => start(pass, state, Reason::Aborted, why),
    })
}

/// Ends a rollout that has not started.
pub(crate) fn never_start(state: &mut State, reason: Reason, why: &str) -> Decision {
    state.again = false;
    end(state);
    reason.because(format!(
        "{} will not start: {why}; nobody was on the canary; `serin retry` or a new version starts \
         again",
        state.version
    ))
}

/// Why an abort does not fit, if it does not.
pub(crate) fn abort_refused(seen: &Observation, state: &State) -> Option<&'static str> {
    match state.phase {
        Phase::Pending => None,
        _ if state.can_go_back() => None,
        Phase::RollingBack => Some("everyone is being sent back to stable already"),
        Phase::RolledBack => Some("everyone is on stable already"),
        Phase::Promoting if state.gives_way() => (seen.canary == Endpoints::NotReady)
            .then_some("the Deployment that served before has no ready endpoint any more"),
        Phase::Promoting | Phase::Succeeded if !state.traffic.canary_serves => {
            Some("stable runs the new version and serves it: release the earlier one as a new one")
        }
        Phase::Promoting if state.restoring => {
            Some("stable's earlier version is being put back already, and everyone goes there then")
        }
        Phase::Promoting if by_itself(seen, state) => None,
        Phase::Progressing | Phase::Promoting | Phase::Succeeded => (seen.stable
            == Endpoints::NotReady)
            .then_some("stable has no ready endpoint, so that everyone would get errors"),
    }
}

/// Whether stable is brought to the new version, and back, by the rollout itself.
fn by_itself(seen: &Observation, state: &State) -> bool {
    seen.stable_runs != StableRuns::NotApplicable && !state.gives_way()
}

/// Whether nothing reaches the side that is to be empty any more. A proxy that is behind, or a route
/// that was not written, may still send somebody there, however quiet it is just now.
pub(crate) const fn emptied(seen: &Observation) -> bool {
    matches!(seen.canary_traffic, CanaryTraffic::Still { scrapes } if scrapes >= SCRAPES_TO_PROVE_EMPTY)
        && (seen.proof.is_live() || seen.proof.is_silent())
        && !matches!(seen.route, RouteSeen::Unknown { .. })
}

/// Goes on until the canary is proved empty, for ever if need be.
pub(crate) fn go_on(pass: Pass<'_>, state: &mut State) -> Decision {
    if !emptied(pass.seen) {
        return Reason::RollingBack.because(format!(
            "everyone is being sent back to stable for {}: {}",
            message::seconds(state.unproved_ms),
            message::emptying(pass.seen, "the canary")
        ));
    }
    let proof = message::emptying(pass.seen, "the canary");
    end(state);
    if pass.seen.version == state.version && !state.again {
        return Reason::RolledBack.because(format!(
            "{} is rolled back: {proof}; `serin retry` or a new version starts again",
            state.version
        ));
    }
    let former = state.version.clone();
    state.start_over(pass.seen.version.clone());
    Reason::NewVersion.because(format!(
        "{} starts with everyone on stable after {former}: {proof}",
        state.version
    ))
}

/// Nothing follows a rollback by itself.
pub(crate) fn rest(state: &State) -> Decision {
    Reason::RolledBack.because(format!(
        "everyone is on stable; {} was rolled back, `serin retry` or a new version starts again",
        state.version
    ))
}

/// Everyone is on stable, so that the state is known again where it was lost.
fn end(state: &mut State) {
    state.phase = Phase::RolledBack;
    state.paused = state.paused.filter(|pause| *pause != Pause::StateLost);
}
