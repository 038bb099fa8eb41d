//! After the last step: stable is brought to the new version and takes the traffic back.

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{
    Decision, Endpoints, Observation, Phase, Reason, StableRuns, State, Version, message, progress,
    rollback, swap, tripwire,
};

/// Waits until stable runs the new version, hands the traffic over, and waits until the canary is
/// proved empty.
pub(crate) fn promote(pass: Pass<'_>, state: &mut State) -> Decision {
    if state.swaps() {
        return swap::go_on(pass, state);
    }
    if state.hands_over() {
        return take_leave(pass, state);
    }
    if state.restoring {
        return go_back(pass, state);
    }
    let (next, weight) = (next(pass.seen, &state.version), state.traffic.weight);
    let held = progress::paused(state).or_else(|| tripwire::tripped(pass, state));
    if let Some((reason, why)) = held {
        return reason.because(format!("canary serves {weight}: {why}; {next}"));
    }
    let new = pass.seen.stable_runs == StableRuns::New;
    if new && pass.seen.stable != Endpoints::NotReady {
        return hand_over(pass, state, "stable runs the new version");
    }
    let reason = match pass.seen.stable_runs {
        StableRuns::Stuck => Reason::PromotionStuck,
        _ => Reason::Promoting,
    };
    reason.because(format!("canary serves {weight}: {next}"))
}

/// What the promotion waits for.
pub(crate) fn next(seen: &Observation, version: &Version) -> String {
    match seen.stable_runs {
        StableRuns::NotApplicable => {
            format!("bring stable to version {version}, then `serin approve`")
        }
        StableRuns::Unknown => "nobody can tell what stable runs".to_owned(),
        StableRuns::Earlier => format!("stable is to run {version}"),
        StableRuns::Between => format!("stable is being brought to {version}"),
        StableRuns::Stuck => format!(
            "stable is being brought to {version}, and its Deployment has exceeded its progress \
             deadline"
        ),
        StableRuns::New => format!("stable runs {version} but has no ready endpoint yet"),
    }
}

/// Has stable's earlier version put back before anybody goes there, also where stable is seen to run
/// it: what is seen may be older than the change that is under way.
pub(crate) fn restore(state: &mut State, why: &str) -> Decision {
    state.restoring = true;
    state.frozen = false;
    state.unproved_ms = 0;
    Reason::Restoring.because(format!(
        "the canary keeps {} until stable runs its earlier version again: {why}",
        state.traffic.weight
    ))
}

/// Sends everyone back once stable runs its earlier version.
fn go_back(pass: Pass<'_>, state: &mut State) -> Decision {
    let weight = state.traffic.weight;
    let waits = match (pass.seen.stable_runs, pass.seen.stable) {
        (StableRuns::Earlier, Endpoints::Ready | Endpoints::Unknown) => {
            let why = "stable runs its earlier version again";
            return rollback::start(pass, state, Reason::RollingBack, why);
        }
        (StableRuns::Earlier, Endpoints::NotReady) => {
            "stable runs its earlier version but has no ready endpoint yet"
        }
        (StableRuns::Stuck, _) => {
            "stable does not get back to its earlier version: its Deployment has exceeded its \
             progress deadline"
        }
        (StableRuns::Between | StableRuns::New, _) => {
            "stable is being brought back to its earlier version, then everyone goes there"
        }
        (StableRuns::NotApplicable | StableRuns::Unknown, _) => "nobody can tell what stable runs",
    };
    Reason::Restoring.because(format!("canary serves {weight}: {waits}"))
}

/// Sends everyone to stable, which runs the new version.
pub(crate) fn hand_over(pass: Pass<'_>, state: &mut State, why: &str) -> Decision {
    let from = state.traffic.weight;
    state.frozen = false;
    state.not_ready_ms = 0;
    state.send(Weight::ZERO, false, pass.now.wall_ms);
    Reason::Promoting.because(format!(
        "moving everyone from the canary at {from} to stable, which runs {}: {why}",
        state.version
    ))
}

fn take_leave(pass: Pass<'_>, state: &mut State) -> Decision {
    let emptying = message::emptying(pass.seen, "the canary");
    let swapped = state.gives_way();
    // Its replicas go with the success.
    let kept = if swapped { tripwire::keeps_stable(pass, state) } else { None };
    if let Some((reason, why)) = kept {
        return reason.because(format!(
            "the side that served before, the canary's now, keeps its replicas: {why}"
        ));
    }
    if rollback::emptied(pass.seen) {
        state.phase = Phase::Succeeded;
        let how = if swapped { "serves, with the roles swapped" } else { "serves from stable" };
        return Reason::Succeeded
            .because(format!("{} has succeeded and {how}: {emptying}", state.version));
    }
    let been = message::seconds(state.unproved_ms);
    if swapped {
        return Reason::Swapped.because(format!(
            "the side that served before, the canary's now, is being left for {been}: {emptying}"
        ));
    }
    Reason::Promoting.because(format!("everyone is being moved to stable for {been}: {emptying}"))
}

/// Nothing follows a success by itself, unless a new version may start.
pub(crate) fn rest(pass: Pass<'_>, state: &State) -> Decision {
    let (version, named) = (&state.version, &pass.seen.version);
    match (state.traffic.canary_serves, named == version) {
        (true, false) => Reason::Frozen.because(format!(
            "the release names {named} while the canary serves {version} at {}: nothing moves; \
             `serin retry` sends everyone to stable, then starts {named}",
            state.traffic.weight
        )),
        (true, true) => Reason::Succeeded.because(format!(
            "{version} has succeeded; the canary serves {}",
            state.traffic.weight
        )),
        (false, _) => {
            Reason::Succeeded.because(format!("{version} has succeeded; stable serves it"))
        }
    }
}

impl State {
    /// Whether all steps held and stable takes the traffic back.
    pub(crate) const fn hands_over(&self) -> bool {
        matches!(self.phase, Phase::Promoting) && !self.traffic.canary_serves
    }
}
