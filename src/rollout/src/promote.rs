//! After the last step: stable is brought to the new version and takes the traffic back.

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{Decision, Endpoints, Phase, Reason, State, message, rollback};

/// Waits until stable runs the new version, hands the traffic over, and waits until the canary is
/// proved empty.
pub(crate) fn promote(pass: Pass<'_>, state: &mut State) -> Decision {
    if state.hands_over() {
        return take_leave(pass, state);
    }
    let (version, weight) = (&state.version, state.traffic.weight);
    match (pass.seen.promoted, pass.seen.stable) {
        (true, Endpoints::Ready | Endpoints::Unknown) => {
            hand_over(pass, state, "stable runs the new version")
        }
        (true, Endpoints::NotReady) => Reason::Promoting.because(format!(
            "canary serves {weight}; stable runs {version} but has no ready endpoint yet"
        )),
        (false, _) => Reason::Promoting.because(format!(
            "canary serves {weight}: bring stable to version {version}, then `serin approve`"
        )),
    }
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
    let emptying = message::emptying(pass.seen);
    if rollback::emptied(pass.seen) {
        state.phase = Phase::Succeeded;
        return Reason::Succeeded.because(format!(
            "{} has succeeded and serves from stable: {emptying}",
            state.version
        ));
    }
    let been = message::seconds(state.unproved_ms);
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
    pub(crate) fn hands_over(&self) -> bool {
        self.phase == Phase::Promoting && !self.traffic.canary_serves
    }
}
