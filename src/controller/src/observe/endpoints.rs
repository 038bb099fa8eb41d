//! Whether a side has an endpoint that can serve.

use serin_assignment::Variant;
use serin_rollout::Endpoints;

use super::{millis, names};
use crate::gates::Subject;
use crate::metrics::{Selector, Series, Source};

/// How many scrapes in a row must see no endpoint: at the usual 15 s a single one would count for
/// longer than `notReadyAfter`, however short the moment was that it fell into.
const SCRAPES: u32 = 2;

pub(super) fn selector(subject: &Subject, side: Variant) -> Selector {
    names::of_cluster(&["envoy_cluster_membership_healthy"], subject.cluster(side))
}

/// The most endpoints of a side's cluster that any proxy takes for healthy. One that sees none may
/// have lost its way; where all see none, none is there.
pub(super) async fn ask(
    source: &Source,
    subject: &Subject,
    side: Variant,
    at_ms: u64,
) -> Endpoints {
    let from_ms = at_ms.saturating_sub(millis(source.scrape_interval() * SCRAPES));
    let series = source.samples(&selector(subject, side), from_ms, at_ms).await;
    series.map_or(Endpoints::Unknown, |series| read(&series))
}

fn read(series: &[Series]) -> Endpoints {
    let values = series.iter().flat_map(|one| &one.points).map(|point| point.value);
    // What is no number says nothing.
    match values.filter(|value| *value >= 0.0).reduce(f64::max) {
        Some(most) if most >= 1.0 => Endpoints::Ready,
        Some(_) => Endpoints::NotReady,
        None => Endpoints::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Point};

    fn seen(values: &[&[f64]]) -> Endpoints {
        let series = values.iter().map(|values| Series {
            labels: Labels::new(),
            points: values.iter().map(|value| Point { at_ms: 0, value: *value }).collect(),
        });
        read(&series.collect::<Vec<_>>())
    }

    #[test]
    fn none_is_told_from_unknown() {
        assert_eq!(seen(&[&[2.0]]), Endpoints::Ready);
        assert_eq!(seen(&[&[0.0]]), Endpoints::NotReady);
        assert_eq!(seen(&[&[f64::NAN]]), Endpoints::Unknown);
        assert_eq!(seen(&[]), Endpoints::Unknown);
    }

    #[test]
    fn one_scrape_of_one_proxy_that_sees_an_endpoint_is_enough() {
        assert_eq!(seen(&[&[0.0, 0.0], &[1.0, 0.0]]), Endpoints::Ready);
        assert_eq!(seen(&[&[0.0, 0.0], &[f64::NAN, 0.0]]), Endpoints::NotReady);
    }
}
