//! Gates: what lets a weight rise, holds it or brings it down.
//!
//! Those that compare ([`Ratio`]) are judged on counts by the judge's panel. A [`Threshold`] asks
//! Prometheus in each pass and judges in a pure function:
//!
//! | answer | verdict |
//! |---|---|
//! | within the limits, enough samples | pass |
//! | beyond a limit, enough samples | fail |
//! | a multiple of stable's value is the only limit, and nobody is on stable | no comparison |
//! | nothing, NaN, an infinity, too few samples, or a window that has only begun | no data |
//! | several series, an error, a warning, no answer, or one for another time | broken |
//!
//! A warning counts as broken, not as data: part of the series may be missing.

pub(crate) mod numbers;
mod proxies;
mod ratio;
mod read;
mod single;
mod template;
mod threshold;
mod webhook;

use core::time::Duration;

use serin_assignment::{Variant, Weight};
use serin_rollout::Verdict;

pub(crate) use numbers::whole;
pub(crate) use proxies::{cluster_label, is_of_traefik, service_label};
pub use ratio::{Bounds, Counts, Measure, Ratio, Selected, Sides};
pub use template::{InvalidTemplate, Template};
pub use threshold::{Limits, Samples, Threshold};
pub use webhook::Webhook;
pub(crate) use webhook::{OnError, OnNo, Question, before};

/// One gate of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// Its name, unique within the release.
    pub name: String,
    /// What it asks.
    pub kind: Kind,
}

/// What a gate asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The canary's share of events against stable's, judged by evidence on counts. Its readings
    /// come from the judge's panel.
    Ratio(Ratio),
    /// The user's own query.
    Threshold(Threshold),
}

impl Gate {
    /// The window where none is stated: four scrapes of the common 15 s, and short enough that a
    /// fault shows undiluted within a minute.
    pub const DEFAULT_WINDOW: Duration = Duration::from_mins(1);

    /// The comparison, where it is one.
    #[must_use]
    pub const fn ratio(&self) -> Option<&Ratio> {
        match &self.kind {
            Kind::Ratio(ratio) => Some(ratio),
            Kind::Threshold(_) => None,
        }
    }

    /// The fewest samples that are judged where no number is stated: a share of a few says little.
    pub const DEFAULT_MIN_SAMPLES: u64 = 100;
}

/// Whom the gates ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The rollout's id in metrics: 8 hexadecimal digits.
    pub metric_id: String,
    /// Envoy's name of the cluster that runs stable.
    pub stable_cluster: String,
    /// Envoy's name of the cluster that runs the canary.
    pub canary_cluster: String,
}

impl Subject {
    /// Envoy's name of a side's cluster.
    #[must_use]
    pub fn cluster(&self, side: Variant) -> &str {
        match side {
            Variant::Stable => &self.stable_cluster,
            Variant::Canary => &self.canary_cluster,
        }
    }
}

/// When the gates are evaluated, and what held then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Since when the canary has had traffic in this rollout, in milliseconds since 1970: what
    /// lies before says nothing about this version.
    pub exposed_since_ms: Option<u64>,
    /// The canary's weight. At 100 % there is no stable side to compare with.
    pub weight: Weight,
}

/// The stretch of time that a gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its end, in milliseconds since 1970.
    pub end_ms: u64,
    /// Its length.
    pub length: Duration,
}

impl Window {
    /// How many scrapes a window needs at least: a difference takes two samples.
    const FEWEST_SCRAPES: u32 = 2;

    /// The gate's window, cut to the time since the exposure began, so that an earlier version's
    /// past is not held against this one.
    ///
    /// # Errors
    /// Why there is nothing to look at yet.
    fn of(gate: Duration, moment: &Moment, scrape_interval: Duration) -> Result<Self, String> {
        let Some(since_ms) = moment.exposed_since_ms else {
            return Err("the canary has had no traffic yet".to_owned());
        };
        let exposed = Duration::from_millis(moment.at_ms.saturating_sub(since_ms));
        let length = gate.min(exposed);
        let needed = scrape_interval * Self::FEWEST_SCRAPES;
        if length < needed {
            return Err(format!(
                "{} of traffic so far, two scrapes ({}) are needed",
                numbers::seconds(exposed),
                numbers::seconds(needed)
            ));
        }
        Ok(Self { end_ms: moment.at_ms, length })
    }
}

/// What a gate's answers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome.
    pub verdict: Verdict,
    /// The numbers behind it, for people.
    pub detail: String,
}

impl Judgement {
    fn new(verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { verdict, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_ms: u64, exposed_since_ms: Option<u64>) -> Moment {
        Moment { at_ms, exposed_since_ms, weight: Weight::ZERO }
    }

    #[test]
    fn a_window_never_reaches_back_before_the_exposure() {
        let minute = Duration::from_mins(1);
        let scrape = Duration::from_secs(5);
        let window = Window::of(minute, &moment(1_000_000, Some(980_000)), scrape).unwrap();
        assert_eq!(window.length, Duration::from_secs(20));
        let window = Window::of(minute, &moment(1_000_000, Some(1)), scrape).unwrap();
        assert_eq!(window.length, minute);
    }

    #[test]
    fn a_window_needs_two_scrapes_and_an_exposure() {
        let minute = Duration::from_mins(1);
        let scrape = Duration::from_secs(5);
        let short = Window::of(minute, &moment(1_000_000, Some(991_000)), scrape);
        assert_eq!(short, Err("9 s of traffic so far, two scrapes (10 s) are needed".to_owned()));
        let none = Window::of(minute, &moment(1_000_000, None), scrape);
        assert_eq!(none, Err("the canary has had no traffic yet".to_owned()));
        // A clock that went back gives no window rather than a wrong one.
        assert!(Window::of(minute, &moment(1_000_000, Some(2_000_000)), scrape).is_err());
    }
}
