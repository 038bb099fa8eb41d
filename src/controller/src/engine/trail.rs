//! How a rollout went so far, for people who look: weights, shares and ratios as curves.
//!
//! It is kept in memory alone and decides nothing. After a restart it begins anew; the decision log
//! goes further back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::status::{Gate, Status};

/// How many points are kept: as many as a curve on a phone can show. With three gates they take some
/// 13 kB a release.
const POINTS: usize = 120;

/// The least time between two points, in milliseconds, while there is room: a look a second.
const SPACING_MS: u64 = 1_000;

/// The curves of one release. Copies share what they hold.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<Mutex<Curves>>);

/// What is drawn, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curves {
    /// The gates' names, in the order in which each point has them.
    pub gates: Vec<String>,
    /// The points.
    pub points: Vec<Point>,
    /// Of which rollout they are.
    #[serde(skip)]
    of: Option<Rollout>,
    /// The time between two points, in milliseconds; it doubles whenever there is no room left.
    #[serde(skip)]
    spacing_ms: u64,
}

/// A moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The canary's share as it was set, 0.0 to 1.0.
    pub weight: f32,
    /// The canary's share as it was seen, 0.0 to 1.0.
    pub share: Option<f32>,
    /// How far the evidence of all gates is on its way to a rollback; one is there.
    pub evidence: Option<f32>,
    /// Each gate's ratio; `None` of one that compares nothing.
    pub gates: Box<[Option<Ratio>]>,
}

/// The ratio canary/stable, and the ends of its confidence sequence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The most likely one; `None` without events.
    pub ratio: Option<f32>,
    /// The lower end.
    pub low: f32,
    /// The upper end.
    pub high: f32,
}

/// What makes a rollout another one.
#[derive(Clone, Debug, PartialEq)]
struct Rollout {
    version: String,
    salt: Option<String>,
}

impl Trail {
    /// All curves as they are now.
    #[must_use]
    pub fn curves(&self) -> Curves {
        self.lock().clone()
    }

    /// Adds how things stand.
    pub(super) fn note(&self, status: &Status, at_ms: u64) {
        self.lock().note(status, at_ms);
    }

    fn lock(&self) -> MutexGuard<'_, Curves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Curves {
    fn note(&mut self, status: &Status, at_ms: u64) {
        if status.phase.is_none() {
            return;
        }
        let salt = status.salt.as_ref().map(ToString::to_string);
        let of = Some(Rollout { version: status.version.clone(), salt });
        let names = status.gates.iter().map(|gate| &gate.name);
        if self.of != of || !self.gates.iter().eq(names.clone()) {
            let gates = names.cloned().collect();
            *self = Self { gates, points: Vec::new(), of, spacing_ms: SPACING_MS };
        }
        let point = Point::of(status, at_ms);
        let due = self.points.last().is_none_or(|last| {
            last.weight.to_bits() != point.weight.to_bits()
                || at_ms.saturating_sub(last.at) >= self.spacing_ms
        });
        if !due {
            return;
        }
        if self.points.len() >= POINTS {
            self.thin();
        }
        self.points.push(point);
    }

    /// Makes room: every second point goes, unless it shows a step of the weight.
    fn thin(&mut self) {
        self.spacing_ms = self.spacing_ms.saturating_mul(2);
        let mut weight = None;
        let mut number = 0_usize;
        self.points.retain(|point| {
            number += 1;
            let steps = weight.replace(point.weight.to_bits()) != Some(point.weight.to_bits());
            steps || number.is_multiple_of(2)
        });
        if self.points.len() >= POINTS {
            // A weight that goes up and down all the time.
            let excess = self.points.len() - POINTS / 2;
            self.points.drain(..excess);
        }
    }
}

impl Point {
    fn of(status: &Status, at: u64) -> Self {
        let evidence = status.evidence.map(|found| found.log_e / found.log_threshold);
        Self {
            at,
            weight: narrow(status.weight.share()),
            share: status.observed_share.map(narrow),
            evidence: evidence.map(|share| narrow(share.clamp(0.0, 1.0))),
            gates: status.gates.iter().map(ratio).collect(),
        }
    }
}

fn ratio(gate: &Gate) -> Option<Ratio> {
    let found = gate.evidence.as_ref()?;
    Some(Ratio {
        ratio: found.ratio.map(narrow),
        low: narrow(found.ratio_low),
        high: narrow(found.ratio_high),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a curve shows")]
const fn narrow(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::example;

    fn at(weight: &str) -> Status {
        Status { weight: weight.parse().unwrap(), ..example() }
    }

    #[test]
    fn a_long_rollout_keeps_its_steps_and_its_ends() {
        let mut curves = Curves::default();
        for second in 0..10_000 {
            let weight = if second < 37 { "5%" } else { "25%" };
            curves.note(&at(weight), second * 1_000);
        }
        assert!(curves.points.len() <= POINTS, "{}", curves.points.len());
        assert_eq!(curves.points.first().unwrap().at, 0);
        assert!(curves.points.last().unwrap().at > 9_800_000);
        let step = curves.points.iter().find(|point| point.weight > 0.2).unwrap();
        assert_eq!(step.at, 37_000);
        assert_eq!(step.gates.len(), 1);
    }

    #[test]
    fn another_rollout_begins_anew() {
        let mut curves = Curves::default();
        curves.note(&at("5%"), 1);
        curves.note(&Status { version: "v3".to_owned(), ..at("5%") }, 2);
        assert_eq!(curves.points.len(), 1);
        curves.note(&Status { phase: None, version: "v4".to_owned(), ..at("5%") }, 3);
        assert_eq!(curves.points.len(), 1, "what is not known is no point");
    }

    #[test]
    fn a_weight_that_never_rests_has_its_bound_too() {
        let mut curves = Curves::default();
        for second in 0..1_000 {
            curves.note(&at(if second % 2 == 0 { "5%" } else { "6%" }), second);
        }
        assert!(curves.points.len() <= POINTS, "{}", curves.points.len());
    }
}
