//! Gates that compare the canary's share of events with stable's: errors and slow requests among
//! requests, conversions among opportunities. They are judged on counts, over the whole rollout.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_judge::{Dispersion, Margin, Share, Worse};

/// Two sides, compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Which events.
    pub measure: Measure,
    /// Where they are counted.
    pub counts: Counts,
    /// The ratio canary/stable up to which (for conversions down to which) the canary counts as
    /// healthy.
    pub margin: Margin,
    /// How much its evidence weighs beside the other ratio gates' evidence, as written: above 0.
    pub weight: f64,
    /// By how much more than independent events they scatter: every event counts so much less.
    pub dispersion: Dispersion,
}

/// The events that are compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Requests that failed; more is worse.
    ErrorRate {
        /// A rollback also needs evidence that the canary's own rate is above this.
        floor: Option<Share>,
        /// Where both sides fail more often than this, it is not the canary's fault: hold.
        slo: Option<Share>,
    },
    /// Requests that took longer than a bound; more is worse.
    Latency {
        /// Which bounds.
        bounds: Bounds,
    },
    /// Opportunities that were taken; fewer is worse.
    Conversion {
        /// How long after its opportunity an event may come.
        lag: Duration,
    },
}

/// Bounds beyond which a request is slow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// One to three, rising.
    Given(Vec<Duration>),
    /// Chosen before the rollout from what stable exceeds in about 20, 5 and 1 %.
    FromStable,
}

/// Where requests and events are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts {
    /// By Serin's filter: what callers saw, of the requests that are evidence, by cohort.
    Filter,
    /// By Envoy, for the two clusters: every try, before retries; of all requests.
    Envoy,
    /// By Istio's proxies, as the caller's side reports.
    Istio {
        /// What tells the sides apart.
        sides: Sides,
        /// What else a series must carry.
        labels: BTreeMap<String, String>,
    },
    /// By Linkerd's proxies, as the caller's side reports where the labels say nothing else.
    Linkerd {
        /// What tells the sides apart.
        sides: Sides,
        /// What else a series must carry.
        labels: BTreeMap<String, String>,
    },
    /// By Traefik, for the two services that the release names as clusters; of all requests.
    Traefik,
    /// By the application, or anything else.
    Custom {
        /// The counter of events.
        events: Option<Selected>,
        /// The counter of requests or opportunities.
        opportunities: Option<Selected>,
        /// A classic histogram of response times, by its name without `_bucket`.
        histogram: Option<Selected>,
        /// What tells the sides apart.
        sides: Sides,
        /// The label that carries the cohort, 0 to 15; series without it are in none.
        cohort: String,
    },
}

/// What tells the series of the two sides apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The label's name.
    pub label: String,
    /// Its value for the canary.
    pub canary: String,
    /// Its value for stable.
    pub stable: String,
}

/// Series of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The metric's name.
    pub metric: String,
    /// Labels that a series must carry, with their values.
    pub labels: BTreeMap<String, String>,
}

impl Measure {
    /// Which direction is harm.
    #[must_use]
    pub const fn worse(&self) -> Worse {
        match self {
            Self::ErrorRate { .. } | Self::Latency { .. } => Worse::Higher,
            Self::Conversion { .. } => Worse::Lower,
        }
    }
}

impl Ratio {
    /// Whether its bounds are chosen from stable before the rollout.
    #[must_use]
    pub const fn is_chosen_from_stable(&self) -> bool {
        matches!(self.measure, Measure::Latency { bounds: Bounds::FromStable })
    }
}

impl Counts {
    /// The label of a custom counter that carries the cohort where no other is named.
    pub const DEFAULT_COHORT: &str = "cohort";
}

impl Sides {
    /// The label that tells the sides apart where no other is named.
    pub const DEFAULT_LABEL: &str = "variant";
}

impl Default for Sides {
    fn default() -> Self {
        Self {
            label: Self::DEFAULT_LABEL.to_owned(),
            canary: "canary".to_owned(),
            stable: "stable".to_owned(),
        }
    }
}
