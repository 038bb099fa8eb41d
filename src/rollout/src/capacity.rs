//! Replicas enough for the weight to come, and none once nothing reaches the canary.
//!
//! What is asked for is stored and stays asked for, so that whoever scales can go by it after a
//! restart. It never becomes less within a rollout, and nothing only after the proof that nothing
//! reaches the canary.

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{Capacity, Phase, Reason, RouteSeen, State, rollback, tripwire};

/// Asks for the canary's replicas at `next`, and says why they do not suffice yet. To be called
/// where nothing else speaks against the rise: replicas cost money.
pub(crate) fn ask(pass: Pass<'_>, state: &mut State, next: Weight) -> Option<(Reason, String)> {
    let short = match &pass.seen.capacity {
        Capacity::NotApplicable => return None,
        Capacity::Enough | Capacity::Lean { .. } => None,
        Capacity::Short { why } => Some(format!("replicas do not suffice for {next}: {why}")),
        Capacity::Unknown { why } => {
            Some(format!("nobody can tell whether replicas suffice for {next}: {why}"))
        }
    };
    state.capacity_for = Some(state.capacity_for.map_or(next, |asked| asked.max(next)));
    short.map(|why| (Reason::Capacity, why))
}

/// Whether replicas are being waited for, so that a canary without endpoints is no surprise.
pub(crate) const fn awaited(pass: Pass<'_>) -> bool {
    matches!(pass.seen.capacity, Capacity::Short { .. } | Capacity::Unknown { .. })
}

/// Asks for no replica any more once the rollout is over, stable serves and nothing reaches the
/// canary, however the rollout came there. A route that is not known to be as it was set may still
/// send somebody.
pub(crate) fn let_go(pass: Pass<'_>, state: &mut State) {
    let over = match state.phase {
        Phase::RolledBack => true,
        Phase::Succeeded => !state.traffic.canary_serves,
        Phase::Pending | Phase::Progressing | Phase::Promoting | Phase::RollingBack => false,
    };
    let ours = pass.seen.capacity != Capacity::NotApplicable;
    let route = matches!(pass.seen.route, RouteSeen::NotApplicable | RouteSeen::AsSet);
    // After a swap of the roles the replicas are those of what was stable.
    let kept = state.idle.is_some() && tripwire::keeps_stable(pass, state).is_some();
    if over && ours && route && !kept && rollback::emptied(pass.seen) {
        state.capacity_for = Some(Weight::ZERO);
    }
}
