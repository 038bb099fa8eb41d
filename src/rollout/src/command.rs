//! What a person asks for: done where it fits, refused with the reason where it does not.

use crate::decide::Pass;
use crate::{
    Approval, Command, Decision, Endpoints, Pause, Phase, Reason, StableRuns, State, harm, message,
    mirror, outdated, progress, promote, rollback, skip,
};

/// Takes note of a pause before anything is decided: it stops rises only, so that no decision of the
/// same pass may lose it.
pub(crate) fn heed_pause(pass: Pass<'_>, state: &mut State) {
    if pass.seen.command == Some(Command::Pause) && may_pause(state) {
        state.paused = Some(Pause::Person);
    }
}

/// Whether something is to come that waits for the end of a pause.
const fn may_pause(state: &State) -> bool {
    matches!(state.phase, Phase::Pending | Phase::Progressing) || state.swaps()
}

/// Carries the command out, or says why not.
pub(crate) fn check(pass: Pass<'_>, state: &mut State) -> Option<Decision> {
    let (name, done) = match pass.seen.command? {
        Command::Pause => ("pause", pause(pass, state)),
        Command::Resume => ("resume", resume(pass, state)),
        Command::Approve => ("approve", approve(pass, state)),
        Command::Abort => {
            let why = rollback::abort_refused(pass.seen, state);
            ("abort", Err(why.unwrap_or("nothing is to be sent back").to_owned()))
        }
        Command::Retry => ("retry", retry(pass, state)),
        Command::SkipStep => ("promote --skip-step", skip::step(pass, state)),
    };
    Some(done.unwrap_or_else(|why| {
        Reason::Refused.because(format!("{name} does not fit ({:?}): {why}", state.phase))
    }))
}

fn pause(pass: Pass<'_>, state: &mut State) -> Result<Decision, String> {
    if !may_pause(state) {
        return Err("no rise is to come".to_owned());
    }
    let place = message::place(pass.plan, state);
    if state.mirrors() {
        mirror::take_off(pass, state);
        return Ok(Reason::Paused.because(format!(
            "{place}, and no longer: paused by a person until `serin resume`, which mirrors anew"
        )));
    }
    Ok(Reason::Paused.because(format!(
        "paused at {place} by a person until `serin resume`; harm still rolls back"
    )))
}

fn resume(pass: Pass<'_>, state: &mut State) -> Result<Decision, String> {
    let place = message::place(pass.plan, state);
    if state.paused.take().is_some() {
        outdated::put_in_force(pass, state);
        return Ok(Reason::Resumed.because(format!("resumed at {place} by a person")));
    }
    match state.phase {
        Phase::Promoting | Phase::Succeeded if state.frozen && !state.can_go_back() => {
            if let Some((_, why)) = harm::cause(pass, state) {
                return Err(format!("harm is still seen: {why}"));
            }
            state.frozen = false;
            Ok(Reason::Resumed.because(format!("no longer frozen at {place}, by a person")))
        }
        _ if state.frozen => {
            Err("a rollback waits for stable's endpoints; `serin abort` goes all the same".into())
        }
        _ => Err("it is not paused".to_owned()),
    }
}

fn approve(pass: Pass<'_>, state: &mut State) -> Result<Decision, String> {
    match state.phase {
        Phase::Promoting if state.swaps() => {
            Err("the roles are swapped by themselves, once every proxy has the route".to_owned())
        }
        Phase::Promoting if state.hands_over() => Err("stable takes the traffic already".into()),
        Phase::Promoting if state.restoring => {
            Err("stable's earlier version is being put back".to_owned())
        }
        Phase::Promoting if pass.seen.stable == Endpoints::NotReady => {
            Err("stable has no ready endpoint, so that everyone would get errors".to_owned())
        }
        Phase::Promoting => match pass.seen.stable_runs {
            StableRuns::NotApplicable | StableRuns::New => {
                Ok(promote::hand_over(pass, state, "a person said so"))
            }
            _ => Err(promote::next(pass.seen, &state.version)),
        },
        Phase::Progressing if state.frozen => Err("it is frozen".to_owned()),
        Phase::Progressing => approve_step(pass, state),
        _ => Err("nothing waits for approval".to_owned()),
    }
}

/// Fits only once the step's time is over: else the second of two people who approve the same step
/// would approve the next one unseen.
fn approve_step(pass: Pass<'_>, state: &mut State) -> Result<Decision, String> {
    if state.is_before_exposure() {
        return Err("nobody is on the canary yet".to_owned());
    }
    let (_, step) = pass.plan.steps.reached_by(state.traffic.weight);
    let place = message::place(pass.plan, state);
    if step.approval == Approval::Automatic {
        return Err(format!("{place} needs no approval"));
    }
    if state.approved {
        return Err(format!("{place} is approved already"));
    }
    if !progress::over(pass, step, state) {
        let facts = message::facts(pass, state);
        return Err(format!("{place} does not wait for approval yet: {facts}"));
    }
    state.approved = true;
    let facts = message::facts(pass, state);
    Ok(Reason::Approved.because(format!("approved at {place} by a person: {facts}")))
}

fn retry(pass: Pass<'_>, state: &mut State) -> Result<Decision, String> {
    let named = &pass.seen.version;
    match state.phase {
        Phase::RolledBack => {
            state.start_over(named.clone());
            Ok(Reason::Retried.because(format!("{named} starts again, asked for by a person")))
        }
        Phase::Succeeded if state.traffic.canary_serves && *named != state.version => {
            if pass.seen.stable == Endpoints::NotReady {
                return Err(format!(
                    "stable has no ready endpoint, and everyone goes there before {named} starts"
                ));
            }
            let why = format!("a person asked for the start of {named}");
            Ok(rollback::start(pass, state, Reason::Retried, &why))
        }
        Phase::Succeeded => Err(format!("{} has succeeded", state.version)),
        Phase::RollingBack => Err("the rollback has not ended".to_owned()),
        Phase::Pending | Phase::Progressing | Phase::Promoting => {
            Err("it was not rolled back".to_owned())
        }
    }
}
