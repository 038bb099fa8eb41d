//! A pass as one pure function: what was counted is judged, what was seen is decided.
//!
//! The engine calls it with what it has just seen, `serin replay` with what history holds; the same
//! arguments always give the same outcome.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_judge::panel::{Absorbed, Counted, Findings, Measure, Panel, Rules, Stage};
use serin_rollout::{Length, Now, Observation, Outcome, Plan, State, decide};

use super::readings;

/// What a pass goes by; nothing in it changes. It is written beside each decision.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// How the ratio gates are judged.
    pub rules: &'a Rules,
    /// How often the sources of the counts are scraped.
    #[serde(rename = "scrapeIntervalMs", serialize_with = "millis")]
    pub scrape_interval: Duration,
}

fn millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Where a release stands: what is stored of it together.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The rollout.
    pub state: State,
    /// Its evidence; `None` before anybody was on the canary.
    pub panel: Option<Panel>,
}

/// What was read of the ratio gates' counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// The intervals, oldest first. Those that were absorbed before change nothing.
    pub counted: Vec<Counted>,
    /// The gates that could not be read, and why.
    pub unread: BTreeMap<String, String>,
}

/// What a pass comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What was decided. The state in it is to be stored together with the panel.
    pub outcome: Outcome,
    /// The evidence after it.
    pub panel: Option<Panel>,
    /// The counts that were new to it.
    pub absorbed: Vec<Absorbed>,
    /// What the evidence says; `None` without a panel.
    pub findings: Option<Findings>,
    /// The observation with the ratio gates' readings in it, as it was decided on.
    pub observation: Observation,
}

/// One pass: absorbs the counts, adds the ratio gates' readings to the observation, decides.
///
/// `counts` is `None` where they have not been answered.
#[must_use]
pub fn pass(
    terms: Terms<'_>,
    standing: &Standing,
    mut observation: Observation,
    counts: Option<&Counts>,
    now: Now,
) -> Judged {
    let (panel, absorbed) = absorb(terms, standing, counts).unzip();
    let findings = panel.as_ref().map(|panel| panel.findings(terms.rules));
    let read = readings::Read {
        terms,
        counts,
        traffic_since_ms: standing.state.traffic_since_ms,
        mirrors: standing.state.mirrors(),
        now_ms: now.wall_ms,
    };
    observation.gates.extend(read.all(findings.as_ref()));
    observation.detectable =
        findings.as_ref().and_then(|found| detectable(terms, &standing.state, found));
    let outcome = decide(terms.plan, &standing.state, &observation, now);
    // Nobody has been on the canary of a rollout that starts over.
    let panel = panel.filter(|_| outcome.state.exposed_since_ms.is_some());
    let absorbed = absorbed.unwrap_or_default();
    Judged { outcome, panel, absorbed, findings, observation }
}

/// Whether these counts alone say that the canary is to be rolled back.
pub(super) fn is_harm(terms: Terms<'_>, standing: &Standing, counts: &Counts) -> bool {
    absorb(terms, standing, Some(counts))
        .is_some_and(|(panel, _)| panel.findings(terms.rules).rollback)
}

/// The evidence with what was counted since, and that; `None` while nobody has been on the canary.
fn absorb(
    terms: Terms<'_>,
    standing: &Standing,
    counts: Option<&Counts>,
) -> Option<(Panel, Vec<Absorbed>)> {
    let rules = terms.rules;
    let exposed_since_ms = standing.state.exposed_since_ms?;
    let mut panel = standing.panel.clone().unwrap_or_else(|| Panel::new(exposed_since_ms));
    panel.fit(rules);
    let stage = stage(terms.plan, &standing.state);
    panel.enter(stage);
    let counted = counts.iter().flat_map(|counts| &counts.counted);
    let absorbed = counted.flat_map(|counted| panel.absorb(rules, stage, counted)).collect();
    Some((panel, absorbed))
}

/// Where the rollout stands, as far as counts are concerned.
fn stage(plan: &Plan, state: &State) -> Stage {
    let (traffic, full) = (state.traffic, plan.steps.full());
    let both = traffic.canary_serves && !traffic.weight.is_zero() && traffic.weight < full;
    Stage { traffic_since_ms: state.traffic_since_ms, compared: both }
}

/// What the step could have shown by now. A step that waits for a ratio below 1 asks for
/// conversions, any other for errors, and for latency where there are no errors to count.
pub(super) fn detectable(terms: Terms<'_>, state: &State, findings: &Findings) -> Option<f64> {
    let (_, step) = terms.plan.steps.reached_by(state.traffic.weight);
    let falls = matches!(step.length, Length::Detect { ratio, .. } if ratio < 1.0);
    let of = |wanted: fn(&Measure) -> bool| -> Vec<Option<f64>> {
        let gates = terms.rules.gates.iter().zip(&findings.gates);
        gates.filter(|(gate, _)| wanted(&gate.measure)).map(|(_, found)| found.detectable).collect()
    };
    let conversions = || of(|measure| matches!(measure, Measure::Conversions { .. }));
    let mut kinds = if falls {
        vec![conversions()]
    } else {
        vec![
            of(|measure| matches!(measure, Measure::Errors { .. })),
            of(|measure| matches!(measure, Measure::Slow)),
            conversions(),
        ]
    };
    kinds.retain(|kind| !kind.is_empty());
    let kind = kinds.into_iter().next()?;
    // What every gate of the kind could show: the weakest one's ratio.
    let known: Option<Vec<f64>> = kind.into_iter().collect();
    known?.into_iter().reduce(
        |weakest, one| {
            if (one.ln()).abs() > weakest.ln().abs() { one } else { weakest }
        },
    )
}
