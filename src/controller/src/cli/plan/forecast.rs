//! What the judge could see, step by step, where so many requests come and so many of them fail.
//!
//! Pure: the release and the traffic in, a table out. The times are those of
//! [`serin_judge::planning`]; what that formula leaves out is added here: the skipped start, the
//! requests of the cohorts that are set aside, and the intervals that a later step comes after.

use serin_assignment::Weight;
use serin_judge::panel::Measure;
use serin_judge::planning::{self, Chance, Traffic};
use serin_judge::{Alpha, SetAside, Share, Worse};
use serin_rollout::Length;

use super::question::{Question, Stage, Watched};
use super::users;

/// The cohorts that users fall into.
const COHORTS: f64 = 16.0;

/// Where fewer events than this decide, chance alone moves the time much: it is "at least" so long.
const FEW_EVENTS: f64 = 10.0;

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forecast {
    pub(super) steps: Vec<Step>,
    /// Where each gate sees each ratio.
    pub(super) seen: Vec<Seen>,
}

/// What a step brings.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) weight: Weight,
    /// The canary's share of the release's users: the weight, unless it has only a part of them.
    pub(super) share: f64,
    /// The rollout's time before it.
    pub(super) starts_seconds: f64,
    pub(super) lasts: Lasts,
    /// Requests to the canary during the step.
    pub(super) canary_requests: f64,
    /// Requests to stable during the step.
    pub(super) stable_requests: f64,
    /// Users on the canary.
    pub(super) users: Option<f64>,
    /// For each gate, in their order, what it sees of each ratio.
    pub(super) sights: Vec<Vec<Sight>>,
}

impl Step {
    /// Whether there is no stable side left to compare with.
    pub(super) fn canary_is_all(&self) -> bool {
        self.share >= 1.0
    }
}

/// How long a step takes, from its weight being live.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lasts {
    pub(super) seconds: f64,
    pub(super) because: Because,
}

/// What ends a step last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Because {
    /// Its bake time.
    Bake,
    /// Its minimum of requests.
    MinRequests,
    /// It can detect what it is to detect.
    Detect,
    /// It could not by its longest time.
    AtMost,
}

/// How soon a gate sees a ratio within a step, where the harm begins with the step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sight {
    pub(super) ratio: f64,
    pub(super) when: Result<When, Blind>,
}

/// Times from the step's beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct When {
    /// By then it is seen with 50 %.
    pub(super) half_seconds: f64,
    /// By then it is seen with 90 %.
    pub(super) ninety_seconds: f64,
    /// Whether so few events decide that it is at least this long.
    pub(super) at_least: bool,
}

/// Why a ratio is never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Blind {
    /// All requests go to the canary: there is nothing to compare with.
    NoComparison,
    /// The gate's margin allows it.
    WithinMargin,
    /// It is nearer to the margin than anything the test looks for.
    NearMargin,
    /// Stable's rate is so high that there is no such multiple of it.
    BeyondAll,
}

/// Where a gate sees a ratio with 90 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// Index of the gate.
    pub(super) gate: usize,
    pub(super) ratio: f64,
    /// The first step that is long enough, by its index, and the time from its beginning.
    pub(super) at: Option<(usize, When)>,
}

/// Ratios that are shown for what is worse when there is more of it.
const HIGHER: [f64; 4] = [1.5, 2.0, 5.0, 20.0];
/// Ratios that are shown for what is worse when there is less of it.
const LOWER: [f64; 4] = [0.97, 0.9, 0.8, 0.5];

/// The ratios that are shown for a gate.
pub(super) const fn ratios(worse: Worse) -> [f64; 4] {
    match worse {
        Worse::Higher => HIGHER,
        Worse::Lower => LOWER,
    }
}

/// Makes the table.
pub(super) fn forecast(question: &Question) -> Forecast {
    let mut before = 0.0;
    let mut steps = Vec::new();
    for (index, stage) in question.steps.iter().enumerate() {
        let place = Place { question, weight: stage.weight, before_seconds: before };
        let step = place.step(index + 1, stage);
        before += step.lasts.seconds;
        steps.push(step);
    }
    let mut seen = Vec::new();
    for (gate, watched) in question.gates.iter().enumerate() {
        for (number, ratio) in ratios(watched.worse()).into_iter().enumerate() {
            let at = steps.iter().enumerate().find_map(|(index, step)| {
                let when = step.sights.get(gate)?.get(number)?.when.ok()?;
                (when.ninety_seconds <= step.lasts.seconds).then_some((index, when))
            });
            seen.push(Seen { gate, ratio, at });
        }
    }
    Forecast { steps, seen }
}

/// A step's place in the rollout.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) question: &'a Question,
    pub(super) weight: Weight,
    /// The rollout's time before the step.
    pub(super) before_seconds: f64,
}

impl Place<'_> {
    fn share(self) -> f64 {
        self.weight.share() / self.question.full.share()
    }

    fn step(self, number: usize, stage: &Stage) -> Step {
        let lasts = self.lasts(stage);
        let requests = self.question.requests_per_second * lasts.seconds;
        let share = self.share();
        let gates = self.question.gates.iter();
        let sights = gates
            .map(|gate| {
                let sight = |ratio| Sight { ratio, when: self.when(gate, ratio) };
                ratios(gate.worse()).into_iter().map(sight).collect()
            })
            .collect();
        Step {
            number,
            weight: self.weight,
            share,
            starts_seconds: self.before_seconds,
            lasts,
            canary_requests: requests * share,
            stable_requests: requests * (1.0 - share),
            users: self.question.users.map(|users| users::count(users) * share),
            sights,
        }
    }

    fn lasts(self, stage: &Stage) -> Lasts {
        let (seconds, because) = match stage.length {
            Length::Bake(bake) => (bake.as_secs_f64(), Because::Bake),
            Length::Detect { ratio, at_most } => match self.detects(ratio) {
                Some(seconds) if seconds <= at_most.as_secs_f64() => (seconds, Because::Detect),
                _ => (at_most.as_secs_f64(), Because::AtMost),
            },
        };
        let to_canary = self.question.requests_per_second * self.share();
        let requests = users::count(stage.min_requests) / to_canary;
        if requests > seconds {
            return Lasts { seconds: requests, because: Because::MinRequests };
        }
        Lasts { seconds, because }
    }

    /// How soon a ratio counts as detected: when the slowest gate sees it with 90 %, of those that
    /// count conversions for a ratio below 1, else of those that count errors, or the next best.
    pub(super) fn detects(self, ratio: f64) -> Option<f64> {
        let rank = |gate: &Watched| match gate.measure {
            Measure::Errors { .. } => 0,
            Measure::Slow => 1,
            Measure::Conversions { .. } => 2,
        };
        let asked = |gate: &&Watched| ratio > 1.0 || gate.worse() == Worse::Lower;
        let gates = || self.question.gates.iter().filter(asked);
        let first = gates().map(rank).min()?;
        let times = gates().filter(|gate| rank(gate) == first).map(|gate| self.when(gate, ratio));
        let times: Result<Vec<When>, Blind> = times.collect();
        times.ok()?.into_iter().map(|when| when.ninety_seconds).max_by(f64::total_cmp)
    }

    /// When a gate sees a ratio that is there from the step's beginning: by the bound that sees it
    /// first.
    pub(super) fn when(self, gate: &Watched, ratio: f64) -> Result<When, Blind> {
        if self.weight >= self.question.full {
            return Err(Blind::NoComparison);
        }
        let beyond = match gate.worse() {
            Worse::Higher => ratio > gate.margin.get(),
            Worse::Lower => ratio < gate.margin.get(),
        };
        if !beyond {
            return Err(Blind::WithinMargin);
        }
        let mut first: Result<When, Blind> = Err(Blind::BeyondAll);
        for rate in gate.rates.iter().filter(|rate| rate.get() * ratio < 1.0) {
            first = match (first, self.by(gate, *rate, ratio)) {
                (Ok(first), Some(when)) if when.ninety_seconds < first.ninety_seconds => Ok(when),
                (Ok(first), _) => Ok(first),
                (Err(_), Some(when)) => Ok(when),
                (Err(_), None) => Err(Blind::NearMargin),
            };
        }
        first
    }

    fn by(self, gate: &Watched, rate: Share, ratio: f64) -> Option<When> {
        let set_aside = match self.question.set_aside {
            _ if !gate.cohorts => 0.0,
            SetAside::None => 0.0,
            SetAside::One => 1.0,
            SetAside::Two => 2.0,
        };
        let traffic = Traffic {
            requests_per_unit: gate.per_second * (1.0 - set_aside / COHORTS),
            canary_share: self.share(),
            stable_rate: rate.get(),
            phi: gate.dispersion,
        };
        let intervals = self.before_seconds / self.question.scrape_interval.as_secs_f64();
        let before = (intervals > 0.0).then_some(intervals);
        // The mean over the bounds must get there; it may be one alone that does.
        let alpha = Alpha::try_new(gate.alpha.get() / users::real(gate.bounds)).ok()?;
        let look = self.question.scrape_interval.as_secs_f64();
        let time = |chance| {
            let limit = (gate.margin, gate.worse());
            let time = planning::time_to_see(&traffic, ratio, limit, alpha, chance, before)?;
            // Nothing is seen before the next look.
            Some(time.max(look))
        };
        let (half, ninety) = (time(Chance::Half)?, time(Chance::Ninety)?);
        let skipped = (self.question.skip.as_secs_f64() - self.before_seconds).max(0.0);
        let unjudged = skipped.max(gate.settle.as_secs_f64());
        // Of a drop, the events that are missing decide.
        let deciding = rate.get() * ratio.max(gate.margin.get());
        let events = traffic.requests_per_unit * traffic.canary_share * deciding * half;
        Some(When {
            half_seconds: unjudged + half,
            ninety_seconds: unjudged + ninety,
            at_least: events < FEW_EVENTS,
        })
    }
}
