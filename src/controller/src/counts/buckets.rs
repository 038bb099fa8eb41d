//! Classic histograms: a counter for each upper bound, of all that is not above it.

use core::time::Duration;

use super::meaning::{Part, Stream};
use crate::metrics::{Labels, Matcher, Selector, Text};

/// The label with a bucket's upper bound.
pub(super) const LE: &str = "le";

const INFINITE: &str = "+Inf";

/// What a histogram's bounds are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Milliseconds,
    Seconds,
}

impl TimeUnit {
    /// By the metric's name; Prometheus' base unit where it says nothing else.
    pub(super) fn of(metric: &str) -> Self {
        let metric = metric.strip_suffix("_bucket").unwrap_or(metric);
        let milliseconds = ["_milliseconds", "_ms"];
        if milliseconds.iter().any(|end| metric.ends_with(end)) {
            Self::Milliseconds
        } else {
            Self::Seconds
        }
    }

    fn number(self, bound: Duration) -> f64 {
        match self {
            Self::Milliseconds => bound.as_secs_f64() * 1000.0,
            Self::Seconds => bound.as_secs_f64(),
        }
    }

    /// The bound that a label names; `None` for the infinite one and for what is none.
    pub(super) fn bound(self, label: &str) -> Option<Duration> {
        let number: f64 = label.parse().ok()?;
        let seconds = match self {
            Self::Milliseconds => number / 1000.0,
            Self::Seconds => number,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// The name of a histogram's buckets.
pub(super) fn bucket_name(metric: &str) -> String {
    let metric = metric.strip_suffix("_bucket").unwrap_or(metric);
    format!("{metric}_bucket")
}

/// The series that these streams need, of those with such labels: the counter of requests for errors,
/// else the buckets of their times.
pub(super) fn selectors(
    streams: &[Stream],
    unit: TimeUnit,
    [requests, times]: [&str; 2],
    mut labels: Vec<Matcher>,
) -> Vec<Selector> {
    if streams.contains(&Stream::Errors) {
        return vec![Selector::of(requests, labels)];
    }
    labels.push(matcher(streams, unit, false));
    vec![Selector::of(times, labels)]
}

/// The buckets that these streams need; with `others`, series without a bound too.
pub(super) fn matcher(streams: &[Stream], unit: TimeUnit, others: bool) -> Matcher {
    let bounds = streams.iter().filter_map(|stream| match stream {
        Stream::Slow(bound) => Some(*bound),
        Stream::Errors | Stream::Conversions => None,
    });
    let texts = bounds.flat_map(|bound| spellings(unit.number(bound)));
    let ends = [INFINITE.to_owned()].into_iter().chain(others.then(String::new));
    Matcher::any_of(LE, texts.chain(ends).map(Text::whole))
}

/// What a bucket adds to the streams: all requests, less those that are within the bound.
pub(super) fn parts(labels: &Labels, streams: &[Stream], unit: TimeUnit) -> Vec<Part> {
    let Some(le) = labels.get(LE) else { return Vec::new() };
    let within = unit.bound(le);
    let part = |(index, stream): (usize, &Stream)| match stream {
        Stream::Slow(_) if le == INFINITE => Some(Part::both(index)),
        Stream::Slow(bound) => {
            within.is_some_and(|within| same(within, *bound)).then(|| Part::no_event(index))
        }
        Stream::Errors | Stream::Conversions => None,
    };
    streams.iter().enumerate().filter_map(part).collect()
}

/// Labels are written with rounded decimals.
fn same(a: Duration, b: Duration) -> bool {
    const NEAR: Duration = Duration::from_nanos(100);
    a.abs_diff(b) <= NEAR
}

/// How exporters write a bound: `250`, `250.0` (which Prometheus 3 makes of it), `1.8e+06`.
fn spellings(number: f64) -> Vec<String> {
    let plain = number.to_string();
    let mut all = vec![plain.clone()];
    if !plain.contains('.') {
        all.push(format!("{plain}.0"));
    }
    // Go's shortest form, which Prometheus and Envoy follow, leaves the plain one here.
    if !(1e-4..1e6).contains(&number)
        && let Some((mantissa, exponent)) = format!("{number:e}").split_once('e')
    {
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        all.push(format!("{mantissa}e{sign}{digits:0>2}"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_found_however_they_are_written() {
        assert_eq!(spellings(250.0), ["250", "250.0"]);
        assert_eq!(spellings(0.25), ["0.25"]);
        assert_eq!(spellings(1_800_000.0), ["1800000", "1800000.0", "1.8e+06"]);
        assert_eq!(spellings(0.000_05), ["0.00005", "5e-05"]);
        let streams =
            [Stream::Slow(Duration::from_millis(250)), Stream::Slow(Duration::from_secs(1))];
        let parts_of =
            |le: &str, unit| parts(&[(LE.to_owned(), le.to_owned())].into(), &streams, unit);
        for (le, unit) in [
            ("250", TimeUnit::Milliseconds),
            ("250.0", TimeUnit::Milliseconds),
            ("0.25", TimeUnit::Seconds),
        ] {
            assert_eq!(parts_of(le, unit), [Part::no_event(0)], "{le}");
        }
        assert_eq!(parts_of("+Inf", TimeUnit::Seconds), [Part::both(0), Part::both(1)]);
        assert_eq!(parts_of("250", TimeUnit::Seconds), []);
        assert_eq!(parts(&Labels::new(), &streams, TimeUnit::Seconds), []);
    }

    #[test]
    fn the_unit_stands_in_the_name() {
        assert_eq!(TimeUnit::of("istio_request_duration_milliseconds"), TimeUnit::Milliseconds);
        assert_eq!(TimeUnit::of("x_ms_bucket"), TimeUnit::Milliseconds);
        assert_eq!(TimeUnit::of("http_request_duration_seconds"), TimeUnit::Seconds);
        assert_eq!(TimeUnit::of("latency"), TimeUnit::Seconds);
        assert_eq!(bucket_name("x_bucket"), bucket_name("x"));
    }
}
