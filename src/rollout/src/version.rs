//! A release that names another version than the one on trial.

use crate::decide::Pass;
use crate::{Decision, Endpoints, Phase, Reason, StableRuns, State, Version, promote, rollback};

/// Starts the new version where everyone is on stable; mid-rollout everyone goes to stable first,
/// since what runs on the canary is no longer what was tried.
///
/// Where the canary serves for good, a new version has nowhere to be tried: a person decides
/// ([`Command::Retry`](crate::Command::Retry)). While stable is being brought to the version that
/// held, everyone goes there first; what has not begun is taken back.
pub(crate) fn check(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    let named = &pass.seen.version;
    if *named == state.version {
        return None;
    }
    match state.phase {
        // Both end with everyone on stable; the new version starts then.
        Phase::RollingBack => None,
        Phase::Promoting if state.hands_over() => None,
        Phase::Succeeded if state.traffic.canary_serves => None,
        Phase::Pending | Phase::RolledBack | Phase::Succeeded => {
            let former = state.version.clone();
            state.start_over(named.clone());
            Some(
                Reason::NewVersion.because(format!(
                    "{named} starts with everyone on stable; before it was {former}"
                )),
            )
        }
        // Waits for stable already.
        Phase::Progressing if state.frozen => None,
        Phase::Promoting if state.frozen && pass.seen.stable == Endpoints::NotReady => None,
        Phase::Promoting if state.restoring => None,
        Phase::Promoting if pass.seen.stable_runs == StableRuns::Earlier => {
            Some(promote::restore(state, &renamed(named, state)))
        }
        Phase::Promoting if pass.seen.stable_runs != StableRuns::NotApplicable => None,
        Phase::Progressing | Phase::Promoting => {
            let why = renamed(named, state);
            Some(rollback::start_if_stable_serves(pass, state, Reason::NewVersion, &why))
        }
    }
}

fn renamed(named: &Version, state: &State) -> String {
    format!("the release names {named} instead of {}", state.version)
}
