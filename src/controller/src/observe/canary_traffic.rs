//! Whether requests still reach the side that is to be empty.

use core::time::Duration;

use serin_assignment::Variant;
use serin_document::metrics;
use serin_rollout::CanaryTraffic;

use super::drawn::Drawn;
use super::{millis, names};
use crate::gates::{Subject, service_label};
use crate::metrics::{Labels, Matcher, Point, Selector, Series, Source, Text};

/// How many scrapes are looked at: three that stand still, the one before them, and room for two
/// that a rollback's last requests fall into.
const SCRAPES: u32 = 6;

/// How far back counters show that proxies count who serves. Istio has a filter start anew with each
/// document in a plugin, and then its counters begin with the next request, which may be a while.
const COUNTED_WITHIN: Duration = Duration::from_hours(1);

/// Envoy's counters of requests that were sent to a cluster: those that got a connection, and those
/// that failed before one. Envoy has all of them from the start, and counts no request's end, so
/// that a download which began long ago disturbs nobody.
const COUNTERS: [&str; 4] = [
    "envoy_cluster_upstream_rq_total",
    "envoy_cluster_upstream_rq_pending_failure_eject",
    "envoy_cluster_upstream_rq_pending_overflow",
    "envoy_cluster_upstream_cx_none_healthy",
];

/// What other proxies count of the requests to a side: `HAProxy` by its backend, Traefik by its
/// service of a file. The release names these as clusters.
const OF_OTHERS: [&str; 2] =
    ["haproxy_backend_http_requests_total", "traefik_service_requests_total"];

pub(super) fn selectors(subject: &Subject, side: Variant) -> [Selector; 3] {
    let cluster = subject.cluster(side);
    // An absent label is an empty one, and each of the two metrics has only one of them.
    let others = [("proxy", cluster.to_owned()), ("service", service_label(cluster))]
        .map(|(label, name)| Matcher::any_of(label, [Text::whole(name), Text::whole("")]));
    [
        names::of_cluster(&COUNTERS, cluster),
        names::of_rollout(&[metrics::SERVED, metrics::REVISION], &subject.metric_id),
        Selector::of_any(OF_OTHERS.map(Text::whole), others),
    ]
}

/// What Envoy's own counters of the side's cluster and the filter's of who served say since the
/// traffic was decided. Many meshes keep the former to themselves; the latter do not see what came
/// without the filter.
pub(super) async fn ask(
    source: &Source,
    subject: &Subject,
    drawn: Option<&Drawn>,
    (side, since_ms, emptying): (Variant, u64, bool),
    at_ms: u64,
) -> CanaryTraffic {
    let scrape = source.scrape_interval();
    let from_ms = at_ms.saturating_sub(millis(scrape * SCRAPES + scrape / 2));
    let [of_cluster, of_filter, of_others] = &selectors(subject, side);
    let answers = tokio::join!(
        source.samples(of_cluster, from_ms, at_ms),
        source.samples(of_filter, from_ms, at_ms),
    );
    match answers {
        (Ok(mut series), Ok(filters)) => {
            // Nobody waits for the answer but who has to know that the side is empty.
            let counted = counts(filters.iter().map(|one| &one.labels))
                || (emptying && counted_before(source, of_filter, at_ms).await);
            series.extend(served(filters, side, counted));
            if series.is_empty() {
                // No Envoy is to be seen, so that nobody else is asked about one.
                series = match drawn {
                    Some(drawn) => {
                        let both = source.samples(&drawn.selector(), from_ms, at_ms).await;
                        of_side(both.unwrap_or_default(), |labels| drawn.side(labels), side)
                    }
                    None => source.samples(of_others, from_ms, at_ms).await.unwrap_or_default(),
                };
            }
            read(&series, since_ms, at_ms, scrape)
        }
        _ => CanaryTraffic::Unknown,
    }
}

/// Whether some proxy has counted who serves, of late.
async fn counted_before(source: &Source, of_filter: &Selector, at_ms: u64) -> bool {
    let last = source.last(of_filter, COUNTED_WITHIN, at_ms).await;
    last.is_ok_and(|samples| counts(samples.iter().map(|one| &one.labels)))
}

fn counts<'a>(mut series: impl Iterator<Item = &'a Labels>) -> bool {
    series.any(|labels| is_of(labels, Variant::Canary) || is_of(labels, Variant::Stable))
}

fn is_of(labels: &Labels, side: Variant) -> bool {
    names::carries(labels, metrics::SERVED, &[(metrics::SERVED_BY, side.as_str())])
}

/// The filter's counters of requests that a side served, whatever their mark. One is born with its
/// first request, so that a proxy without has served none: its revision stands in for it. Where no
/// proxy counts, none of them can say anything.
fn served(series: Vec<Series>, side: Variant, counted: bool) -> Vec<Series> {
    if !counted {
        return Vec::new();
    }
    let told = |one: Series| {
        if is_of(&one.labels, side) {
            return Some(one);
        }
        names::carries(&one.labels, metrics::REVISION, &[]).then(|| none_yet(one))
    };
    series.into_iter().filter_map(told).collect()
}

/// The counters of one side of a router that draws. Those of the other stand in for what was not born:
/// both go by the names that the router gives them, so that a weight was proved by the same names.
fn of_side(
    series: Vec<Series>,
    whose: impl Fn(&Labels) -> Option<Variant>,
    side: Variant,
) -> Vec<Series> {
    let told =
        |one: Series| if whose(&one.labels)? == side { Some(one) } else { Some(none_yet(one)) };
    series.into_iter().filter_map(told).collect()
}

/// What a counter that was not born shows where this one was scraped.
fn none_yet(mut one: Series) -> Series {
    one.points.iter_mut().for_each(|point| point.value = 0.0);
    one
}

/// The counter that stood still for the fewest scrapes decides. A proxy that ceased to be scraped
/// may still send: while its samples are among the last it is what nobody can tell.
fn read(series: &[Series], since_ms: u64, at_ms: u64, scrape_interval: Duration) -> CanaryTraffic {
    let oldest = Duration::from_millis(at_ms).saturating_sub(scrape_interval * 2);
    let mut fewest: Option<u32> = None;
    for one in series {
        let fresh =
            one.points.last().is_some_and(|last| Duration::from_millis(last.at_ms) >= oldest);
        let still = if fresh { still(&one.points, since_ms) } else { Some(0) };
        match still {
            None => return CanaryTraffic::Flowing,
            Some(still) => fewest = Some(fewest.map_or(still, |fewest| fewest.min(still))),
        }
    }
    match fewest {
        None | Some(0) => CanaryTraffic::Unknown,
        Some(scrapes) => CanaryTraffic::Still { scrapes },
    }
}

/// For how many of the newest scrapes a counter has stood still, those before `since_ms` left out;
/// `None` where the newest of them all shows growth.
fn still(points: &[Point], since_ms: u64) -> Option<u32> {
    let pairs = points.iter().zip(points.iter().skip(1)).rev();
    let mut scrapes = 0;
    for (before, after) in pairs {
        if after.at_ms <= since_ms {
            break;
        }
        let grown = after.value > before.value || (after.value < before.value && after.value > 0.0);
        match (grown, scrapes) {
            (true, 0) => return None,
            (true, _) => break,
            (false, _) => scrapes += 1,
        }
    }
    Some(scrapes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A counter of a proxy that had these values at second 1, 2, …
    fn proxy(values: &[f64]) -> Series {
        let points = (1..).zip(values).map(|(at, value)| Point { at_ms: at * 1000, value: *value });
        Series { labels: Labels::new(), points: points.collect() }
    }

    fn seen(series: &[Series], since_ms: u64, at_ms: u64) -> CanaryTraffic {
        read(series, since_ms, at_ms, SECOND)
    }

    #[test]
    fn only_scrapes_after_the_traffic_was_decided_count() {
        let proxies = [proxy(&[5.0, 5.0, 5.0, 5.0, 5.0, 5.0])];
        assert_eq!(seen(&proxies, 2500, 6000), CanaryTraffic::Still { scrapes: 4 });
        assert_eq!(seen(&proxies, 4500, 6000), CanaryTraffic::Still { scrapes: 2 });
        assert_eq!(seen(&proxies, 6000, 6000), CanaryTraffic::Unknown);
    }

    #[test]
    fn the_filters_own_counters_tell_of_one_side_alone() {
        let of = |name: &str, served: Option<&str>, values: &[f64]| {
            let mut one = proxy(values);
            let mut label = |name: &str, value: &str| {
                one.labels.insert(name.to_owned(), value.to_owned());
            };
            label("__name__", name);
            label("id", "a");
            if let Some(served) = served {
                label("variant", "canary");
                label("served", served);
            }
            one
        };
        let revision = of(metrics::REVISION, None, &[7.0, 8.0, 9.0]);
        let stable = of(metrics::SERVED, Some("stable"), &[1.0, 2.0, 3.0]);
        let canary = of(metrics::SERVED, Some("canary"), &[4.0, 4.0, 5.0]);
        let of_side = |series: &[&Series], side| {
            let series: Vec<Series> = series.iter().map(|one| (*one).clone()).collect();
            let counted = counts(series.iter().map(|one| &one.labels));
            read(&served(series, side, counted), 0, 3000, SECOND)
        };
        let seen = |series: &[&Series]| of_side(series, Variant::Canary);
        assert_eq!(seen(&[&revision]), CanaryTraffic::Unknown, "nobody counts");
        // Who has counted before and was asked for nothing since has sent nobody there.
        let quiet = read(&served(vec![revision.clone()], Variant::Canary, true), 0, 3000, SECOND);
        assert_eq!(quiet, CanaryTraffic::Still { scrapes: 2 });
        assert_eq!(seen(&[&revision, &stable]), CanaryTraffic::Still { scrapes: 2 });
        assert_eq!(seen(&[&revision, &stable, &canary]), CanaryTraffic::Flowing);
        let still = of(metrics::SERVED, Some("stable"), &[3.0, 3.0, 3.0]);
        let seen = |stable| of_side(&[&revision, stable, &canary], Variant::Stable);
        assert_eq!(seen(&stable), CanaryTraffic::Flowing);
        assert_eq!(seen(&still), CanaryTraffic::Still { scrapes: 2 });
    }

    #[test]
    fn other_proxies_are_told_by_the_names_that_they_give_the_side() {
        let subject = Subject {
            metric_id: "a".to_owned(),
            stable_cluster: "shop-stable".to_owned(),
            canary_cluster: "shop-canary".to_owned(),
        };
        let [.., others] = selectors(&subject, Variant::Canary);
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let haproxy = |proxy| labels(&[("__name__", OF_OTHERS[0]), ("proxy", proxy)]);
        let traefik = |service| labels(&[("__name__", OF_OTHERS[1]), ("service", service)]);
        assert!(others.matches(&haproxy("shop-canary")));
        assert!(others.matches(&traefik("shop-canary@file")));
        for other in [haproxy("shop-stable"), traefik("shop-stable@file"), traefik("shop-canary")] {
            assert!(!others.matches(&other), "{other:?}");
        }
    }

    #[test]
    fn growth_ends_the_stillness() {
        assert_eq!(seen(&[proxy(&[5.0, 6.0, 7.0])], 0, 3000), CanaryTraffic::Flowing);
        let proxies = [proxy(&[5.0, 6.0, 7.0, 7.0, 7.0])];
        assert_eq!(seen(&proxies, 0, 5000), CanaryTraffic::Still { scrapes: 2 });
    }

    #[test]
    fn a_proxy_that_started_again_has_sent_what_its_counter_shows() {
        assert_eq!(seen(&[proxy(&[5.0, 5.0, 3.0])], 0, 3000), CanaryTraffic::Flowing);
        let proxies = [proxy(&[5.0, 5.0, 0.0])];
        assert_eq!(seen(&proxies, 0, 3000), CanaryTraffic::Still { scrapes: 2 });
    }

    #[test]
    fn the_busiest_proxy_decides() {
        let quiet = proxy(&[5.0, 5.0, 5.0, 5.0, 5.0]);
        let late = proxy(&[5.0, 6.0, 7.0, 7.0, 7.0]);
        assert_eq!(seen(&[quiet.clone(), late], 0, 5000), CanaryTraffic::Still { scrapes: 2 });
        let busy = proxy(&[5.0, 5.0, 5.0, 5.0, 6.0]);
        assert_eq!(seen(&[quiet, busy], 0, 5000), CanaryTraffic::Flowing);
    }

    #[test]
    fn a_proxy_out_of_sight_is_not_still() {
        let quiet = proxy(&[5.0, 5.0, 5.0, 5.0, 5.0]);
        let gone = proxy(&[5.0, 5.0]);
        assert_eq!(seen(&[quiet, gone], 0, 5000), CanaryTraffic::Unknown);
        assert_eq!(seen(&[], 0, 5000), CanaryTraffic::Unknown);
    }
}
