//! A release that names another version than the one on trial.

use crate::decide::Pass;
use crate::{Decision, Endpoints, Phase, Reason, State, rollback};

/// Starts the new version where everyone is on stable; mid-rollout everyone goes to stable first,
/// since what runs on the canary is no longer what was tried.
///
/// Where the canary serves for good, a new version has nowhere to be tried: a person decides
/// ([`Command::Retry`](crate::Command::Retry)).
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
        Phase::Progressing | Phase::Promoting => {
            let why = format!("the release names {named} instead of {}", state.version);
            Some(rollback::start_if_stable_serves(pass, state, Reason::NewVersion, &why))
        }
    }
}
