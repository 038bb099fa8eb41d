//! A stored state that is older than what proxies have, such as one restored from a copy.
//!
//! Proxies never take an earlier revision, so that what such a state says does not reach them; and
//! what they have may be all that still serves. So it is treated like a lost state: nothing rises,
//! harm and an abort go back to stable, and only a person puts the stored traffic in force.

use crate::decide::Pass;
use crate::{Decision, Pause, Phase, Proof, Reason, State};

/// Pauses, or where everyone is being sent back goes on above what proxies have.
pub(crate) fn check(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    let Proof::Ahead { largest, .. } = pass.seen.proof else { return None };
    if state.phase == Phase::RollingBack {
        state.overtake(largest, pass.now.wall_ms);
        return Some(Reason::RollingBack.because(format!(
            "everyone is being sent back to stable anew, as a proxy shows revision {largest}"
        )));
    }
    // What is frozen rises no more than what is paused, and waits for a person alike.
    if state.frozen || state.paused.is_some() {
        return None;
    }
    state.paused = Some(Pause::StateLost);
    Some(Reason::StateOutdated.because(format!(
        "a proxy shows revision {largest}, later than {} of the stored state: paused, proxies keep \
         what they have; `serin resume` puts the stored weight of {} in force, `serin abort` moves \
         everyone to stable",
        state.traffic.revision, state.traffic.weight
    )))
}

/// Puts the stored traffic in force, as a person who resumes asks for. While it is frozen, no
/// traffic changes: the pause comes back once the freeze has ended.
pub(crate) fn put_in_force(pass: Pass<'_>, state: &mut State) {
    match pass.seen.proof {
        Proof::Ahead { largest, .. } if !state.frozen => {
            state.overtake(largest, pass.now.wall_ms);
        }
        _ => {}
    }
}
