//! The one number that a threshold's query must give.

use serin_rollout::Verdict;

use super::Judgement;
use crate::prometheus::{Labels, QueryError, Sample};

/// Exactly one finite value, or the verdict that stands in its place.
pub(super) fn number(
    what: &str,
    answer: &Result<Vec<Sample>, QueryError>,
) -> Result<f64, Judgement> {
    let samples = match answer {
        Ok(samples) => samples,
        Err(error) => return Err(Judgement::new(Verdict::Broken, format!("{what}: {error}"))),
    };
    match samples.as_slice() {
        [] => Err(Judgement::new(Verdict::NoData, format!("{what}: no series matches"))),
        [one] if one.point.value.is_finite() => Ok(one.point.value),
        [one] => {
            let value = one.point.value;
            Err(Judgement::new(Verdict::NoData, format!("{what}: the value is {value}")))
        }
        [first, second, rest @ ..] => {
            let more = if rest.is_empty() { "" } else { ", …" };
            let detail = format!(
                "{what}: {} series where one is needed ({}, {}{more}); let the query aggregate",
                samples.len(),
                name(&first.labels),
                name(&second.labels),
            );
            Err(Judgement::new(Verdict::Broken, detail))
        }
    }
}

/// A series as `PromQL` writes it: `up{job="a"}`.
fn name(labels: &Labels) -> String {
    let inner: Vec<String> = labels
        .iter()
        .filter(|(key, _)| *key != "__name__")
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let metric = labels.get("__name__").map_or("", String::as_str);
    format!("{metric}{{{}}}", inner.join(","))
}
