//! The serving side runs what it ran when the rollout began: else it is compared with what nobody
//! planned, and a rollback would not lead to what users had before.

use crate::decide::Pass;
use crate::{Alert, OnSuccess, Phase, Reason, State};

/// Notes what the serving side is told to run, once for each rollout. Where the roles are swapped it
/// is noted at rest too, as nobody may change what serves there without a rollout.
pub(crate) fn note(pass: Pass<'_>, state: &mut State) {
    if state.baseline.is_none() && is_held(pass, state) {
        take(pass, state);
    }
}

/// Notes what the serving side is told to run now.
pub(crate) fn take(pass: Pass<'_>, state: &mut State) {
    state.baseline = pass.seen.templates.as_ref().map(|templates| templates.stable.clone());
}

/// Whether it is told to run something else by now. What cannot be told changes nothing.
pub(crate) fn changed(pass: Pass<'_>, state: &State) -> bool {
    match (&pass.seen.templates, &state.baseline) {
        _ if !is_held(pass, state) => false,
        (Some(templates), Some(baseline)) => templates.stable != *baseline,
        (None, _) => state.alerts.contains(&Alert::ServingChanged),
        (Some(_), None) => false,
    }
}

/// Why nothing rises, where it has changed.
pub(crate) fn away(pass: Pass<'_>, state: &State) -> Option<(Reason, String)> {
    changed(pass, state).then(|| {
        let why = "the serving side runs another version than at the start, and nobody promoted: \
                   put it back, or `serin abort` and `serin retry` compare with it as it is";
        (Reason::ServingChanged, why.to_owned())
    })
}

/// Whether the serving side is to stay as it is.
fn is_held(pass: Pass<'_>, state: &State) -> bool {
    match state.phase {
        Phase::Progressing => true,
        // What the next rollout is compared with is what is there at its start. And in the pass in
        // which the roles change, what is seen is seen by those before.
        Phase::Pending | Phase::RollingBack => false,
        Phase::Promoting if !state.traffic.canary_serves => false,
        Phase::Promoting | Phase::Succeeded | Phase::RolledBack => {
            pass.plan.on_success == OnSuccess::Swap
        }
    }
}
