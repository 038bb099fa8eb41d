//! What a gate's state comes to.

use super::gate::GateState;
use super::stream::Stream;
use super::{Finding, GateRules, Measure, Outcome, Panel, Rules, StreamFinding, Why};
use crate::planning::{Chance, Traffic, detectable_ratio, seen_from};
use crate::{Alpha, Counts, LOG_SUSPICION, SetAside, Worse};

/// The finding of one gate; `log_e_worst` is the evidence of all of them, whether or not their
/// floors are met.
pub(super) fn finding(panel: &Panel, rules: &Rules, gate: &GateRules, log_e_worst: f64) -> Finding {
    let state = panel
        .gates
        .get(&gate.name)
        .filter(|state| state.fits(&rules.test(gate), gate) && !state.streams.is_empty());
    let outcome = outcome(panel, rules, gate, (state, log_e_worst));
    let Some(state) = state else { return nothing(gate, outcome) };
    let streams: Vec<StreamFinding> =
        state.streams.iter().map(|stream| stream.finding(rules.alpha)).collect();
    let leading = streams
        .iter()
        .reduce(|best, one| if one.log_e_worst > best.log_e_worst { one } else { best })
        .cloned();
    let Some(leading) = leading else { return nothing(gate, outcome) };
    Finding {
        gate: gate.name.clone(),
        weight: gate.weight,
        intervals: state.intervals(),
        cut_ms: Some(state.cut_ms),
        log_e: state.mean(Stream::log_e),
        log_e_worst: state.log_e_worst(),
        log_e_decisive: state.decisive(rules.alpha),
        set_aside: leading.set_aside,
        cohorts: state.streams.iter().any(Stream::by_cohort),
        log_floor: state.log_floor(),
        counts: leading.counts,
        step_counts: leading.step_counts,
        ratio: leading.ratio,
        ratio_low: leading.ratio_low,
        ratio_high: leading.ratio_high,
        detectable: detectable(rules, gate, state),
        streams,
        outcome,
    }
}

/// A gate of which nothing was ever counted.
fn nothing(gate: &GateRules, outcome: Outcome) -> Finding {
    // The ends of what the confidence sequence looks at.
    let (ratio_low, ratio_high) = (0.001, 1000.0);
    Finding {
        gate: gate.name.clone(),
        weight: gate.weight,
        intervals: 0,
        cut_ms: None,
        log_e: 0.0,
        log_e_worst: 0.0,
        log_e_decisive: 0.0,
        set_aside: Vec::new(),
        cohorts: false,
        log_floor: None,
        counts: Counts::ZERO,
        step_counts: Counts::ZERO,
        ratio: None,
        ratio_low,
        ratio_high,
        detectable: None,
        streams: Vec::new(),
        outcome,
    }
}

/// Rollback before hold before pass.
fn outcome(
    panel: &Panel,
    rules: &Rules,
    gate: &GateRules,
    (state, log_e_worst): (Option<&GateState>, f64),
) -> Outcome {
    if panel.latched.contains(&gate.name) {
        return Outcome::Rollback(match state {
            Some(state) if state.gross_harm(rules.alpha) => {
                Why::GrossHarm { log_e: state.guard_log_e() }
            }
            _ => Why::Evidence,
        });
    }
    if panel.stage.is_some_and(|stage| !stage.compared) {
        return at_full(rules.alpha, state);
    }
    let Some(state) = state else { return Outcome::NoData(Why::NotRead) };
    let step = state.streams.first().map_or(Counts::ZERO, |stream| stream.step);
    if step.canary_requests() <= 0.0 {
        return Outcome::NoData(Why::NoCanaryRequests);
    }
    if step.stable_requests() <= 0.0 {
        return Outcome::NoData(Why::NoStableRequests);
    }
    if let Some(until_ms) = state.skipped_until_ms {
        return Outcome::Hold(Why::Skipped { until_ms });
    }
    if let Measure::Errors { slo: Some(slo), .. } = gate.measure
        && let Some((canary, stable)) = state.recent.both_above(slo.get())
    {
        return Outcome::Hold(Why::SloBroken { canary, stable, slo: slo.get() });
    }
    // The mean is never above its largest part, so that there always is a gate to name. The floor
    // keeps a rate from being harm, not from being looked at before more people get it.
    if log_e_worst >= LOG_SUSPICION && state.log_e_worst() >= LOG_SUSPICION {
        return Outcome::Hold(Why::Suspicion);
    }
    Outcome::Pass
}

/// At 100 % there is no other side to compare with.
fn at_full(alpha: Alpha, state: Option<&GateState>) -> Outcome {
    match state.and_then(|state| state.alone.as_ref()) {
        Some(alone) if alone.log_e() >= alpha.log_threshold() => Outcome::Hold(Why::AboveStable {
            log_e: alone.log_e(),
            rate: alone.rate.get(),
            counts: alone.counts,
        }),
        _ => Outcome::NoComparison,
    }
}

/// What the step could have shown by now: of a gate's streams the one that shows most.
fn detectable(rules: &Rules, gate: &GateRules, state: &GateState) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "at most three streams")]
    let parts = state.streams.len().max(1) as f64;
    // The mean of several reaches 1/alpha by this one alone when this one reaches as much more.
    let alpha = Alpha::try_new(rules.alpha.get() * gate.weight / parts).ok()?;
    let one = |stream: &Stream| detectable_by(rules, gate, (state, stream), alpha);
    state.streams.iter().filter_map(one).reduce(match gate.measure.worse() {
        Worse::Higher => f64::min,
        Worse::Lower => f64::max,
    })
}

fn detectable_by(
    rules: &Rules,
    gate: &GateRules,
    (state, stream): (&GateState, &Stream),
    alpha: Alpha,
) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "far fewer intervals than 2^53")]
    let (time, before) = (state.judged_in_step as f64, state.before_step as f64);
    let step = stream.judged_in_step;
    let requests = step.canary_requests() + step.stable_requests();
    if time <= 0.0 || step.canary_requests() <= 0.0 || step.stable_requests() <= 0.0 {
        return None;
    }
    // Stable's rate is the same at every weight, and more of it is known from the whole rollout.
    let stable = stream.judged;
    let rate = stable.stable_events() / stable.stable_requests();
    let traffic = Traffic {
        requests_per_unit: requests / time * kept_by(rules.set_aside, stream.cohorts()),
        canary_share: step.canary_requests() / requests,
        stable_rate: rate,
        phi: gate.phi,
    };
    let before = (before > 0.0).then_some(before);
    let worse = gate.measure.worse();
    let detectable =
        detectable_ratio(&traffic, (gate.margin, worse), alpha, Chance::Ninety, time, before)?;
    // Nearer to the margin no alternative of the grid gains.
    let nearest = seen_from(gate.margin, worse);
    Some(match worse {
        Worse::Higher => detectable.max(nearest),
        Worse::Lower => detectable.min(nearest),
    })
}

/// The share of requests that is left when the worst cohorts are set aside.
#[expect(clippy::cast_precision_loss, reason = "there are 16 cohorts")]
fn kept_by(set_aside: SetAside, cohorts: usize) -> f64 {
    let aside = match set_aside {
        SetAside::None => 0,
        SetAside::One => 1,
        SetAside::Two => 2,
    };
    if cohorts <= aside { 1.0 } else { (cohorts - aside) as f64 / cohorts as f64 }
}
