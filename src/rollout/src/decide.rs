//! The decision itself: which question comes first.

use crate::{
    Action, Decision, Now, Observation, Outcome, Phase, Plan, Reason, State, alerts, capacity,
    clock, command, harm, held, mirror, outdated, progress, promote, rollback, route, version,
};

/// What a pass decides on; nothing in it changes.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) seen: &'a Observation,
    pub(crate) now: Now,
}

impl Pass<'_> {
    /// The time since the pass before, in milliseconds.
    pub(crate) fn gap_ms(self) -> u64 {
        clock::millis(self.now.since_last_pass)
    }
}

/// Decides one pass.
///
/// The same arguments always give the same outcome. A change of traffic shows as
/// [`Action::Publish`]; the new state is to be stored before any action is taken. `now` is to be
/// taken after the observation, whose stamps come from the same wall clock.
///
/// In each pass the first of these that applies is done, and nothing else:
///
/// 1. a person's [`Abort`](crate::Command::Abort);
/// 2. harm: back to stable, also when paused, waiting or holding, or a freeze where stable cannot
///    serve or there is no side left to go back to;
/// 3. a stored state that is older than what proxies have: paused until a person decides;
/// 4. another version than the one on trial: stable first, then the start of the new one;
/// 5. a weight that a person lowered in the route: the document follows, paused;
/// 6. any other command, done or refused with the reason;
/// 7. the course of the phase: mirror requests where the plan does, wait for endpoints, for the route, for the proof that the weight is
///    live, for time, gates, requests, approval, other systems and replicas, then rise.
///
/// # Commands
///
/// | command | fits | else refused |
/// |---|---|---|
/// | pause | `Pending`, `Progressing`, before a swap of the roles, also in a pass that decides something of more weight; requests are mirrored no longer, and after it anew | no rise is to come |
/// | resume | wherever a pause is set; frozen in `Promoting` or `Succeeded` once no harm is seen any more | |
/// | approve | `Progressing` at a manual step whose time is over; `Promoting` while stable can serve, unless it is seen not to run the new version: it takes the traffic back | |
/// | abort | `Pending`: ends the rollout, as nobody is on the canary; `Progressing`: back to stable, where stable cannot serve a freeze, and a second abort goes all the same; `Promoting` and `Succeeded` with the canary serving: back to stable unless that cannot serve; where the rollout promotes by itself, stable's earlier version is put back first; while the roles are swapped: back to the side before, which still stands | |
/// | skip step | `Progressing`, where nothing but the step's own time, requests, detection and approval is waited for: the weight rises as soon as replicas suffice | |
/// | retry | `RolledBack`; `Succeeded` with the canary serving when the release names a new version and stable can serve: everyone to stable, then the new rollout | |
#[must_use]
pub fn decide(plan: &Plan, state: &State, observation: &Observation, now: Now) -> Outcome {
    let pass = Pass { plan, seen: observation, now };
    let mut next = state.clone();
    clock::tick(pass, &mut next);
    command::heed_pause(pass, &mut next);
    // A step that gives no decision leaves the state as it is.
    let decision = rollback::abort(pass, &mut next)
        .or_else(|| harm::check(pass, &mut next))
        .or_else(|| outdated::check(pass, &mut next))
        .or_else(|| version::check(pass, &mut next))
        .or_else(|| route::follow(pass, &mut next))
        .or_else(|| command::check(pass, &mut next))
        .unwrap_or_else(|| course(pass, &mut next));
    capacity::let_go(pass, &mut next);
    held::note(pass, &mut next, decision.reason);

    let mut actions = Vec::new();
    if next.traffic != state.traffic {
        actions.push(Action::Publish(next.traffic));
    }
    actions.extend(alerts::settle(pass, &mut next));
    Outcome { state: next, actions, decision }
}

/// What the phase does when nothing else is asked for.
fn course(pass: Pass<'_>, state: &mut State) -> Decision {
    match state.phase {
        _ if state.frozen => harm::stay_frozen(pass, state),
        Phase::Pending => progress::start(pass, state),
        Phase::Progressing if state.mirrors() => mirror::watch(pass, state),
        Phase::Progressing if state.is_before_exposure() => progress::start(pass, state),
        Phase::Progressing => progress::step(pass, state),
        Phase::Promoting => promote::promote(pass, state),
        Phase::Succeeded => promote::rest(pass, state),
        Phase::RollingBack => rollback::go_on(pass, state),
        Phase::RolledBack => rollback::rest(state),
    }
}

impl Reason {
    pub(crate) fn because(self, message: impl Into<String>) -> Decision {
        Decision { reason: self, message: message.into() }
    }
}
