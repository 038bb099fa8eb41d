//! Before anybody is on the canary: it gets copies of requests, and nobody gets its answers.
//!
//! What the route's entries mirrored before is stored before it is replaced, and is back, in the
//! route as it was read, before the first user is exposed. Users are not split meanwhile, so that
//! nothing but what the canary's own side measures says anything: the gates that the plan names.

use core::time::Duration;

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{
    Decision, Mirror, MirrorsSeen, Phase, Plan, Proof, Reason, RouteSeen, State, Traffic, evidence,
    message, progress, route, serving,
};

impl Plan {
    /// The share of requests that the canary is to be ready for next: what is mirrored to it, then
    /// the weight of the next step. `None` where nothing is to come.
    #[must_use]
    pub fn next_share(&self, state: &State) -> Option<Weight> {
        let mirror = due(self, state).map(|mirror| mirror.share);
        mirror.or_else(|| self.steps.above(state.traffic.weight).map(|(_, step)| step.weight))
    }
}

impl State {
    /// Whether the canary gets copies of requests, and nobody is on it.
    #[must_use]
    pub const fn mirrors(&self) -> bool {
        self.traffic.mirror.is_some()
    }

    /// Whether the rollout is on its way and nobody is on the canary yet.
    pub(crate) const fn is_before_exposure(&self) -> bool {
        matches!(self.phase, Phase::Progressing) && self.traffic.weight.is_zero()
    }
}

/// What the plan still has mirrored. Once somebody is on the canary it is too late.
pub(crate) fn due<'a>(plan: &'a Plan, state: &State) -> Option<&'a Mirror> {
    let is_early = state.traffic.weight.is_zero() && !state.mirrored && !state.mirrors();
    plan.mirror.as_ref().filter(|_| is_early)
}

/// Why nothing may begin yet: the route mirrors to the canary, or nobody can tell what it mirrors.
///
/// A mirror to the canary of which nothing is stored was left by a state that was lost. Nobody
/// watches it, so that it is taken off; what stood there before was lost with the state.
pub(crate) fn away(pass: Pass<'_>, state: &mut State) -> Option<(Reason, String)> {
    pass.plan.mirror.as_ref()?;
    let why = match &pass.seen.mirrors {
        MirrorsSeen::Others { .. } => return None,
        MirrorsSeen::ToCanary => {
            state.kept_mirrors.get_or_insert_default();
            "the route mirrors requests to the canary, which is taken off first"
        }
        MirrorsSeen::NotApplicable => "nobody can tell yet what the route mirrors",
    };
    Some((Reason::RouteUnknown, why.to_owned()))
}

/// Has requests mirrored to the canary, and keeps what its route mirrored until then.
pub(crate) fn begin(pass: Pass<'_>, state: &mut State, mirror: &Mirror) -> Decision {
    if let MirrorsSeen::Others { fields } = &pass.seen.mirrors {
        state.kept_mirrors = Some(fields.clone());
    }
    state.phase = Phase::Progressing;
    state.step = 0;
    let traffic = Traffic {
        weight: Weight::ZERO,
        canary_serves: false,
        everyone: false,
        mirror: Some(mirror.share),
        ..state.traffic
    };
    state.publish(traffic, pass.now.wall_ms);
    Reason::Mirroring.because(format!(
        "mirroring {} of requests to {}, which answers nobody; what the route mirrored before is \
         kept and comes back before anybody is on it",
        mirror.share, state.version
    ))
}

/// Waits until what is mirrored has been watched for its time, then takes the mirror off.
pub(crate) fn watch(pass: Pass<'_>, state: &mut State) -> Decision {
    let place = message::place(pass.plan, state);
    if let Some((reason, why)) = progress::paused(state) {
        // A state that is older than what proxies have says nothing that may be put in force.
        if matches!(pass.seen.proof, Proof::Ahead { .. }) {
            return reason.because(format!("{place}: {why}"));
        }
        take_off(pass, state);
        return reason.because(format!("{place}, and no longer: {why}"));
    }
    let wanted = |mirror: &&Mirror| Some(mirror.share) == state.traffic.mirror;
    let Some(mirror) = pass.plan.mirror.as_ref().filter(wanted) else {
        take_off(pass, state);
        let why = "the plan has another mirror by now, or none";
        return Reason::Mirrored.because(format!("{place}, and no longer: {why}"));
    };
    if is_outdated(pass, state) {
        take_off(pass, state);
        return Reason::RouteUnknown.because(format!(
            "{place}, but not yet: what the route mirrors was changed before it could be replaced, \
             and is kept anew"
        ));
    }
    let facts = facts(pass, state, mirror);
    if let Some((reason, why)) = blocker(pass, state, mirror) {
        let why = if why.is_empty() { why } else { format!("{why}; ") };
        return reason.because(format!("{place}: {why}{facts}"));
    }
    state.mirrored = true;
    take_off(pass, state);
    Reason::Mirrored.because(format!(
        "{place} has held and ends: what the route mirrored before comes back, then {} starts; \
         {facts}",
        state.version
    ))
}

/// Whether the route does not mirror to the canary yet, and mirrors something else than what was kept:
/// nobody replaces that.
fn is_outdated(pass: Pass<'_>, state: &State) -> bool {
    let unwritten = matches!(pass.seen.route, RouteSeen::Unknown { .. });
    match &pass.seen.mirrors {
        MirrorsSeen::Others { fields } => unwritten && Some(fields) != state.kept_mirrors.as_ref(),
        MirrorsSeen::ToCanary | MirrorsSeen::NotApplicable => false,
    }
}

/// Has nothing mirrored to the canary any more.
pub(crate) fn take_off(pass: Pass<'_>, state: &mut State) {
    if state.mirrors() {
        state.send(Weight::ZERO, false, pass.now.wall_ms);
    }
}

fn blocker(pass: Pass<'_>, state: &State, mirror: &Mirror) -> Option<(Reason, String)> {
    let fact = |reason| Some((reason, String::new()));
    let away = progress::canary_away(pass)
        .or_else(|| route::away(pass))
        .or_else(|| serving::away(pass, state))
        .or_else(|| progress::unproved(pass, state));
    if away.is_some() {
        return away;
    }
    // The clock was started by the same proof.
    let clock = state.clock?;
    if let Some(reason) = evidence::objections(pass, state, clock.started_ms).next() {
        return fact(reason);
    }
    if Duration::from_millis(clock.baked_ms) < mirror.time {
        return fact(Reason::Mirroring);
    }
    None
}

/// `watched for 42 s of 300 s; destination-errors pass: canary 0.001, limit 0.01`
fn facts(pass: Pass<'_>, state: &State, mirror: &Mirror) -> String {
    let watched = message::seconds(state.clock.map_or(0, |clock| clock.baked_ms));
    let wanted = mirror.time.as_secs();
    format!("watched for {watched} of {wanted} s{}", message::gates(pass))
}
