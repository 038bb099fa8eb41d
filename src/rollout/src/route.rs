//! The route on the cluster: what its state lets a rollout do.
//!
//! The document works without it, so that harm goes back whatever the route is; and nobody is sent
//! to the canary who was not before while it is not known to be as it was set.

use crate::decide::Pass;
use crate::{Alert, Decision, Pause, Phase, Reason, RouteSeen, State, message, mirror, rollback};

/// A person lowered the canary's weight in the route: the document follows in the same pass, and
/// nothing rises until a person resumes. Whoever takes the canary's whole weight sends everyone back.
///
/// It is done where stable has no endpoint, too: the person insists.
pub(crate) fn follow(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    let weight = match pass.seen.route {
        RouteSeen::MirrorTaken => return unmirror(pass, state),
        RouteSeen::Lowered { weight } => weight,
        _ => return None,
    };
    if !state.can_go_back() || weight >= state.traffic.weight {
        return None;
    }
    if weight.is_zero() {
        let why = "a person took the canary's whole weight in the route";
        return Some(rollback::start(pass, state, Reason::LoweredByHand, why));
    }
    let from = state.traffic.weight;
    // Who lowers it before a swap does not want that yet.
    state.phase = Phase::Progressing;
    // A pause that stands already says more.
    state.paused.get_or_insert(Pause::LoweredByHand);
    state.send(weight, true, pass.now.wall_ms);
    state.step = pass.plan.steps.reached_by(weight).0;
    Some(Reason::LoweredByHand.because(format!(
        "a person lowered the canary in the route from {from} to {}: paused there until `serin \
         resume`, harm still rolls back",
        message::place(pass.plan, state)
    )))
}

/// A person has taken the mirror off, or put something else in its place: that stays, and nothing is
/// mirrored until a person resumes.
fn unmirror(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    if !state.mirrors() {
        return None;
    }
    let place = message::place(pass.plan, state);
    state.paused.get_or_insert(Pause::LoweredByHand);
    mirror::take_off(pass, state);
    Some(Reason::LoweredByHand.because(format!(
        "{place}, and no longer: a person changed the mirror in the route, which stays as it is; \
         paused until `serin resume`, which mirrors anew"
    )))
}

/// Why nothing rises, where the route is not known to be as it was set.
pub(crate) fn away(pass: Pass<'_>) -> Option<(Reason, String)> {
    match &pass.seen.route {
        // What a person has changed is decided on before anything rises.
        RouteSeen::NotApplicable
        | RouteSeen::AsSet
        | RouteSeen::Lowered { .. }
        | RouteSeen::MirrorTaken => None,
        RouteSeen::Unusable { why } => {
            let why = format!("the route cannot be used: {why}; harm still rolls back");
            Some((Reason::RouteUnusable, why))
        }
        RouteSeen::Unknown { why } => {
            Some((Reason::RouteUnknown, format!("nobody can tell how the route is: {why}")))
        }
    }
}

/// Whether users may be where neither the weight nor the document says.
pub(crate) const fn unusable(pass: Pass<'_>) -> bool {
    matches!(pass.seen.route, RouteSeen::Unusable { .. })
}

/// Whether the alert stands, in every phase: also at rest the route decides who is where. A route
/// that nobody can read does not take it back.
pub(crate) fn alerts(pass: Pass<'_>, state: &State) -> bool {
    match pass.seen.route {
        RouteSeen::Unusable { .. } => true,
        RouteSeen::Unknown { .. } => state.alerts.contains(&Alert::RouteUnusable),
        _ => false,
    }
}
