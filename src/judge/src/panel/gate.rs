//! One gate: its streams, and the tests beside them.

use serde::{Deserialize, Serialize};

use super::alone::{Alone, most_events};
use super::guard::Guard;
use super::recent::Recent;
use super::stream::Stream;
use super::{GateRules, Measure, Rules, Stage};
use crate::bits::exact;
use crate::{Alpha, Dispersion, Interval, Look, Rule, Share, combine};

/// After a weight step conversions are not judged for so many times their lag: until then events
/// stand beside the opportunities of other users.
const LAGS: u32 = 3;

/// Where the rollout stood while something was counted.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) started_ms: u64,
    pub(super) stage: Stage,
    /// Whether it was counted wholly at the stage's traffic, and not before.
    pub(super) present: bool,
    /// Whether both sides served then.
    pub(super) compared: bool,
}

/// What is kept of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GateState {
    /// The test that the evidence is from.
    rule: Rule,
    #[serde(with = "exact")]
    phi: Dispersion,
    /// The end of the last interval, in milliseconds since 1970.
    pub(super) cut_ms: u64,
    pub(super) streams: Vec<Stream>,
    /// Against gross harm while nothing else is judged; errors only.
    guard: Option<Guard>,
    pub(super) recent: Recent,
    /// The test at 100 %; errors only.
    pub(super) alone: Option<Alone>,
    /// Until when the last interval's kind is not judged; `None` where it was.
    pub(super) skipped_until_ms: Option<u64>,
    /// How many intervals there were before the present traffic.
    pub(super) before_step: u64,
    /// How many intervals of the present traffic were judged.
    pub(super) judged_in_step: u64,
}

impl GateState {
    pub(super) fn new(rules: &Rules, gate: &GateRules, cut_ms: u64) -> Self {
        let errors = matches!(gate.measure, Measure::Errors { .. });
        Self {
            rule: rules.test(gate),
            phi: gate.phi,
            cut_ms,
            streams: Vec::new(),
            guard: errors.then(Guard::default),
            recent: Recent::new(cut_ms),
            alone: None,
            skipped_until_ms: None,
            before_step: 0,
            judged_in_step: 0,
        }
    }

    /// Whether its evidence is what these rules ask for.
    pub(super) fn fits(&self, rule: &Rule, gate: &GateRules) -> bool {
        let errors = matches!(gate.measure, Measure::Errors { .. });
        self.rule == *rule && self.phi == gate.phi && self.guard.is_some() == errors
    }

    pub(super) fn intervals(&self) -> u64 {
        self.streams.first().map_or(0, Stream::intervals)
    }

    pub(super) fn absorb(
        &mut self,
        rules: &Rules,
        gate: &GateRules,
        moment: Moment,
        (to_ms, intervals): (u64, &[Interval]),
    ) -> Look {
        for interval in intervals.iter().skip(self.streams.len()) {
            self.streams.push(Stream::new(&self.rule, interval.cohorts.len()));
        }
        let skip_ends_ms = later(moment.started_ms, rules.skip);
        let lag_ends_ms = match gate.measure {
            Measure::Conversions { lag } => later(moment.stage.traffic_since_ms, lag * LAGS),
            Measure::Errors { .. } | Measure::Slow => 0,
        };
        let until_ms = skip_ends_ms.max(lag_ends_ms);
        // A gate that could not be read for a while has counts from before the interval's start.
        let skipped = self.cut_ms < until_ms;
        self.skipped_until_ms = skipped.then_some(until_ms);
        let look = if skipped || !moment.compared { Look::Skipped } else { Look::Judged };

        for (stream, interval) in self.streams.iter_mut().zip(intervals) {
            stream.absorb(&self.rule, self.phi, interval, (look, moment.present));
        }
        if let Some(first) = intervals.first() {
            if let Some(guard) = self.guard.as_mut().filter(|_| self.cut_ms < skip_ends_ms) {
                guard.absorb(rules.set_aside, self.phi, first);
            }
            self.recent.absorb(to_ms, first.total());
            if !moment.compared {
                self.stand_alone(rules, gate, first);
            }
        }
        if moment.present && look == Look::Judged {
            self.judged_in_step += 1;
        }
        self.cut_ms = to_ms;
        look
    }

    /// The canary by itself, against what stable's rate can have been when there was one.
    fn stand_alone(&mut self, rules: &Rules, gate: &GateRules, interval: &Interval) {
        let Measure::Errors { floor, .. } = gate.measure else { return };
        if self.alone.is_none() {
            let Some(compared) = self.streams.first().map(|stream| stream.compared) else { return };
            if compared.stable_requests() <= 0.0 {
                return;
            }
            let stable = most_events(compared.stable_events()) / compared.stable_requests();
            let least = floor.map_or(0.0, Share::get);
            let rate = Share::try_new((gate.margin.get() * stable).max(least));
            let cohorts = interval.cohorts.len();
            self.alone = rate.ok().map(|rate| Alone::new(rate, rules.set_aside, cohorts));
        }
        if let Some(alone) = &mut self.alone {
            alone.absorb(interval);
        }
    }

    /// The traffic is another one.
    pub(super) fn begin_step(&mut self, compared_before: bool) {
        self.before_step = self.intervals();
        self.judged_in_step = 0;
        for stream in &mut self.streams {
            stream.begin_step(compared_before);
        }
    }

    /// The mean over its streams of what `log_e` gives.
    pub(super) fn mean(&self, log_e: impl Fn(&Stream) -> f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most three streams")]
        let weight = 1.0 / self.streams.len().max(1) as f64;
        let weighted: Vec<(f64, f64)> =
            self.streams.iter().map(|stream| (weight, log_e(stream))).collect();
        if weighted.is_empty() { 0.0 } else { combine::log_mean(&weighted) }
    }

    pub(super) fn log_e_worst(&self) -> f64 {
        self.mean(Stream::log_e_worst)
    }

    pub(super) fn log_floor(&self) -> Option<f64> {
        self.streams.first().and_then(Stream::log_floor)
    }

    /// Its evidence as it enters the mean of all gates.
    pub(super) fn decisive(&self, alpha: Alpha) -> f64 {
        let met = self.log_floor().is_none_or(|log_floor| log_floor >= alpha.log_threshold());
        combine::capped_by_floor(self.log_e_worst(), met)
    }

    pub(super) fn gross_harm(&self, alpha: Alpha) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.reached(alpha))
    }

    pub(super) fn guard_log_e(&self) -> f64 {
        self.guard.as_ref().map_or(0.0, Guard::log_e)
    }
}

fn later(ms: u64, by: core::time::Duration) -> u64 {
    ms.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX))
}
