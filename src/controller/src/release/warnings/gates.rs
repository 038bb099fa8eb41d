//! Doubts about gates.

use core::time::Duration;

use serin_document::Anonymous;
use serin_document::duration::format as in_words;
use serin_judge::SetAside;

use super::Warning;
use crate::gates::{Bounds, Counts, Gate, Kind, Measure, Ratio, Threshold};
use crate::release::{FieldPath, Release};

/// The fewest scrapes of a window that tell a trend from a scrape's luck.
const SCRAPES_PER_WINDOW: u32 = 4;

/// The bounds of Envoy's histograms where nothing else is configured, in milliseconds; Istio's
/// proxies have the same.
const ENVOY_BOUNDS_MS: [u64; 17] = [
    1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000,
    1_800_000,
];

impl Release {
    pub(super) fn doubt_gates(&self, at: &FieldPath, warnings: &mut Vec<Warning>) {
        if self.gates.is_empty() {
            let message = "no gate: only a canary without endpoints would be rolled back";
            warnings.push(Warning { field: at.clone(), message: message.to_owned() });
        } else if !self.gates.iter().any(is_business) {
            let message = "no business gate (`conversion` or `threshold`): a version that users \
                           cannot buy, play or search with answers fast and without errors, so \
                           that only what the business counts would show the harm";
            warnings.push(Warning { field: at.clone(), message: message.to_owned() });
        }
        for (gate, place) in self.gates.iter().zip(&self.gate_places) {
            let at = at.index(*place);
            let mut warn =
                |field: FieldPath, message: String| warnings.push(Warning { field, message });
            match &gate.kind {
                Kind::Ratio(ratio) => self.doubt_ratio(ratio, &at, &mut warn),
                Kind::Threshold(threshold) => self.doubt_threshold(threshold, &at, &mut warn),
            }
        }
    }

    fn doubt_ratio(&self, ratio: &Ratio, at: &FieldPath, warn: &mut dyn FnMut(FieldPath, String)) {
        let counts = at.field("counts");
        match &ratio.counts {
            Counts::Filter => {
                if self.assignment.identity.is_empty()
                    && self.assignment.anonymous == Anonymous::Route
                {
                    let message = "the filter counts those whom it places, and without `identity` \
                                   and with `anonymous: route` it places nobody";
                    warn(counts, message.to_owned());
                }
            }
            Counts::Envoy | Counts::Istio { .. } | Counts::Linkerd { .. } | Counts::Traefik => {
                let mut message =
                    "proxies count every request, testers too, so that the sides may \
                                   differ in who uses them"
                        .to_owned();
                if self.evidence.set_aside != SetAside::None {
                    message += "; and they count no cohorts, so that one broken client on the \
                                canary's side can condemn a healthy version";
                }
                warn(counts, message);
                doubt_bounds(&ratio.measure, at, warn);
            }
            Counts::Custom { .. } => {}
        }
    }

    fn doubt_threshold(
        &self,
        threshold: &Threshold,
        at: &FieldPath,
        warn: &mut dyn FnMut(FieldPath, String),
    ) {
        let (window, scrape) = (threshold.window, self.metrics.scrape_interval());
        if window < scrape * SCRAPES_PER_WINDOW {
            let (window, scrape) = (in_words(window), in_words(scrape));
            let message =
                format!("a window of {window} holds fewer than four scrapes of {scrape} each");
            warn(at.field("window"), message);
        }
        if !threshold.query.names_side() {
            let message = "the query names no side ({{variant}} or {{cluster}}), so what stable does \
                           rolls the canary back too";
            warn(at.field("query"), message.to_owned());
        }
        if !threshold.query.names_window() {
            let message = "the query has no {{window}}, so it may see what was before this rollout";
            warn(at.field("query"), message.to_owned());
        }
        if threshold.samples.is_none() {
            let message = "without `samples` a value counts however few requests it rests on";
            warn(at.clone(), message.to_owned());
        }
        if threshold.limits.max_ratio.is_some() && threshold.limits.max.is_none() {
            let message = "without `max` this never fails while stable's value is 0, nor at 100%";
            warn(at.field("maxRatio"), message.to_owned());
        }
    }
}

/// Whether it looks at what users do rather than at how requests fare.
const fn is_business(gate: &Gate) -> bool {
    match &gate.kind {
        Kind::Ratio(ratio) => matches!(ratio.measure, Measure::Conversion { .. }),
        Kind::Threshold(_) => true,
    }
}

/// A bound that no bucket has is never counted.
fn doubt_bounds(measure: &Measure, at: &FieldPath, warn: &mut dyn FnMut(FieldPath, String)) {
    let Measure::Latency { bounds: Bounds::Given(bounds) } = measure else { return };
    for (index, bound) in bounds.iter().enumerate() {
        let known = ENVOY_BOUNDS_MS.iter().any(|ms| Duration::from_millis(*ms) == *bound);
        if !known {
            let message = format!(
                "Envoy's histograms have no bucket up to {} unless they are configured so; there \
                 are 100ms, 250ms, 500ms, 1s, 2500ms and others",
                in_words(*bound)
            );
            warn(at.field("bounds").index(index), message);
        }
    }
}
