//! What a forecast is made from, and how it comes from a release and its traffic.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_assignment::Weight;
use serin_judge::panel::{GateRules, Measure};
use serin_judge::{Alpha, Dispersion, Margin, SetAside, Share, Worse};
use serin_rollout::Length;

use crate::gates::{Bounds, Counts, Gate, Kind};
use crate::release::Release;

/// What a latency gate's bounds are chosen for where the file gives none: about so many of
/// stable's requests are slower.
const SLOWER_THAN_BOUNDS: [f64; 3] = [0.2, 0.05, 0.01];

/// A conversion is judged after so many times its lag: by then those of the weight before are in.
const LAGS: u32 = 3;

/// What a forecast is made from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    /// Requests a second that the rollout is about, both sides together.
    pub(super) requests_per_second: f64,
    /// The users whose requests they are, where that is known.
    pub(super) users: Option<u64>,
    /// The part of all users that the release has: the weight at which the canary has them all.
    pub(super) full: Weight,
    /// The steps, in their order.
    pub(super) steps: Vec<Stage>,
    /// The gates that compare the sides.
    pub(super) gates: Vec<Watched>,
    /// The rollout's start, which is not judged.
    pub(super) skip: Duration,
    /// How many cohorts are set aside.
    pub(super) set_aside: SetAside,
    /// How often the metrics are scraped: one scrape is one interval of the test.
    pub(super) scrape_interval: Duration,
}

/// A step of the release.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stage {
    pub(super) weight: Weight,
    pub(super) length: Length,
    pub(super) min_requests: u64,
}

/// A gate that compares the sides.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watched {
    pub(super) name: String,
    pub(super) measure: Measure,
    pub(super) margin: Margin,
    /// Its part of the rollout's alpha, by its weight.
    pub(super) alpha: Alpha,
    pub(super) dispersion: Dispersion,
    /// Requests, or other opportunities for its event, a second; both sides together.
    pub(super) per_second: f64,
    /// The share of them with the event on stable; several where it is judged by several bounds
    /// and all are known.
    pub(super) rates: Vec<Share>,
    /// How many bounds it is judged by, whose mean counts; 1 where by none.
    pub(super) bounds: usize,
    /// Whether its counts come by cohort, so that some can be set aside.
    pub(super) cohorts: bool,
    /// The time after every change of the weight that it does not judge.
    pub(super) settle: Duration,
}

impl Watched {
    /// Which direction is harm.
    pub(super) const fn worse(&self) -> Worse {
        self.measure.worse()
    }
}

/// What is known of the traffic.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Traffic {
    /// Requests a second, both sides together.
    pub(super) requests_per_second: f64,
    /// The share that fails, of gates that are not named.
    pub(super) errors: Option<Share>,
    /// For gates that are named: their shares, one a bound where there are several, and how many
    /// requests or other opportunities they have a second; `None`: as many as there are requests.
    pub(super) gates: BTreeMap<String, (Vec<Share>, Option<f64>)>,
}

/// The question, and what about it cannot be answered.
pub(super) fn of(
    release: &Release,
    traffic: &Traffic,
    users: Option<u64>,
) -> (Question, Vec<String>) {
    let rules = release.rules();
    let (mut gates, mut unknown) = (Vec::new(), Vec::new());
    for gate in &rules.gates {
        let Some(written) = release.gates.iter().find(|written| written.name == gate.name) else {
            continue;
        };
        match rates(gate, written, traffic) {
            Some((rates, per_second)) => {
                gates.extend(watched(rules.alpha, gate, written, rates, per_second));
            }
            None => unknown.push(format!(
                "{}: nothing is known of its rate, so that nothing is said of it: say {}",
                gate.name,
                match gate.measure {
                    Measure::Errors { .. } => "--error-rate 0.5%".to_owned(),
                    _ => format!("--rate {}=3%", gate.name),
                }
            )),
        }
    }
    let stage = |step: &serin_rollout::Step| Stage {
        weight: step.weight,
        length: step.length,
        min_requests: step.min_requests,
    };
    let question = Question {
        requests_per_second: traffic.requests_per_second,
        users,
        full: release.plan.steps.full(),
        steps: release.plan.steps.iter().map(stage).collect(),
        gates,
        skip: rules.skip,
        set_aside: rules.set_aside,
        scrape_interval: release.metrics.scrape_interval(),
    };
    (question, unknown)
}

fn rates(gate: &GateRules, written: &Gate, traffic: &Traffic) -> Option<(Vec<Share>, f64)> {
    let requests = traffic.requests_per_second;
    if let Some((rates, per_second)) = traffic.gates.get(&gate.name) {
        return Some((rates.clone(), per_second.unwrap_or(requests)));
    }
    let Kind::Ratio(ratio) = &written.kind else { return None };
    match (&gate.measure, &ratio.measure) {
        (Measure::Errors { .. }, _) => Some((vec![traffic.errors?], requests)),
        (_, crate::gates::Measure::Latency { bounds: Bounds::FromStable }) => {
            let rates =
                SLOWER_THAN_BOUNDS.into_iter().filter_map(|share| Share::try_new(share).ok());
            Some((rates.collect(), requests))
        }
        _ => None,
    }
}

fn watched(
    alpha: Alpha,
    gate: &GateRules,
    written: &Gate,
    rates: Vec<Share>,
    per_second: f64,
) -> Option<Watched> {
    let Kind::Ratio(ratio) = &written.kind else { return None };
    let settle = match gate.measure {
        Measure::Errors { .. } | Measure::Slow => Duration::ZERO,
        Measure::Conversions { lag } => lag * LAGS,
    };
    // The weighted mean over the gates must reach 1/alpha: alone, a gate has its part of alpha.
    let alpha = Alpha::try_new(alpha.get() * gate.weight).ok()?;
    let cohorts = matches!(ratio.counts, Counts::Filter | Counts::Custom { .. });
    let bounds = match &ratio.measure {
        crate::gates::Measure::Latency { bounds: Bounds::Given(bounds) } => bounds.len(),
        crate::gates::Measure::Latency { bounds: Bounds::FromStable } => SLOWER_THAN_BOUNDS.len(),
        _ => 1,
    };
    Some(Watched {
        name: gate.name.clone(),
        measure: gate.measure,
        margin: gate.margin,
        alpha,
        dispersion: gate.phi,
        per_second,
        rates,
        bounds,
        cohorts,
        settle,
    })
}
