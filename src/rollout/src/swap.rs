//! After the last step where each side has a Deployment of its own and keeps it: the two change
//! their roles.
//!
//! Marks name roles, and nothing tells when proxies have taken over a route. So nobody's mark may
//! change its meaning before every proxy sends that mark to the right side:
//!
//! 1. One write of the route sends everyone to the canary's side, whatever their mark. The side
//!    before still stands, and harm goes back there.
//! 2. Once proxies have had the time to take that over, and nothing has reached the side before for
//!    a while, the roles change in one revision of the document: the canary's side is stable's from
//!    now on, and the canary has no weight. The route stays as it is, so that nobody is moved.
//! 3. Once nothing reaches the side before and no proxy shows a tripwire that has tripped, the rollout
//!    has succeeded, and its replicas may go. Until then a person, or a new stable without endpoints,
//!    takes the swap back.

use serin_assignment::Weight;

use crate::clock::lasted;
use crate::decide::Pass;
use crate::{
    Decision, Endpoints, Phase, Reason, RouteSeen, State, Templates, Traffic, message, progress,
    rollback, route, tripwire,
};

/// Has the route send everyone to the canary's side.
pub(crate) fn begin(pass: Pass<'_>, state: &mut State, facts: &str) -> Decision {
    state.phase = Phase::Promoting;
    state.publish(Traffic { everyone: true, ..state.traffic }, pass.now.wall_ms);
    Reason::Swapping.because(format!(
        "all steps held, at {}: the route sends everyone to the canary's Deployment, whatever their \
         mark, before the roles are swapped; {facts}",
        state.traffic.weight
    ))
}

/// Swaps the roles as soon as that moves nobody.
pub(crate) fn go_on(pass: Pass<'_>, state: &mut State) -> Decision {
    let blocker = progress::paused(state)
        .or_else(|| progress::canary_away(pass))
        .or_else(|| route::away(pass))
        .or_else(|| progress::unproved(pass, state))
        .or_else(|| tripwire::keeps_stable(pass, state));
    if let Some((reason, why)) = blocker {
        return reason.because(format!("everyone is on the canary's Deployment: {why}"));
    }
    match ready(pass, state) {
        Ok(templates) => swap(pass, state, templates),
        Err(why) => Reason::Swapping.because(format!(
            "everyone is on the canary's Deployment; the roles are not swapped yet: {why}{}",
            message::gates(pass)
        )),
    }
}

/// What both sides run, where every proxy can be taken to send all marks to the canary's side.
fn ready<'a>(pass: Pass<'a>, state: &State) -> Result<&'a Templates, String> {
    let wanted = pass.plan.policy.route_live_after;
    if !lasted(state.settled_ms, wanted) {
        let been = message::seconds(state.settled_ms);
        return Err(format!("the route has stood as it was set for {been} of {wanted:?}"));
    }
    if !rollback::emptied(pass.seen) {
        return Err(message::emptying(pass.seen, "stable"));
    }
    pass.seen.templates.as_ref().ok_or_else(|| "nobody can tell what the sides run".to_owned())
}

fn swap(pass: Pass<'_>, state: &mut State, runs: &Templates) -> Decision {
    // What was put there since the rollout began is no part of what gives way: it is a new version.
    state.idle = Some(state.baseline.take().unwrap_or_else(|| runs.stable.clone()));
    state.baseline = Some(runs.canary.clone());
    // What was asked for was asked for the other side.
    state.capacity_for = None;
    state.not_ready_ms = 0;
    let serving = state.traffic.serving.other();
    let nobody = Traffic {
        weight: Weight::ZERO,
        canary_serves: false,
        everyone: false,
        serving,
        ..state.traffic
    };
    state.publish(nobody, pass.now.wall_ms);
    Reason::Swapped.because(format!(
        "the roles are swapped: the Deployment that runs {} is stable's and serves everyone",
        state.version
    ))
}

/// A side that has just become stable's and lost its endpoints, while the one before still has some:
/// everyone goes back there.
pub(crate) fn harm(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    let policy = &pass.plan.policy;
    let harmed = lasted(state.not_ready_ms, policy.not_ready_after);
    (harmed && pass.seen.canary == Endpoints::Ready).then(|| {
        let (been, limit) = (message::seconds(state.not_ready_ms), policy.not_ready_after);
        let why = format!(
            "the Deployment that serves since the swap has been without a ready endpoint for {been}, \
             limit {limit:?}"
        );
        rollback::start(pass, state, Reason::CanaryNotReady, &why)
    })
}

/// Whether the route is as it was set, as far as it is a part of the rollout.
pub(crate) const fn stands(pass: Pass<'_>) -> bool {
    matches!(pass.seen.route, RouteSeen::AsSet | RouteSeen::NotApplicable)
        && pass.seen.proof.is_live()
}

impl State {
    /// Whether the route sends everyone to the canary's side, so that the roles can be swapped.
    pub(crate) const fn swaps(&self) -> bool {
        matches!(self.phase, Phase::Promoting) && self.traffic.everyone
    }

    /// Whether the roles were swapped and the side before still stands.
    pub(crate) const fn gives_way(&self) -> bool {
        self.hands_over() && self.idle.is_some()
    }

    /// Gives the roles back to whom they were taken from, where the side before still stands.
    pub(crate) fn swap_back(&mut self) {
        if self.gives_way()
            && let Some(before) = self.idle.take()
        {
            self.baseline = Some(before);
            self.traffic.serving = self.traffic.serving.other();
        }
    }
}
