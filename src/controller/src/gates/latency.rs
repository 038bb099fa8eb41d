//! The preset `envoyLatency`: a quantile of a cluster's response times.

use core::time::Duration;

use serin_assignment::Variant;
use serin_rollout::Verdict;

use super::envoy::cluster_matcher;
use super::histogram::{Histogram, Quantile};
use super::numbers::{count, number, whole};
use super::{Judgement, Subject, Window};
use crate::prometheus::{Client, QueryError, Sample, promql};

/// The share `quantile` of the canary's answers comes within `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Which quantile, above 0.0 and below 1.0.
    pub quantile: f64,
    /// The longest time that passes.
    pub max: Duration,
    /// The fewest requests that are judged.
    pub min_samples: u64,
    /// How far back it looks.
    pub window: Duration,
}

impl Latency {
    /// Asks for both sides. Stable is only told, not judged.
    pub(super) async fn evaluate(
        &self,
        client: &Client,
        subject: &Subject,
        window: &Window,
    ) -> Judgement {
        let (canary, stable) = tokio::join!(
            ask(client, subject, Variant::Canary, window),
            ask(client, subject, Variant::Stable, window)
        );
        self.judge(&canary, &stable, window)
    }

    fn judge(
        &self,
        canary: &Result<Vec<Sample>, QueryError>,
        stable: &Result<Vec<Sample>, QueryError>,
        window: &Window,
    ) -> Judgement {
        let canary = match canary {
            Ok(samples) if samples.is_empty() => {
                let detail = "Envoy reports no response times of the canary's cluster";
                return Judgement::new(Verdict::NoData, detail);
            }
            Ok(samples) => samples,
            Err(error) => return Judgement::new(Verdict::Broken, error.to_string()),
        };
        let Some(times) = Histogram::read(canary) else {
            let detail =
                "the response times of the canary's cluster are no histogram with finite counts";
            return Judgement::new(Verdict::Broken, detail);
        };
        let requests = whole(times.count());
        let (true, Some(found)) = (requests >= self.min_samples, times.quantile(self.quantile))
        else {
            return Judgement::too_few_requests(requests, self.min_samples, window);
        };
        let limit_ms = self.max.as_secs_f64() * 1000.0;
        let beyond = match found {
            Quantile::At(ms) => ms > limit_ms,
            Quantile::Above(_) => true,
        };
        let verdict = if beyond { Verdict::Fail } else { Verdict::Pass };
        let stable = match stable.as_ref().map(|samples| Histogram::read(samples)) {
            Ok(Some(times)) => times.quantile(self.quantile).map_or_else(
                || "no requests".to_owned(),
                |found| format!("{} of {} requests", in_words(found), count(whole(times.count()))),
            ),
            Ok(None) => "no requests".to_owned(),
            Err(_) => "not known".to_owned(),
        };
        let detail = format!(
            "p{} of the canary {} of {} requests, limit {} ms; stable {stable}",
            number(self.quantile * 100.0),
            in_words(found),
            count(requests),
            number(limit_ms)
        );
        Judgement::new(verdict, detail)
    }
}

fn in_words(found: Quantile) -> String {
    match found {
        Quantile::At(ms) => format!("{} ms", number(ms)),
        Quantile::Above(ms) => format!("above {} ms", number(ms)),
    }
}

/// Extrapolation scales all buckets of a series alike, so `increase` serves a quantile well.
async fn ask(
    client: &Client,
    subject: &Subject,
    side: Variant,
    window: &Window,
) -> Result<Vec<Sample>, QueryError> {
    let query = format!(
        "sum by (le) (increase(envoy_cluster_upstream_rq_time_bucket{{{}}}[{}]))",
        cluster_matcher(subject.cluster(side)),
        promql::duration(window.length)
    );
    client.vector(&query, window.end_ms).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::{Fault, Point};

    const WINDOW: Window = Window { end_ms: 60_000, length: Duration::from_mins(1) };
    const GATE: Latency = Latency {
        quantile: 0.99,
        max: Duration::from_millis(250),
        min_samples: 100,
        window: Duration::from_mins(1),
    };

    fn buckets(counts: &[(&str, f64)]) -> Vec<Sample> {
        let sample = |(le, value): &(&str, f64)| Sample {
            labels: [("le".to_owned(), (*le).to_owned())].into(),
            point: Point { at_ms: 0, value: *value },
        };
        counts.iter().map(sample).collect()
    }

    fn judged(counts: &[(&str, f64)]) -> Judgement {
        let stable = Ok(buckets(&[("100", 99.0), ("250", 100.0), ("+Inf", 100.0)]));
        GATE.judge(&Ok(buckets(counts)), &stable, &WINDOW)
    }

    #[test]
    fn a_fast_canary_passes_and_a_slow_one_fails() {
        let fast = judged(&[("100", 99.0), ("250", 100.0), ("+Inf", 100.0)]);
        assert_eq!(fast.verdict, Verdict::Pass);
        assert_eq!(
            fast.detail,
            "p99 of the canary 100 ms of 100 requests, limit 250 ms; stable 100 ms of 100 requests"
        );
        let slow = judged(&[("100", 90.0), ("250", 90.0), ("500", 100.0), ("+Inf", 100.0)]);
        assert_eq!(slow.verdict, Verdict::Fail);
        assert!(slow.detail.starts_with("p99 of the canary 475 ms of 100 requests"), "{slow:?}");
    }

    #[test]
    fn times_above_every_bound_fail() {
        let judgement = judged(&[("100", 50.0), ("+Inf", 100.0)]);
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert!(judgement.detail.contains("above 100 ms"), "{judgement:?}");
    }

    #[test]
    fn too_few_or_no_requests_are_no_data() {
        assert_eq!(judged(&[("100", 0.0), ("+Inf", 99.0)]).verdict, Verdict::NoData);
        assert_eq!(judged(&[]).verdict, Verdict::NoData);
    }

    #[test]
    fn errors_and_nonsense_are_broken() {
        let address = "http://127.0.0.1:9090".parse().unwrap();
        let error = QueryError { address, fault: Fault::Histogram };
        let judgement = GATE.judge(&Err(error), &Ok(buckets(&[])), &WINDOW);
        assert_eq!(judgement.verdict, Verdict::Broken);
        assert_eq!(judged(&[("100", 50.0)]).verdict, Verdict::Broken);
    }
}
