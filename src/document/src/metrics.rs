//! Names of the metrics that filters export and controllers read.
//!
//! Tags are part of a metric's name, in the form that Envoy's and Istio's tag extraction take out
//! again: `serin_assignments.id=.=0a1b2c3d;.;rollout=.=shop/checkout;.;`.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::duration;

/// Counter: requests by [`ID`], [`ROLLOUT`], [`VARIANT`] and [`REASON`].
pub const ASSIGNMENTS: &str = "serin_assignments";
/// Counter: how the requests that are evidence ended, by [`ID`], [`ROLLOUT`], [`VARIANT`],
/// [`COHORT`] and [`CLASS`].
pub const RESPONSES: &str = "serin_responses";
/// Counter: requests by the side whose clusters they were sent to, by [`ID`], [`ROLLOUT`],
/// [`VARIANT`] and [`SERVED_BY`].
pub const SERVED: &str = "serin_served";
/// Counter: testers' tokens that were refused, by [`ID`], [`ROLLOUT`] and [`REASON`].
pub const TOKENS_REFUSED: &str = "serin_tokens_refused";
/// Gauge: 1 where a proxy's limit on names kept some of a rollout's counts from being exported; by
/// [`ID`] and [`ROLLOUT`].
pub const EVIDENCE_CAPPED: &str = "serin_evidence_capped";
/// Gauge: the smallest revision of a rollout among a proxy's live VMs, 0 once it is gone; by
/// [`ID`] and [`ROLLOUT`].
pub const REVISION: &str = "serin_rollout_revision";
/// Gauge: the weight in basis points at that revision; by [`ID`] and [`ROLLOUT`].
pub const WEIGHT: &str = "serin_rollout_weight";
/// Gauge: 1 while a rollout's tripwire has sent everyone to stable at this proxy, else 0; by [`ID`]
/// and [`ROLLOUT`], where the rollout has a tripwire.
pub const TRIPPED: &str = "serin_tripped";
/// Gauge: the revision of the document in force; by [`SOURCE`].
pub const DOCUMENT_REVISION: &str = "serin_document_revision";
/// Gauge: 0 no answer yet, 1 fresh, 2 stale; by [`SOURCE`].
pub const SOURCE_STATE: &str = "serin_source_state";
/// Counter: the source's answers by [`SOURCE`] and [`RESULT`].
pub const SOURCE_ANSWERS: &str = "serin_source_answers";
/// Gauge: how many rollouts of the document in force are left out.
pub const LEFT_OUT: &str = "serin_left_out";
/// Counter: plugin configurations that were JSON but no document.
pub const CONFIG_REFUSED: &str = "serin_config_refused";

/// Tag: the rollout's [`metric_id`](crate::RolloutName::metric_id).
pub const ID: &str = "id";
/// Tag: the rollout's name.
pub const ROLLOUT: &str = "rollout";
/// Tag: `canary`, `stable`, or [`UNMARKED`].
pub const VARIANT: &str = "variant";
/// Tag: why, as [`Reason::as_str`](crate::Reason::as_str) or
/// [`Refusal::as_str`](crate::token::Refusal::as_str) has it.
pub const REASON: &str = "reason";
/// Tag: the user's cohort, 0 to 15, or [`NO_COHORT`].
pub const COHORT: &str = "cohort";
/// Tag: how a request ended: [`OK`], [`ERROR`], [`GONE`] or [`over`] a bound.
pub const CLASS: &str = "class";
/// Tag: the side that served: `canary`, `stable`, or [`NEITHER`].
pub const SERVED_BY: &str = "served";
/// Tag: the source's [`key_hash`](crate::plugin::SourceConfig::key_hash).
pub const SOURCE: &str = "source";
/// Tag: what became of an answer: applied, unchanged, older, refused, unreadable or failed.
pub const RESULT: &str = "result";

/// The value of [`VARIANT`] for a request that is left to the route's weights.
pub const UNMARKED: &str = "none";

/// The value of [`COHORT`] for a request that was drawn by itself, without a user.
pub const NO_COHORT: &str = "none";
/// The value of [`SERVED_BY`] for a request that reached no cluster, or one of neither side.
pub const NEITHER: &str = "none";

/// The value of [`CLASS`] for a good answer, slower than no bound.
pub const OK: &str = "ok";
/// The value of [`CLASS`] for a failure, however slow.
pub const ERROR: &str = "error";
/// The value of [`CLASS`] for a request whose caller left first, which is evidence of nothing.
pub const GONE: &str = "gone";

/// The value of [`CLASS`] for a good answer that was slower than this bound, and not slower than
/// the next one: `over_250ms`.
#[must_use]
pub fn over(bound: Duration) -> String {
    format!("over_{}", duration::format(bound))
}

/// A metric's name with its tags: `base.key=.=value;.;key=.=value;.;`.
#[must_use]
pub fn tagged(base: &str, tags: &[(&str, &str)]) -> String {
    let mut name = String::from(base);
    for (index, (key, value)) in tags.iter().enumerate() {
        let separator = if index == 0 { "." } else { "" };
        for part in [separator, key, "=.=", value, ";.;"] {
            name.push_str(part);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_names_its_bound() {
        assert_eq!(over(Duration::from_millis(250)), "over_250ms");
        assert_eq!(over(Duration::from_millis(1_500)), "over_1s500ms");
    }

    #[test]
    fn tags_stand_in_the_name_as_envoy_takes_them_out() {
        assert_eq!(
            tagged(
                ASSIGNMENTS,
                &[(ID, "0a1b2c3d"), (ROLLOUT, "shop/checkout"), (VARIANT, "canary")]
            ),
            "serin_assignments.id=.=0a1b2c3d;.;rollout=.=shop/checkout;.;variant=.=canary;.;"
        );
        assert_eq!(tagged(LEFT_OUT, &[]), "serin_left_out");
    }
}
