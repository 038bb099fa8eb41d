//! What the user asked for.

use core::time::Duration;

use serde::Serialize;
use serin_assignment::Weight;

use crate::Steps;
use crate::observation::millis;

/// A rollout as its owner planned it. It is written beside each decision, with durations in whole
/// milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The weights to go through.
    pub steps: Steps,
    /// What is mirrored to the canary before the first of them; `None` where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// The names of the gates; a reading of each is expected in every pass.
    pub gates: Vec<String>,
    /// Other systems that have a say once all else speaks for a rise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
    /// What follows the last step.
    pub on_success: OnSuccess,
    /// Waiting times and what follows them.
    pub policy: Policy,
    /// Names the steps where others start a rollout under way again, everyone on stable first;
    /// `None` where others are followed from the weight that is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_name: Option<String>,
}

/// Copies of requests that the canary gets before anybody is on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    /// The share of requests; above 0.
    pub share: Weight,
    /// Time under observation, counted from the proof that proxies follow.
    #[serde(rename = "forMs", with = "millis")]
    pub time: Duration,
    /// The names of those of the plan's gates that judge it: users are not split meanwhile, so that
    /// the others have nothing to compare.
    pub gates: Vec<String>,
}

/// Another system that has a say. Its answers are readings under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// Its name, which no gate has.
    pub name: String,
    /// When it is asked.
    pub before: Before,
}

/// Before what another system is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Before {
    /// The rollout goes any way at all: before the canary gets replicas.
    Start,
    /// Anybody is on the canary, once its replicas are ready.
    Exposure,
    /// Each rise after the first weight.
    Rise,
    /// The canary gets this weight.
    Weight(Weight),
    /// The last step ends: before a promotion, or a swap of the roles.
    End,
}

/// One weight and what must hold before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The canary's share during this step.
    pub weight: Weight,
    /// Time under observation at this weight, counted from the proof that the weight is live.
    pub length: Length,
    /// Requests that the canary must have served since the step's clock started.
    pub min_requests: u64,
    /// Whether a person must agree before the step ends.
    pub approval: Approval,
}

/// How long a step lasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Length {
    /// So much time under observation.
    #[serde(rename = "bakeMs")]
    Bake(#[serde(with = "millis")] Duration),
    /// Until a canary whose rate is `ratio` times stable's would have been seen with a chance of
    /// 90 %, or until the time is over; then the log says that it could not be seen.
    Detect {
        /// Above 1 for errors and slow requests, below 1 for conversions.
        ratio: f64,
        /// The longest time under observation.
        #[serde(rename = "atMostMs", with = "millis")]
        at_most: Duration,
    },
}

impl Length {
    /// The time under observation after which the step ends at the latest, as far as time goes.
    #[must_use]
    pub const fn longest(self) -> Duration {
        match self {
            Self::Bake(bake) => bake,
            Self::Detect { at_most, .. } => at_most,
        }
    }
}

/// Who lets a step end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Approval {
    /// The gates alone.
    #[default]
    Automatic,
    /// The gates and a person.
    Manual,
}

/// What follows the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OnSuccess {
    /// The canary keeps the last step's weight (100 % as a rule): it serves from now on.
    #[default]
    Keep,
    /// Stable is brought to the new version, then takes the traffic back.
    Promote,
    /// The canary's side serves everyone, and the two sides swap their roles: the next rollout is
    /// the other one's. The last step's weight is 100 %.
    Swap,
}

/// Waiting times and what follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Gates without data or with broken metrics for this long raise an alert.
    #[serde(rename = "noDataAlertAfterMs", with = "millis")]
    pub no_data_alert_after: Duration,
    /// What else follows gates that stay without data.
    pub on_no_data: OnNoData,
    /// The canary without a ready endpoint for this long loses its weight.
    #[serde(rename = "notReadyAfterMs", with = "millis")]
    pub not_ready_after: Duration,
    /// A weight that no proof shows to be live for this long raises an alert.
    #[serde(rename = "notLiveAlertAfterMs", with = "millis")]
    pub not_live_alert_after: Duration,
    /// A rollback that has not emptied the canary for this long raises an alert.
    #[serde(rename = "rollbackAlertAfterMs", with = "millis")]
    pub rollback_alert_after: Duration,
    /// A rollout under way that has waited for this long for what should come by itself, such as
    /// replicas or an answer, raises an alert.
    #[serde(rename = "heldAlertAfterMs", with = "millis")]
    pub held_alert_after: Duration,
    /// A promotion, or a swap of the roles, that has not come to its end for this long raises an
    /// alert.
    #[serde(rename = "promotionAlertAfterMs", with = "millis")]
    pub promotion_alert_after: Duration,
    /// Before the roles are swapped, the route must have stood as it was set for this long: nothing
    /// tells when proxies have taken it over.
    #[serde(rename = "routeLiveAfterMs", with = "millis")]
    pub route_live_after: Duration,
    /// The longest stretch between two passes that counts as time under observation.
    #[serde(rename = "longestGapMs", with = "millis")]
    pub longest_gap: Duration,
}

/// What else follows gates that stay without data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OnNoData {
    /// Hold the weight until data is back.
    #[default]
    Hold,
    /// Roll back once any gate has had no data, or its metrics have been broken, for this long
    /// while the canary had weight; the time until the first samples of a step counts as well.
    #[serde(rename = "rollBackAfterMs")]
    RollBackAfter(#[serde(with = "millis")] Duration),
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            // Eight scrapes at the usual 15 s: a restart of Prometheus passes without a page.
            no_data_alert_after: Duration::from_mins(2),
            on_no_data: OnNoData::Hold,
            // Longer than the gap of a rolling restart, short for users who get errors.
            not_ready_after: Duration::from_secs(10),
            // The proof takes three scrapes, 45 s at the usual 15 s; twice that and some.
            not_live_alert_after: Duration::from_mins(2),
            // Standing still takes three scrapes after the write, up to 60 s at the usual 15 s.
            rollback_alert_after: Duration::from_secs(90),
            // Replicas take the longest of what is waited for; as long as the next one.
            held_alert_after: Duration::from_mins(10),
            // As long as Kubernetes gives a Deployment by itself (`progressDeadlineSeconds`).
            promotion_alert_after: Duration::from_mins(10),
            // Istiod pushes within seconds, and within a minute where a mesh of thousands of proxies
            // changes at once; twice that.
            route_live_after: Duration::from_mins(2),
            // One usual scrape interval: within it nothing could have been seen anyway.
            longest_gap: Duration::from_secs(15),
        }
    }
}
