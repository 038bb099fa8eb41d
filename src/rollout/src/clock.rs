//! What time does to a rollout: how long things have lasted.
//!
//! Durations are sums of the monotonic time between passes, so that neither a restart nor a jump of
//! the wall clock makes them longer than what was watched.

use core::time::Duration;

use crate::decide::Pass;
use crate::{
    Endpoints, Phase, RouteSeen, StableRuns, State, StepClock, evidence, rollback, route, serving,
    swap, tripwire, version,
};

/// Brings all that depends on time up to this pass.
pub(crate) fn tick(pass: Pass<'_>, state: &mut State) {
    forget_the_future(state, pass.now.wall_ms);
    if !pass.seen.gates.is_empty() {
        state.gates.clone_from(&pass.seen.gates);
    }
    if state.phase == Phase::Progressing {
        follow_plan(pass, state);
        run_step_clock(pass, state);
        version::note(pass, state);
    }
    serving::note(pass, state);
    forget_mirrors(pass, state);
    measure(pass, state);
}

/// Whether something that has lasted for `ms` reaches `limit`; what does not last never does.
pub(crate) fn lasted(ms: u64, limit: Duration) -> bool {
    ms > 0 && Duration::from_millis(ms) >= limit
}

/// A stamp later than now was written before the wall clock was set back. Left alone, it would hide
/// every reading until the clock has caught up.
fn forget_the_future(state: &mut State, now_ms: u64) {
    let stamps = [
        Some(&mut state.traffic_since_ms),
        state.exposed_since_ms.as_mut(),
        state.clock.as_mut().map(|clock| &mut clock.started_ms),
    ];
    for stamp in stamps.into_iter().flatten() {
        *stamp = now_ms.min(*stamp);
    }
}

/// What was to be put back into the route is there, once the rollout is over.
fn forget_mirrors(pass: Pass<'_>, state: &mut State) {
    let over = matches!(state.phase, Phase::Succeeded | Phase::RolledBack);
    if over && pass.seen.route == RouteSeen::AsSet {
        state.kept_mirrors = None;
    }
}

/// A plan that was changed meanwhile leaves the weight as it is. Where that now belongs to another
/// step, that step begins.
fn follow_plan(pass: Pass<'_>, state: &mut State) {
    let (index, _) = pass.plan.steps.reached_by(state.traffic.weight);
    if index != state.step {
        state.step = index;
        state.clock = None;
        state.approved = false;
        state.skipped = false;
    }
}

/// Starts with the proof that the weight is live; counts time in which every gate was answered. While
/// a proxy has tripped, users are not where the weight says: the step begins anew after that.
fn run_step_clock(pass: Pass<'_>, state: &mut State) {
    let gets_requests = state.traffic.canary_serves || state.mirrors();
    if !gets_requests || !pass.seen.proof.is_live() {
        return;
    }
    let answered = evidence::answered(pass, state);
    let tripped = tripwire::tripped(pass, state).is_some();
    match &mut state.clock {
        Some(clock) if tripped => {
            *clock = StepClock { started_ms: pass.now.wall_ms, baked_ms: 0 };
        }
        None => state.clock = Some(StepClock { started_ms: pass.now.wall_ms, baked_ms: 0 }),
        // Where users are while the route is broken is not known.
        Some(clock) if answered && !route::unusable(pass) => {
            let watched = pass.now.since_last_pass.min(pass.plan.policy.longest_gap);
            clock.baked_ms = clock.baked_ms.saturating_add(millis(watched));
        }
        Some(_) => {}
    }
}

/// For how long the new version has not been ready, gates have had no data, traffic was not proved.
fn measure(pass: Pass<'_>, state: &mut State) {
    let gap = pass.gap_ms();
    let progressing = state.phase == Phase::Progressing;
    let gets_requests = state.traffic.canary_serves || state.mirrors();

    let new = if state.gives_way() { pass.seen.stable } else { pass.seen.canary };
    let not_ready = match new {
        _ if !gets_requests && !state.gives_way() => Some(false),
        Endpoints::Ready => Some(false),
        Endpoints::NotReady => Some(true),
        Endpoints::Unknown => None,
    };
    if let Some(not_ready) = not_ready {
        state.not_ready_ms = longer(state.not_ready_ms, not_ready, gap);
    }
    let no_data = progressing && gets_requests && !evidence::complete(pass, state);
    state.no_data_ms = longer(state.no_data_ms, no_data, gap);

    let unproved = match state.phase {
        Phase::Pending | Phase::Progressing => !pass.seen.proof.is_live(),
        Phase::RollingBack => !rollback::emptied(pass.seen),
        Phase::Promoting if state.restoring => true,
        Phase::Promoting if state.hands_over() => !rollback::emptied(pass.seen),
        Phase::Promoting => state.swaps() || pass.seen.stable_runs != StableRuns::NotApplicable,
        Phase::Succeeded | Phase::RolledBack => false,
    };
    let settled = state.swaps() && swap::stands(pass);
    state.settled_ms = longer(state.settled_ms, settled, gap);
    state.unproved_ms = longer(state.unproved_ms, unproved, gap);
}

/// Zero while it does not last. The pass that first sees it counts for 1 ms only, since nobody knows
/// when it began.
pub(crate) fn longer(before_ms: u64, lasts: bool, gap_ms: u64) -> u64 {
    match (lasts, before_ms) {
        (false, _) => 0,
        (true, 0) => 1,
        (true, before_ms) => before_ms.saturating_add(gap_ms),
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_counted_from_the_pass_that_first_sees_it() {
        assert_eq!(longer(0, true, 60_000), 1);
        assert_eq!(longer(1, true, 1_000), 1_001);
        assert_eq!(longer(1_001, false, 1_000), 0);
    }

    #[test]
    fn what_does_not_last_reaches_no_limit() {
        assert!(!lasted(0, Duration::ZERO));
        assert!(lasted(1, Duration::ZERO));
        assert!(!lasted(9_999, Duration::from_secs(10)));
        assert!(lasted(10_000, Duration::from_secs(10)));
    }
}
