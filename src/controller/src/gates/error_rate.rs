//! The preset `envoyErrorRate`: which share of a cluster's answers was 5xx.
//!
//! Envoy counts an upstream reset or timeout as the 503 or 504 that it answers with. It counts
//! every try, before retries.

use core::time::Duration;

use serin_assignment::Variant;
use serin_rollout::Verdict;

use super::envoy::cluster_matcher;
use super::numbers::{count, percent, whole};
use super::{Judgement, Subject, Window, samples};
use crate::metrics::growth;
use crate::prometheus::{Client, QueryError, Series};

/// At most so many of the canary's answers may be 5xx.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorRate {
    /// The highest share that passes, 0.0 to 1.0.
    pub max: f64,
    /// The fewest requests that are judged.
    pub min_samples: u64,
    /// How far back it looks.
    pub window: Duration,
}

/// What a side answered within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    total: u64,
    errors: u64,
}

impl ErrorRate {
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
        canary: &Result<Option<Answers>, QueryError>,
        stable: &Result<Option<Answers>, QueryError>,
        window: &Window,
    ) -> Judgement {
        let canary = match canary {
            Ok(Some(canary)) => canary,
            Ok(None) => {
                return Judgement::new(
                    Verdict::NoData,
                    "Envoy reports nothing on the canary's cluster",
                );
            }
            Err(error) => return Judgement::new(Verdict::Broken, error.to_string()),
        };
        if canary.total < self.min_samples {
            return Judgement::too_few_requests(canary.total, self.min_samples, window);
        }
        let verdict = if canary.share() > self.max { Verdict::Fail } else { Verdict::Pass };
        let stable = match stable {
            Ok(Some(stable)) if stable.total > 0 => stable.in_words(),
            Ok(_) => "no requests".to_owned(),
            Err(_) => "not known".to_owned(),
        };
        let limit = percent(self.max);
        let detail = format!("canary {}, limit {limit}; stable {stable}", canary.in_words());
        Judgement::new(verdict, detail)
    }
}

impl Answers {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
    fn share(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.errors as f64 / self.total as f64 }
    }

    fn in_words(self) -> String {
        format!("{} of {} requests", percent(self.share()), count(self.total))
    }
}

async fn ask(
    client: &Client,
    subject: &Subject,
    side: Variant,
    window: &Window,
) -> Result<Option<Answers>, QueryError> {
    // The total is there from the start, and so tells a class that has not occurred from a proxy
    // that was not scraped.
    let selector = format!(
        "{{__name__=~\"envoy_cluster_upstream_rq_(xx|total)\",{}}}",
        cluster_matcher(subject.cluster(side))
    );
    let query = samples(&selector, window, client.settings().scrape_interval);
    let series = client.matrix(&query, window.end_ms).await?;
    Ok(answers(&series, window.start_ms()))
}

/// Adds up what the proxies counted; `None` where none of them knows the cluster.
fn answers(series: &[Series], start_ms: u64) -> Option<Answers> {
    const CLASS: &str = "envoy_response_code_class";
    if series.is_empty() {
        return None;
    }
    let (mut total, mut errors) = (0.0, 0.0);
    for (one, grown) in series.iter().zip(growth(series, start_ms, &["__name__", CLASS])) {
        match one.labels.get(CLASS).map(String::as_str) {
            // Without a class it is the total, which also counts requests that are not answered
            // yet; 1xx come before the answer.
            None | Some("1") => {}
            Some("5") => {
                total += grown;
                errors += grown;
            }
            Some(_) => total += grown,
        }
    }
    Some(Answers { total: whole(total), errors: whole(errors) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::{Fault, Point};

    const WINDOW: Window = Window { end_ms: 60_000, length: Duration::from_mins(1) };
    const GATE: ErrorRate =
        ErrorRate { max: 0.02, min_samples: 100, window: Duration::from_mins(1) };

    fn counted(name: &str, class: Option<&str>, points: &[(u64, f64)]) -> Series {
        let mut labels = std::collections::BTreeMap::new();
        labels.insert("__name__".to_owned(), name.to_owned());
        labels.insert("instance".to_owned(), "a".to_owned());
        if let Some(class) = class {
            labels.insert("envoy_response_code_class".to_owned(), class.to_owned());
        }
        let points = points.iter().map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value });
        Series { labels, points: points.collect() }
    }

    fn judged(canary: Option<Answers>) -> Judgement {
        let stable = Ok(Some(Answers { total: 2801, errors: 3 }));
        GATE.judge(&Ok(canary), &stable, &WINDOW)
    }

    #[test]
    fn the_first_errors_are_the_birth_of_a_series_and_count() {
        let series = [
            counted("envoy_cluster_upstream_rq_total", None, &[(1, 0.0), (5, 0.0), (10, 148.0)]),
            counted("envoy_cluster_upstream_rq_xx", Some("5"), &[(10, 30.0)]),
            counted("envoy_cluster_upstream_rq_xx", Some("2"), &[(10, 118.0)]),
        ];
        assert_eq!(answers(&series, 2), Some(Answers { total: 148, errors: 30 }));
    }

    #[test]
    fn without_an_error_series_there_are_no_errors_and_without_any_nothing_is_known() {
        let series = [counted("envoy_cluster_upstream_rq_xx", Some("2"), &[(1, 5.0), (5, 25.0)])];
        assert_eq!(answers(&series, 0), Some(Answers { total: 20, errors: 0 }));
        assert_eq!(answers(&[], 0), None);
    }

    #[test]
    fn harm_is_told_in_numbers() {
        let judgement = judged(Some(Answers { total: 148, errors: 30 }));
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert_eq!(
            judgement.detail,
            "canary 20.3 % of 148 requests, limit 2 %; stable 0.107 % of 2,801 requests"
        );
    }

    #[test]
    fn the_limit_itself_passes() {
        assert_eq!(judged(Some(Answers { total: 100, errors: 2 })).verdict, Verdict::Pass);
        assert_eq!(judged(Some(Answers { total: 100, errors: 3 })).verdict, Verdict::Fail);
    }

    #[test]
    fn too_few_requests_are_no_data_however_bad() {
        let judgement = judged(Some(Answers { total: 99, errors: 99 }));
        assert_eq!(judgement.verdict, Verdict::NoData);
        assert_eq!(judgement.detail, "99 of at least 100 requests to the canary in 60 s");
        assert_eq!(judged(None).verdict, Verdict::NoData);
    }

    #[test]
    fn a_broken_canary_answer_breaks_the_gate_and_a_broken_stable_answer_does_not() {
        let address = "http://127.0.0.1:9090".parse().unwrap();
        let error = QueryError { address, fault: Fault::Unreachable("refused".to_owned()) };
        let good = Ok(Some(Answers { total: 500, errors: 0 }));
        let broken = GATE.judge(&Err(error.clone()), &good, &WINDOW);
        assert_eq!(broken.verdict, Verdict::Broken);
        assert_eq!(broken.detail, "http://127.0.0.1:9090: cannot be reached: refused");
        let told = GATE.judge(&good, &Err(error), &WINDOW);
        assert_eq!(told.verdict, Verdict::Pass);
        assert!(told.detail.ends_with("stable not known"), "{}", told.detail);
    }
}
