//! How the judge is to judge a release's ratio gates.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_document::LatencyBounds;
use serin_judge::panel::{self, GateRules, Rules};
use serin_judge::{Alpha, SetAside};

use super::Release;
use crate::gates::{Bounds, Counts, Measure};

/// What counts as evidence, and how much of it is needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The chance that an identical canary is rolled back in the whole rollout, at most.
    pub alpha: Alpha,
    /// How long after the rollout's start nothing is judged: caches are cold, pools are empty.
    pub skip: Duration,
    /// How many cohorts are left out of the evidence that decides.
    pub set_aside: SetAside,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            alpha: Alpha::default(),
            // A canary at five times its usual error rate within its first two minutes is common
            // and passes by itself.
            skip: Duration::from_mins(2),
            set_aside: SetAside::default(),
        }
    }
}

impl Release {
    /// The rules for the panel of this release's ratio gates, in the order of the gates.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let ratios = || self.gates.iter().filter_map(|gate| Some((gate, gate.ratio()?)));
        let total: f64 = ratios().map(|(_, ratio)| ratio.weight).sum();
        let gates = ratios().map(|(gate, ratio)| GateRules {
            name: gate.name.clone(),
            measure: match &ratio.measure {
                Measure::ErrorRate { floor, slo } => {
                    panel::Measure::Errors { floor: *floor, slo: *slo }
                }
                Measure::Latency { .. } => panel::Measure::Slow,
                Measure::Conversion { lag } => panel::Measure::Conversions { lag: *lag },
            },
            margin: ratio.margin,
            weight: ratio.weight / total,
            phi: ratio.dispersion,
        });
        let Evidence { alpha, skip, set_aside } = self.evidence;
        Rules { alpha, skip, set_aside, gates: gates.collect() }
    }

    /// The bounds of each latency gate: those given, and those `chosen` from stable for the others.
    /// A gate without either is absent.
    #[must_use]
    pub fn latency_bounds(
        &self,
        chosen: &BTreeMap<String, Vec<Duration>>,
    ) -> BTreeMap<String, Vec<Duration>> {
        let bounds = self.gates.iter().filter_map(|gate| {
            let Measure::Latency { bounds } = &gate.ratio()?.measure else { return None };
            let bounds = match bounds {
                Bounds::Given(given) => given.clone(),
                Bounds::FromStable => chosen.get(&gate.name)?.clone(),
            };
            Some((gate.name.clone(), bounds))
        });
        bounds.collect()
    }

    /// The bounds by which the filter counts: those of the one latency gate that it counts for.
    pub(super) fn bounds_of_filter(
        &self,
        chosen: &BTreeMap<String, Vec<Duration>>,
    ) -> Option<LatencyBounds> {
        let mut by_filter = self
            .gates
            .iter()
            .filter(|gate| gate.ratio().is_some_and(|ratio| ratio.counts == Counts::Filter));
        let bounds = self.latency_bounds(chosen);
        let found = by_filter.find_map(|gate| bounds.get(&gate.name))?;
        // Those given are checked with the file; what was chosen and is none counts nothing.
        LatencyBounds::new(found).ok()
    }
}
