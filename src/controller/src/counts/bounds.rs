//! Bounds of slow requests, chosen from stable's times before the rollout.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::gates::{Counts, Ratio, Subject, cluster_label, service_label, whole};
use crate::metrics::{Matcher, Selector, Series, Source, growth};
use crate::prometheus::QueryError;

use super::buckets::{LE, TimeUnit, bucket_name};
use super::{custom, envoy, istio, linkerd, traefik};

/// How far back stable's times are read.
const BEFORE: Duration = Duration::from_hours(1);

/// The shares of stable's requests that should exceed a bound.
const SHARES: [f64; 3] = [0.2, 0.05, 0.01];

/// The fewest requests that bounds are chosen from: of 100, one is the hundredth part.
const FEWEST: f64 = 100.0;

/// Why no bounds could be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsUnknown {
    /// The source did not say.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Too few requests were counted.
    #[error(
        "{metric} has {found} requests of stable in the hour before; bounds are chosen from 100 on, so give `bounds` or wait"
    )]
    TooFew {
        /// The histogram's buckets.
        metric: String,
        /// How many there are.
        found: u64,
    },
    /// The gate's counts have no times.
    #[error("the gate's counts name no histogram")]
    NoHistogram,
}

/// Chooses up to three bounds, rising, that about 20, 5 and 1 % of stable's requests exceeded in
/// the hour before `at_ms` (milliseconds since 1970): for our own filter, from Envoy's times of
/// stable's cluster; for other counts, from their own histogram.
///
/// # Errors
/// [`BoundsUnknown`] where there is too little to choose from.
pub async fn bounds_from_stable(
    source: &Source,
    ratio: &Ratio,
    subject: &Subject,
    at_ms: u64,
) -> Result<Vec<Duration>, BoundsUnknown> {
    let (metric, selector) = histogram(ratio, subject).ok_or(BoundsUnknown::NoHistogram)?;
    let before_ms = u64::try_from(BEFORE.as_millis()).unwrap_or(u64::MAX);
    let from_ms = at_ms.saturating_sub(before_ms);
    let series = source.thinned(&selector, from_ms, at_ms).await?;
    let times = times(&series, from_ms, TimeUnit::of(&metric));
    if times.requests < FEWEST {
        return Err(BoundsUnknown::TooFew { metric, found: whole(times.requests) });
    }
    // The filter's bounds are whole milliseconds.
    Ok(choose(&times, ratio.counts == Counts::Filter))
}

/// The series that a gate's bounds are chosen from, so that a source that scrapes can keep them;
/// `None` where its counts have no times.
#[must_use]
pub fn bounds_selector(ratio: &Ratio, subject: &Subject) -> Option<Selector> {
    histogram(ratio, subject).map(|(_, selector)| selector)
}

/// Stable's buckets.
fn histogram(ratio: &Ratio, subject: &Subject) -> Option<(String, Selector)> {
    let (metric, matchers): (String, Vec<Matcher>) = match &ratio.counts {
        Counts::Filter | Counts::Envoy => {
            let cluster = cluster_label(&subject.stable_cluster);
            (envoy::TIMES.to_owned(), vec![Matcher::equal("envoy_cluster_name", cluster)])
        }
        Counts::Istio { sides, labels } => {
            let reporter =
                (!labels.contains_key("reporter")).then(|| Matcher::equal("reporter", "source"));
            let own = labels.iter().map(|(name, value)| Matcher::equal(name, value.as_str()));
            let stable = Matcher::equal(&sides.label, sides.stable.as_str());
            (istio::TIMES.to_owned(), own.chain(reporter).chain([stable]).collect())
        }
        Counts::Linkerd { sides, labels } => {
            let stable = Matcher::equal(&sides.label, sides.stable.as_str());
            let matchers = linkerd::matchers(labels).into_iter().chain([stable]);
            (linkerd::TIMES.to_owned(), matchers.collect())
        }
        Counts::Traefik => {
            let stable = service_label(&subject.stable_cluster);
            let stable = Matcher::equal(traefik::SERVICE, stable);
            (traefik::TIMES.to_owned(), vec![stable])
        }
        Counts::Custom { histogram, sides, .. } => {
            let histogram = histogram.as_ref()?;
            let stable = Matcher::equal(&sides.label, sides.stable.as_str());
            (bucket_name(&histogram.metric), custom::matchers(histogram).chain([stable]).collect())
        }
    };
    let selector = Selector::of(&metric, matchers);
    Some((metric, selector))
}

/// How many requests there were, and how many of them within each bound.
#[derive(Debug, Default)]
struct Times {
    requests: f64,
    within: BTreeMap<Duration, f64>,
}

fn times(series: &[Series], from_ms: u64, unit: TimeUnit) -> Times {
    let mut times = Times::default();
    for (one, grown) in series.iter().zip(growth(series, from_ms, &["__name__", LE])) {
        let Some(le) = one.labels.get(LE) else { continue };
        match unit.bound(le) {
            Some(bound) => *times.within.entry(bound).or_default() += grown,
            None => times.requests += grown,
        }
    }
    times
}

/// For each share the bound that comes nearest to it, in proportion. Where no bound divides the
/// requests at all, the smallest one that nobody exceeds.
fn choose(times: &Times, whole_milliseconds: bool) -> Vec<Duration> {
    let usable =
        |bound: &Duration| !whole_milliseconds || bound.subsec_nanos().is_multiple_of(1_000_000);
    let exceeded: Vec<(Duration, f64)> = times
        .within
        .iter()
        .filter(|(bound, _)| !bound.is_zero() && usable(bound))
        .map(|(bound, within)| (*bound, 1.0 - within / times.requests))
        .collect();
    let mut chosen: Vec<Duration> = SHARES
        .into_iter()
        .filter_map(|share| {
            let off = |exceeded: f64| (exceeded / share).ln().abs();
            exceeded
                .iter()
                .filter(|(_, exceeded)| *exceeded > 0.0 && *exceeded < 1.0)
                .min_by(|a, b| off(a.1).total_cmp(&off(b.1)))
                .map(|(bound, _)| *bound)
        })
        .collect();
    if chosen.is_empty() {
        chosen.extend(exceeded.iter().find(|(_, exceeded)| *exceeded <= 0.0).map(|it| it.0));
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Point};

    fn bucket(le: &str, values: &[f64]) -> Series {
        let labels = [("instance", "a"), ("le", le), ("__name__", "x_bucket")];
        Series {
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            points: (1..)
                .zip(values)
                .map(|(at, value)| Point { at_ms: at * 10, value: *value })
                .collect(),
        }
    }

    fn ms(bounds: &[u64]) -> Vec<Duration> {
        bounds.iter().copied().map(Duration::from_millis).collect()
    }

    fn chosen(buckets: &[(&str, f64)], whole: bool) -> Vec<Duration> {
        // All of them started from 1000 before.
        let series: Vec<Series> =
            buckets.iter().map(|(le, value)| bucket(le, &[1000.0, 1000.0 + value])).collect();
        choose(&times(&series, 5, TimeUnit::Milliseconds), whole)
    }

    #[test]
    fn the_bounds_nearest_to_the_shares_are_chosen() {
        let buckets = [
            ("1", 0.0),
            ("10", 300.0),
            ("25", 790.0),
            ("50", 930.0),
            ("100", 960.0),
            ("250", 985.0),
            ("500", 999.0),
            ("1000", 1000.0),
            ("+Inf", 1000.0),
        ];
        assert_eq!(chosen(&buckets, false), ms(&[25, 100, 250]));
    }

    #[test]
    fn few_buckets_give_few_bounds_and_the_filter_takes_whole_milliseconds() {
        let buckets = [("0.5", 800.0), ("1", 990.0), ("5", 1000.0), ("+Inf", 1000.0)];
        assert_eq!(chosen(&buckets, true), ms(&[1]));
        assert_eq!(chosen(&buckets, false), [Duration::from_micros(500), Duration::from_millis(1)]);
        let fast = [("0.5", 1000.0), ("1", 1000.0), ("+Inf", 1000.0)];
        assert_eq!(chosen(&fast, true), ms(&[1]));
    }

    #[test]
    fn times_of_several_proxies_are_added_up_and_nothing_else() {
        let mut other = bucket("100", &[0.0, 7.0]);
        other.labels.insert("instance".to_owned(), "b".to_owned());
        let all = [bucket("100", &[1.0, 4.0]), other, bucket("+Inf", &[2.0, 6.0])];
        let times = times(&all, 5, TimeUnit::Milliseconds);
        assert_eq!(times.within, [(Duration::from_millis(100), 10.0)].into());
        assert!((times.requests - 4.0).abs() < f64::EPSILON);
        let nothing = Series { labels: Labels::new(), points: Vec::new() };
        assert!(super::times(&[nothing], 5, TimeUnit::Seconds).requests.abs() < f64::EPSILON);
    }
}
