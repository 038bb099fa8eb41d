//! Harm: back to stable at once, or a freeze where that would help nobody.

use crate::clock::lasted;
use crate::decide::Pass;
use crate::{
    Decision, Endpoints, OnNoData, Phase, Reason, StableRuns, State, asks, evidence, message,
    rollback, swap,
};

/// Acts on harm in every phase in which somebody may be on the canary, and on another system's no that
/// calls for a rollback also before.
pub(crate) fn check(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    match state.phase {
        Phase::Pending => {
            let (reason, why) = cause(pass, state)?;
            Some(rollback::never_start(state, reason, &why))
        }
        // What froze it still holds: it goes as soon as it may.
        _ if state.can_go_back() && state.frozen => {
            (pass.seen.stable == Endpoints::Ready).then(|| {
                let why = "stable has a ready endpoint again";
                rollback::start(pass, state, Reason::RollingBack, why)
            })
        }
        _ if state.can_go_back() => {
            let (reason, why) = cause(pass, state)?;
            Some(rollback::start_if_stable_serves(pass, state, reason, &why))
        }
        // The way back has begun: it goes as soon as stable runs what it ran before.
        Phase::Promoting if state.restoring => None,
        Phase::Promoting if state.gives_way() => swap::harm(pass, state),
        Phase::Promoting | Phase::Succeeded if !state.frozen => {
            let (_, why) = cause(pass, state)?;
            state.frozen = true;
            Some(Reason::Frozen.because(format!(
                "frozen at {}: {why}; traffic stays, as stable may not run what it ran before: \
                 `serin abort` {}, `serin resume` goes on once the harm has gone",
                state.traffic.weight,
                if state.phase == Phase::Promoting
                    && pass.seen.stable_runs != StableRuns::NotApplicable
                {
                    "puts that back and moves everyone there"
                } else {
                    "moves everyone there all the same"
                }
            )))
        }
        _ => None,
    }
}

/// What speaks for a rollback, with its numbers.
pub(crate) fn cause(pass: Pass<'_>, state: &State) -> Option<(Reason, String)> {
    // Before anybody has met the canary, gates have seen nothing of it.
    let unseen = !state.traffic.canary_serves && !state.mirrors();
    let policy = &pass.plan.policy;
    let failed: Vec<_> = evidence::failed(pass, state)
        .filter(|_| !unseen)
        .chain(asks::refusals(pass, state))
        .map(|reading| format!("{} fails: {}", reading.gate, reading.detail))
        .collect();
    if !failed.is_empty() {
        return Some((Reason::Harm, failed.join("; ")));
    }
    if unseen {
        return None;
    }
    if lasted(state.not_ready_ms, policy.not_ready_after) {
        let (been, limit) = (message::seconds(state.not_ready_ms), policy.not_ready_after);
        let why = format!("canary without a ready endpoint for {been}, limit {limit:?}");
        return Some((Reason::CanaryNotReady, why));
    }
    match policy.on_no_data {
        OnNoData::RollBackAfter(limit) if lasted(state.no_data_ms, limit) => {
            let been = message::seconds(state.no_data_ms);
            let gates = message::gates(pass);
            Some((Reason::NoData, format!("gates without data for {been}, limit {limit:?}{gates}")))
        }
        OnNoData::RollBackAfter(_) | OnNoData::Hold => None,
    }
}

/// A freeze goes on until a person decides, or while progressing until stable can serve.
pub(crate) fn stay_frozen(pass: Pass<'_>, state: &State) -> Decision {
    let (place, gates) = (message::place(pass.plan, state), message::gates(pass));
    let ends = match state.phase {
        _ if state.can_go_back() => {
            "back to stable as soon as that has a ready endpoint, `serin abort` goes all the same"
        }
        Phase::Promoting if pass.seen.stable_runs != StableRuns::NotApplicable => {
            "`serin approve` moves everyone to stable once that runs the new version, `serin abort` \
             puts the earlier one back first, `serin resume` goes on once the harm has gone"
        }
        Phase::Promoting => {
            "`serin approve` moves everyone to stable once that runs the new version, \
             `serin abort` while it runs the old one, `serin resume` goes on once the harm has gone"
        }
        _ => {
            "`serin abort` moves everyone to stable, `serin resume` goes on once the harm has gone"
        }
    };
    Reason::Frozen.because(format!("frozen at {place}: {ends}{gates}"))
}
