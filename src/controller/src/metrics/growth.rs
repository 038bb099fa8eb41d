//! How much counters grew over a window, from their raw samples.

use std::collections::BTreeMap;

use super::{Labels, Point, Series};

/// The growth of every series from `start_ms` on, in the order given.
///
/// Differences are taken sample by sample from the first one in the window; on a drop (the process
/// started again) the new value counts. A first value counts in full where the series was born
/// within the window: its target was scraped before without it, since Envoy creates a counter with
/// its first count. Where the target itself is new to Prometheus, the first value may be of any age
/// and does not count.
///
/// `own` names the labels that tell the series of one target apart; all others name the target.
pub(crate) fn growth(series: &[Series], start_ms: u64, own: &[&str]) -> Vec<f64> {
    let mut first_seen: BTreeMap<Vec<(&str, &str)>, u64> = BTreeMap::new();
    for one in series {
        if let Some(first) = one.points.first() {
            let seen = first_seen.entry(target(&one.labels, own)).or_insert(first.at_ms);
            *seen = first.at_ms.min(*seen);
        }
    }
    series
        .iter()
        .map(|one| {
            let seen = first_seen.get(&target(&one.labels, own)).copied();
            grown(&one.points, start_ms, seen)
        })
        .collect()
}

fn target<'a>(labels: &'a Labels, own: &[&str]) -> Vec<(&'a str, &'a str)> {
    labels
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn grown(points: &[Point], start_ms: u64, target_seen_ms: Option<u64>) -> f64 {
    let born = points.first().filter(|first| {
        first.at_ms > start_ms && target_seen_ms.is_some_and(|seen_ms| seen_ms < first.at_ms)
    });
    let within = points.iter().filter(|point| point.at_ms >= start_ms);
    let later = within.clone().skip(1);
    within.zip(later).fold(born.map_or(0.0, |first| first.value), |sum, (before, after)| {
        let reset = after.value < before.value;
        sum + if reset { after.value } else { after.value - before.value }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(code: &str, points: &[(u64, f64)]) -> Series {
        let labels = [("instance", "a"), ("code", code)];
        Series {
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            points: points
                .iter()
                .map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value })
                .collect(),
        }
    }

    #[test]
    fn differences_start_with_the_first_sample_in_the_window() {
        let one = series("2", &[(1, 10.0), (2, 14.0), (3, 15.0), (4, 20.0)]);
        assert_eq!(growth(&[one], 3, &["code"]), [5.0]);
    }

    #[test]
    fn a_reset_counts_the_new_value() {
        let one = series("2", &[(1, 10.0), (2, 14.0), (3, 5.0), (4, 6.0)]);
        assert_eq!(growth(&[one], 2, &["code"]), [6.0]);
    }

    #[test]
    fn a_series_born_within_counts_in_full_and_a_new_target_does_not() {
        let old = series("2", &[(1, 10.0), (2, 14.0), (3, 16.0)]);
        let born = series("5", &[(3, 7.0), (4, 8.0)]);
        assert_eq!(growth(&[old, born.clone()], 2, &["code"]), [2.0, 8.0]);
        assert_eq!(growth(std::slice::from_ref(&born), 2, &["code"]), [1.0]);
    }

    #[test]
    fn a_series_born_before_the_window_does_not_count_in_full() {
        let old = series("2", &[(1, 10.0), (2, 14.0), (5, 16.0)]);
        let born = series("5", &[(2, 7.0), (5, 8.0)]);
        assert_eq!(growth(&[old, born], 4, &["code"]), [0.0, 0.0]);
    }

    #[test]
    fn the_same_labels_at_another_target_are_no_witness() {
        let mut elsewhere = series("2", &[(1, 10.0), (4, 14.0)]);
        elsewhere.labels.insert("instance".to_owned(), "b".to_owned());
        let born = series("5", &[(3, 7.0), (4, 8.0)]);
        assert_eq!(growth(&[elsewhere, born], 0, &["code"]), [4.0, 1.0]);
    }

    #[test]
    fn nothing_grows_from_nothing() {
        assert_eq!(growth(&[series("2", &[])], 0, &["code"]), [0.0]);
    }
}
