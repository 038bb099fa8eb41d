//! What the readings of a pass say, gate by gate.
//!
//! A gate that was read more than once stands for the worst of its readings, one that was not read
//! for metrics that did not answer.

use serin_assignment::Weight;

use crate::decide::Pass;
use crate::{GateReading, Reason, State, Verdict};

/// The gates whose word counts as things stand: while requests are mirrored, those that judge it.
fn judging<'a>(pass: Pass<'a>, state: &State) -> &'a [String] {
    match &pass.plan.mirror {
        Some(mirror) if state.mirrors() => &mirror.gates,
        None if state.mirrors() => &[],
        _ => &pass.plan.gates,
    }
}

/// The readings that show harm, taken since the canary has got requests.
pub(crate) fn failed<'a>(
    pass: Pass<'a>,
    state: &State,
) -> impl Iterator<Item = &'a GateReading> + use<'a> {
    let since_ms =
        if state.mirrors() { state.traffic_since_ms } else { state.exposed_since_ms.unwrap_or(0) };
    let judging = judging(pass, state);
    pass.seen.gates.iter().filter(move |reading| {
        reading.verdict == Verdict::Fail
            && reading.at_ms >= since_ms
            && judging.contains(&reading.gate)
    })
}

/// Whether the metrics answered for every gate, be it with too little to tell.
pub(crate) fn answered(pass: Pass<'_>, state: &State) -> bool {
    verdicts(pass, state, 0).all(|verdict| !matches!(verdict, None | Some(Verdict::Broken)))
}

/// Whether every gate could tell, at the present weight.
pub(crate) fn complete(pass: Pass<'_>, state: &State) -> bool {
    verdicts(pass, state, 0).all(|verdict| match verdict {
        Some(Verdict::Pass | Verdict::Skipped | Verdict::Hold | Verdict::Fail) => true,
        Some(Verdict::NoComparison) => nothing_to_compare(pass, state.traffic.weight),
        Some(Verdict::NoData | Verdict::Broken) | None => false,
    })
}

/// Whether some gate holds by a reading of the present traffic.
pub(crate) fn suspicious(pass: Pass<'_>, state: &State) -> bool {
    pass.seen.gates.iter().any(|reading| {
        reading.verdict == Verdict::Hold
            && reading.at_ms >= state.traffic_since_ms
            && pass.plan.gates.contains(&reading.gate)
    })
}

/// Whether nobody of the rollout's users is left on the other side at this weight.
pub(crate) fn nothing_to_compare(pass: Pass<'_>, weight: Weight) -> bool {
    weight >= pass.plan.steps.full()
}

/// Whether a gate only has too little to tell by now.
pub(crate) const fn is_wanting(reason: Reason) -> bool {
    matches!(reason, Reason::NoData | Reason::Skipped)
}

/// What speaks against the end of the present step: nothing where every gate passes, or has
/// nothing to compare with, by a reading taken at or after `since_ms`.
pub(crate) fn objections<'a>(
    pass: Pass<'a>,
    state: &State,
    since_ms: u64,
) -> impl Iterator<Item = Reason> + use<'a> {
    let weight = state.traffic.weight;
    let broken = (!answered(pass, state)).then_some(Reason::BrokenMetrics);
    let by_gates = verdicts(pass, state, since_ms).filter_map(move |verdict| match verdict {
        Some(Verdict::Pass) => None,
        Some(Verdict::NoComparison) if nothing_to_compare(pass, weight) => None,
        Some(Verdict::Skipped) => Some(Reason::Skipped),
        Some(Verdict::Hold) => Some(Reason::Suspicion),
        Some(Verdict::Fail) => Some(Reason::Harm),
        Some(Verdict::Broken) => Some(Reason::BrokenMetrics),
        Some(Verdict::NoComparison | Verdict::NoData) | None => Some(Reason::NoData),
    });
    broken.into_iter().chain(by_gates)
}

/// The verdict of each gate whose word counts by its readings taken at or after `since_ms`; `None` where
/// there is no such reading.
fn verdicts<'a>(
    pass: Pass<'a>,
    state: &State,
    since_ms: u64,
) -> impl Iterator<Item = Option<Verdict>> + use<'a> {
    judging(pass, state).iter().map(move |gate| {
        pass.seen
            .gates
            .iter()
            .filter(|reading| reading.gate == *gate && reading.at_ms >= since_ms)
            .map(|reading| reading.verdict)
            .max_by_key(|verdict| badness(*verdict))
    })
}

const fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::NoComparison => 1,
        Verdict::Skipped => 2,
        Verdict::Hold => 3,
        Verdict::NoData => 4,
        Verdict::Broken => 5,
        Verdict::Fail => 6,
    }
}
