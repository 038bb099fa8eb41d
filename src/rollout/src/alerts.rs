//! Which alerts stand, derived from the state; what changed since the last pass is told once.

use std::collections::BTreeSet;

use crate::clock::lasted;
use crate::decide::Pass;
use crate::{Action, Alert, Pause, Phase, StableRuns, State, evidence, route, serving, tripwire};

/// Notes the alerts that stand after this pass and gives the changes, the raised ones first.
pub(crate) fn settle(pass: Pass<'_>, state: &mut State) -> Vec<Action> {
    let standing = standing(pass, state);
    let raised = standing.difference(&state.alerts).copied().map(Action::Raise);
    let cleared = state.alerts.difference(&standing).copied().map(Action::Clear);
    let changes = raised.chain(cleared).collect();
    state.alerts = standing;
    changes
}

fn standing(pass: Pass<'_>, state: &State) -> BTreeSet<Alert> {
    let policy = &pass.plan.policy;
    let pending = state.phase == Phase::Pending;
    let progressing = state.phase == Phase::Progressing;
    let emptying = state.phase == Phase::RollingBack || state.hands_over() || state.restoring;
    let causes = [
        (Alert::NoData, progressing && lasted(state.no_data_ms, policy.no_data_alert_after)),
        (
            Alert::NotLive,
            (pending || progressing) && lasted(state.unproved_ms, policy.not_live_alert_after),
        ),
        (
            Alert::RollbackNotEffective,
            emptying && lasted(state.unproved_ms, policy.rollback_alert_after),
        ),
        (Alert::Frozen, state.frozen),
        (Alert::StateLost, state.paused == Some(Pause::StateLost)),
        (Alert::SuspectAtFull, suspect_at_full(pass, state)),
        (Alert::Tripped, tripwire::alerts(pass, state)),
        (
            Alert::ServingChanged,
            serving::changed(pass, state) || replaced_while_serving(pass, state),
        ),
        (Alert::RouteUnusable, route::alerts(pass, state)),
        (Alert::Held, progressing && lasted(state.held_ms, policy.held_alert_after)),
        (Alert::PromotionStuck, promotion_stuck(pass, state)),
    ];
    causes.into_iter().filter_map(|(alert, stands)| stands.then_some(alert)).collect()
}

/// Whether stable does not get to the new version, or the roles do not get to be swapped. What is
/// frozen, paused or being taken back waits for something else, and has alerts of its own.
fn promotion_stuck(pass: Pass<'_>, state: &State) -> bool {
    let policy = &pass.plan.policy;
    let waits = state.frozen || state.paused.is_some() || state.restoring;
    let waits = waits || tripwire::alerts(pass, state);
    if state.phase != Phase::Promoting || !state.traffic.canary_serves || waits {
        return false;
    }
    if state.swaps() {
        let longest = policy.promotion_alert_after.saturating_add(policy.route_live_after);
        return lasted(state.unproved_ms, longest);
    }
    pass.seen.stable_runs == StableRuns::Stuck
        || lasted(state.unproved_ms, policy.promotion_alert_after)
}

/// Whether the canary that serves for good is to run another version.
fn replaced_while_serving(pass: Pass<'_>, state: &State) -> bool {
    state.phase == Phase::Succeeded
        && state.traffic.canary_serves
        && pass.seen.version != state.version
}

/// With all its users on the canary nothing rolls back on suspicion alone, so that a person must look.
/// Metrics that do not answer do not take a suspicion back.
fn suspect_at_full(pass: Pass<'_>, state: &State) -> bool {
    let full =
        state.traffic.canary_serves && evidence::nothing_to_compare(pass, state.traffic.weight);
    let stood = state.alerts.contains(&Alert::SuspectAtFull) && !evidence::answered(pass, state);
    full && (stood || evidence::suspicious(pass, state))
}
