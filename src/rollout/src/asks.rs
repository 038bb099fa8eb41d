//! Other systems that have a say: asked once all else speaks for a rise, heeded like a gate.

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{Ask, Before, Capacity, Endpoints, GateReading, Phase, Plan, Reason, State, Verdict};

impl Plan {
    /// Who is to be asked as things stand; nobody, before all else speaks for the rise.
    pub fn asked<'a>(&'a self, state: &State) -> impl Iterator<Item = &'a Ask> {
        let moment = moment(self, state);
        self.asks.iter().filter(move |ask| {
            let asks = state.asked_since(ask.before).is_some();
            asks && moment.is_some_and(|moment| moment.is(ask.before))
        })
    }
}

impl State {
    /// Since when others are asked before this, in milliseconds since 1970; an earlier answer is one
    /// to another question.
    #[must_use]
    pub const fn asked_since(&self, before: Before) -> Option<u64> {
        match before {
            Before::Exposure => self.ready_since_ms,
            Before::Start | Before::Rise | Before::Weight(_) | Before::End => self.asking_since_ms,
        }
    }
}

/// What is about to happen.
#[derive(Clone, Copy)]
enum Moment {
    Start(Weight),
    Rise(Weight),
    End,
}

impl Moment {
    fn is(self, before: Before) -> bool {
        match (before, self) {
            (Before::Start | Before::Exposure, Self::Start(_))
            | (Before::Rise, Self::Rise(_))
            | (Before::End, Self::End) => true,
            (Before::Weight(weight), Self::Start(next) | Self::Rise(next)) => weight == next,
            _ => false,
        }
    }
}

fn moment(plan: &Plan, state: &State) -> Option<Moment> {
    match state.phase {
        // Who has a say in the start has it before requests are mirrored, and again after that.
        Phase::Pending => Some(Moment::Start(plan.steps.reached_by(Weight::ZERO).1.weight)),
        Phase::Progressing if state.is_before_exposure() => {
            Some(Moment::Start(plan.steps.reached_by(Weight::ZERO).1.weight))
        }
        Phase::Progressing => Some(match plan.steps.above(state.traffic.weight) {
            Some((_, next)) => Moment::Rise(next.weight),
            None => Moment::End,
        }),
        _ => None,
    }
}

/// What the systems that have a say now still have to say. The first time it begins to wait for
/// them.
pub(crate) fn ask(pass: Pass<'_>, state: &mut State) -> Option<(Reason, String)> {
    if pass.plan.asks.is_empty() {
        return None;
    }
    state.asking_since_ms.get_or_insert(pass.now.wall_ms);
    open(pass, state, false)
}

/// Forgets what was said of the canary's replicas where some have gone, whatever else is waited for:
/// it says nothing of others.
pub(crate) fn forget_gone(pass: Pass<'_>, state: &mut State) {
    let gone = matches!(pass.seen.capacity, Capacity::Short { .. });
    if gone || pass.seen.canary == Endpoints::NotReady {
        state.ready_since_ms = None;
    }
}

/// What those still have to say who have a say once the canary's replicas are ready. To be called
/// with what keeps these from being so.
pub(crate) fn ask_once_ready(
    pass: Pass<'_>,
    state: &mut State,
    short: Option<(Reason, String)>,
) -> Option<(Reason, String)> {
    if short.is_some() || !pass.plan.asks.iter().any(|ask| ask.before == Before::Exposure) {
        return short;
    }
    state.ready_since_ms.get_or_insert(pass.now.wall_ms);
    open(pass, state, true)
}

/// Who has not said yes, of those that are asked once replicas are ready or of the others.
fn open(pass: Pass<'_>, state: &State, once_ready: bool) -> Option<(Reason, String)> {
    let open: Vec<String> = pass
        .plan
        .asked(state)
        .filter(|ask| (ask.before == Before::Exposure) == once_ready)
        .filter_map(|ask| match answer(pass, state, ask) {
            Some(reading) if reading.verdict == Verdict::Pass => None,
            Some(reading) => Some(format!("{}: {}", ask.name, reading.detail)),
            None => Some(format!("{} has not answered yet", ask.name)),
        })
        .collect();
    (!open.is_empty()).then(|| (Reason::WaitingForAnswer, open.join("; ")))
}

/// Whether one of them has given no answer at all, neither yes nor no: a no is somebody's decision.
pub(crate) fn unanswered(pass: Pass<'_>, state: &State) -> bool {
    pass.plan.asked(state).any(|ask| {
        let verdict = answer(pass, state, ask).map(|reading| reading.verdict);
        !matches!(verdict, Some(Verdict::Pass | Verdict::Hold | Verdict::Fail))
    })
}

/// Those of them that call for a rollback.
pub(crate) fn refusals<'a>(pass: Pass<'a>, state: &State) -> impl Iterator<Item = &'a GateReading> {
    let answers = pass.plan.asked(state).filter_map(move |ask| answer(pass, state, ask));
    answers.filter(|reading| reading.verdict == Verdict::Fail)
}

/// The newest answer to what was asked.
fn answer<'a>(pass: Pass<'a>, state: &State, ask: &Ask) -> Option<&'a GateReading> {
    let since_ms = state.asked_since(ask.before)?;
    let about = |reading: &&GateReading| reading.gate == ask.name && reading.at_ms >= since_ms;
    pass.seen.gates.iter().filter(about).max_by_key(|reading| reading.at_ms)
}
