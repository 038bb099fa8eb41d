//! A release that asks for something else than what is on trial: another version, or other steps.

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
    if state.can_go_back() {
        return restart(pass, state);
    }
    if !state.is_new(named) {
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

/// Notes the steps that a rollout begins with.
pub(crate) fn note(pass: Pass<'_>, state: &mut State) {
    if state.plan.is_none() {
        state.plan.clone_from(&pass.plan.steps_name);
    }
}

/// Why a rollout does not start yet: the canary's side is told to run what the release does not name
/// yet, and will in a moment.
pub(crate) fn not_seen_yet(pass: Pass<'_>, state: &State) -> Option<(Reason, String)> {
    Some((Reason::WaitingForCanary, replaced(pass, state)?))
}

/// Sends everyone back where what is under way is not what is asked for any more; it starts again
/// after that.
fn restart(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    // Waits for stable already.
    if state.frozen {
        return None;
    }
    let (reason, why) = outdated(pass, state)?;
    let decision = rollback::start_if_stable_serves(pass, state, reason, &why);
    // Another version starts by its name.
    state.again = pass.seen.version == state.version;
    Some(decision)
}

fn outdated(pass: Pass<'_>, state: &State) -> Option<(Reason, String)> {
    let named = &pass.seen.version;
    if *named != state.version {
        return Some((Reason::NewVersion, renamed(named, state)));
    }
    if let Some(why) = replaced(pass, state) {
        return Some((Reason::NewVersion, why));
    }
    let (now, begun) = (pass.plan.steps_name.as_ref()?, state.plan.as_ref()?);
    (now != begun).then(|| {
        let why = "the release's steps are others than those that the rollout began with";
        (Reason::NewPlan, why.to_owned())
    })
}

/// That the canary's side is told to run something else than the version on trial, where that is
/// known.
fn replaced(pass: Pass<'_>, state: &State) -> Option<String> {
    let runs = &pass.seen.templates.as_ref()?.canary;
    (!state.version.names(runs)).then(|| {
        format!("the canary's Deployment is told to run {runs} instead of {}", state.version)
    })
}

fn renamed(named: &Version, state: &State) -> String {
    format!("the release names {named} instead of {}", state.version)
}

impl State {
    /// Whether a release that names this version asks for another rollout: it is neither the one of
    /// this state nor, after a swap of the roles, the one that gave way.
    #[must_use]
    pub fn is_new(&self, named: &Version) -> bool {
        let gave_way = self.idle.as_ref().is_some_and(|idle| named.names(idle));
        *named != self.version && !gave_way
    }
}
