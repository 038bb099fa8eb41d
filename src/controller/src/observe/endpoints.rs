//! Whether a side has an endpoint that can serve.

use serin_assignment::Variant;
use serin_rollout::Endpoints;

use crate::gates::{Subject, cluster_matcher};
use crate::prometheus::{Client, Sample, promql};

/// How many scrapes in a row must see no endpoint: at the usual 15 s a single one would count for
/// longer than `notReadyAfter`, however short the moment was that it fell into.
const SCRAPES: u32 = 2;

/// The most endpoints of a side's cluster that any proxy takes for healthy. One that sees none may
/// have lost its way; where all see none, none is there.
pub(super) async fn ask(
    client: &Client,
    subject: &Subject,
    side: Variant,
    at_ms: u64,
) -> Endpoints {
    let query = format!(
        "max(max_over_time(envoy_cluster_membership_healthy{{{}}}[{}]))",
        cluster_matcher(subject.cluster(side)),
        promql::duration(client.settings().scrape_interval * SCRAPES)
    );
    client.vector(&query, at_ms).await.map_or(Endpoints::Unknown, |samples| read(&samples))
}

fn read(samples: &[Sample]) -> Endpoints {
    match samples {
        [one] if one.point.value >= 1.0 => Endpoints::Ready,
        [one] if one.point.value >= 0.0 => Endpoints::NotReady,
        _ => Endpoints::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::{Labels, Point};

    #[test]
    fn none_is_told_from_unknown() {
        let one =
            |value| read(&[Sample { labels: Labels::new(), point: Point { at_ms: 0, value } }]);
        assert_eq!(one(2.0), Endpoints::Ready);
        assert_eq!(one(0.0), Endpoints::NotReady);
        assert_eq!(one(f64::NAN), Endpoints::Unknown);
        assert_eq!(read(&[]), Endpoints::Unknown);
    }
}
