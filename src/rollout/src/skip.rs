//! A person takes the present step for over.
//!
//! What a step waits for by itself is left out: its time, its requests, what it is to detect, its
//! approval, and gates that have too little to tell. All else that speaks against a rise speaks
//! against this one too, and is told as the reason of the refusal. Replicas alone are waited for,
//! since they are made only for a rise that is about to be.

use crate::decide::Pass;
use crate::{Decision, Phase, Reason, State, message, progress};

/// Ends the step, or says why it cannot be ended by a person.
pub(crate) fn step(pass: Pass<'_>, state: &mut State) -> Result<Decision, String> {
    match state.phase {
        Phase::Progressing if state.frozen => return Err("it is frozen".to_owned()),
        Phase::Progressing if state.is_before_exposure() => {
            return Err("nobody is on the canary yet".to_owned());
        }
        Phase::Progressing => {}
        _ => return Err("no step is under way".to_owned()),
    }
    if state.skipped {
        return Err(format!("{} is skipped already", message::place(pass.plan, state)));
    }
    let (_, step) = pass.plan.steps.reached_by(state.traffic.weight);
    let skipped = State { skipped: true, ..state.clone() };
    if let Some((reason, why)) = progress::blocker(pass, &skipped, step) {
        let why = if why.is_empty() { format!("{reason:?}") } else { why };
        return Err(format!("{why}{}", message::gates(pass)));
    }
    state.skipped = true;
    let Decision { reason, message } = progress::step(pass, state);
    Ok(match reason {
        // The log says who let it rise, and what it still waits for.
        Reason::Advanced | Reason::Capacity | Reason::WaitingForStable => {
            Reason::StepSkipped.because(format!("a person took the step for over: {message}"))
        }
        other => other.because(format!("a person took the last step for over: {message}")),
    })
}
