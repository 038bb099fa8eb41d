//! When a sample counts, how much, and in which interval.

use super::*;
use crate::counts::group::{Ask, Group};
use crate::metrics::Sample;

/// A counter of sessions on a pod.
fn sessions(pod: &str, side: &str, points: &[(u64, f64)]) -> Series {
    series(labels(&[("__name__", "sessions"), ("instance", pod), ("variant", side)]), points)
}

/// A counter of paid orders on a pod.
fn orders(pod: &str, side: &str, points: &[(u64, f64)]) -> Series {
    let status = ("status", "paid");
    series(labels(&[("__name__", "orders"), ("instance", pod), ("variant", side), status]), points)
}

struct Counting(Ledger);

impl Counting {
    fn new(cut_ms: u64) -> Self {
        Self(ledger(&[shop()], cut_ms))
    }

    /// A rollout that started at 1000, with what was seen until `cut_ms`.
    fn from(cut_ms: u64, recent: &[Series]) -> Self {
        let mut counting = Self::new(cut_ms);
        counting.group().baseline(recent, &[]);
        counting
    }

    fn group(&mut self) -> &mut Group {
        &mut self.0.groups[0]
    }

    fn then(&mut self, answer: &[Series], until_ms: u64) -> Vec<(u64, [f64; 4])> {
        let group = self.group();
        group.advance(&[answer.to_vec()], until_ms).unwrap();
        totals(&group.take(), "shop")
    }
}

#[test]
fn differences_start_at_the_cut() {
    let mut counting = Counting::from(1000, &[sessions("a", "canary", &[(990, 5.0), (999, 9.0)])]);
    let answer = [sessions("a", "canary", &[(990, 5.0), (999, 9.0), (1009, 12.0), (1019, 20.0)])];
    let cuts = [(1009, [3.0, 0.0, 0.0, 0.0]), (1019, [8.0, 0.0, 0.0, 0.0])];
    assert_eq!(counting.then(&answer, 1020), cuts);
    assert_eq!(counting.then(&answer, 1020), []);
}

#[test]
fn both_sides_are_cut_at_the_same_moment_and_the_rest_waits() {
    let before = [sessions("a", "canary", &[(995, 0.0)]), sessions("b", "stable", &[(999, 0.0)])];
    let mut counting = Counting::from(1000, &before);
    let answer = [
        sessions("a", "canary", &[(1005, 1.0), (1015, 2.0), (1025, 4.0)]),
        sessions("b", "stable", &[(1009, 10.0), (1019, 20.0)]),
    ];
    assert_eq!(
        counting.then(&answer, 1026),
        [(1009, [1.0, 0.0, 10.0, 0.0]), (1019, [1.0, 0.0, 10.0, 0.0])]
    );
    let answer = [
        sessions("a", "canary", &[(1025, 4.0), (1035, 5.0)]),
        sessions("b", "stable", &[(1029, 40.0)]),
    ];
    assert_eq!(counting.then(&answer, 1036), [(1029, [2.0, 0.0, 20.0, 0.0])]);
}

#[test]
fn a_reset_counts_the_new_value() {
    let mut counting = Counting::from(1000, &[sessions("a", "canary", &[(1000, 90.0)])]);
    assert_eq!(
        counting.then(&[sessions("a", "canary", &[(1010, 4.0)])], 1010),
        [(1010, [4.0, 0.0, 0.0, 0.0])]
    );
}

#[test]
fn buckets_start_anew_together() {
    let mut ledger = ledger(&[latency(Counts::Envoy)], 1000);
    let group = &mut ledger.groups[0];
    let bucket = |le: &str, points: &[(u64, f64)]| {
        let name = ("__name__", "envoy_cluster_upstream_rq_time_bucket");
        let cluster = ("envoy_cluster_name", "ns__canary");
        series(labels(&[name, ("instance", "a"), cluster, ("le", le)]), points)
    };
    group.baseline(
        &[
            bucket("250", &[(1000, 90.0)]),
            bucket("1000", &[(1000, 95.0)]),
            bucket("+Inf", &[(1000, 100.0)]),
        ],
        &[],
    );
    // 96 requests since, 95 of them fast: by itself the first bucket seems to have gone on.
    let answer = vec![
        bucket("250", &[(1010, 95.0)]),
        bucket("1000", &[(1010, 96.0)]),
        bucket("+Inf", &[(1010, 96.0)]),
    ];
    group.advance(&[answer], 1010).unwrap();
    assert_eq!(totals(&group.take(), "latency"), [(1010, [96.0, 1.0, 0.0, 0.0])]);
}

#[test]
fn a_series_born_on_a_known_target_counts_in_full() {
    let mut counting = Counting::from(1000, &[sessions("a", "canary", &[(1000, 9.0)])]);
    let answer = [sessions("a", "canary", &[(1010, 19.0)]), orders("a", "canary", &[(1010, 3.0)])];
    assert_eq!(counting.then(&answer, 1010), [(1010, [10.0, 3.0, 0.0, 0.0])]);
}

#[test]
fn a_new_target_counts_in_full_once_three_scrapes_have_passed() {
    let old = [sessions("a", "stable", &[(1000, 0.0)])];
    let all: Vec<(u64, f64)> = (1..=8).map(|turn| (1000 + turn * 10, 0.0)).collect();
    let total = |pod: &Series| {
        let mut counting = Counting::from(1000, &old);
        let counts = counting.then(&[sessions("a", "stable", &all), pod.clone()], 1090);
        counts.iter().map(|(_, counts)| counts[0]).sum::<f64>()
    };
    let points =
        |from: u64| -> Vec<(u64, f64)> { (from..).step_by(10).zip([7.0, 8.0, 10.0]).collect() };
    assert!((total(&sessions("n", "canary", &points(1030))) - 3.0).abs() < f64::EPSILON);
    assert!((total(&sessions("n", "canary", &points(1031))) - 10.0).abs() < f64::EPSILON);
}

#[test]
fn a_target_out_of_sight_at_the_start_counts_from_its_first_value() {
    let mut counting = Counting::new(1000);
    let last = Sample {
        labels: sessions("d", "canary", &[]).labels,
        point: Point { at_ms: 1000, value: 50.0 },
    };
    let recent = [sessions("a", "stable", &[(1000, 0.0)])];
    counting.group().baseline(&recent, &[last]);
    let stable: Vec<(u64, f64)> = (1..=9).map(|turn| (1000 + turn * 10, 0.0)).collect();
    let answer = [
        sessions("a", "stable", &stable),
        sessions("d", "canary", &[(1080, 70.0), (1090, 74.0)]),
        // Born while it was out of sight, perhaps before the start.
        orders("d", "canary", &[(1080, 9.0), (1090, 10.0)]),
    ];
    let sum = counting
        .then(&answer, 1090)
        .iter()
        .fold([0.0, 0.0], |sum, (_, counts)| [sum[0] + counts[0], sum[1] + counts[1]]);
    assert_eq!(sum, [4.0, 1.0]);
}

#[test]
fn where_nothing_was_seen_before_the_first_sight_is_the_start() {
    let mut counting = Counting::from(1000, &[]);
    // Prometheus comes up long after the start: what it sees first may be of any age.
    let answer = [
        sessions("a", "canary", &[(5000, 900.0), (5010, 905.0)]),
        orders("a", "canary", &[(5010, 2.0)]),
        sessions("b", "stable", &[(5020, 800.0), (5040, 801.0)]),
        sessions("n", "stable", &[(5040, 6.0)]),
    ];
    let sum = counting.then(&answer, 5100).iter().fold([0.0; 4], |mut sum, (_, counts)| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    });
    assert_eq!(sum, [5.0, 2.0, 7.0, 0.0]);
}

#[test]
fn a_pod_that_goes_counts_up_to_its_last_sample_and_one_that_comes_back_loses_nothing() {
    let before = [sessions("a", "canary", &[(1000, 0.0)]), sessions("b", "stable", &[(1000, 0.0)])];
    let mut counting = Counting::from(1000, &before);
    let stable = |turns: core::ops::RangeInclusive<u16>| -> Vec<(u64, f64)> {
        turns.map(|turn| (1000 + u64::from(turn) * 10, f64::from(turn))).collect()
    };
    let answer = [sessions("a", "canary", &[(1010, 3.0)]), sessions("b", "stable", &stable(1..=4))];
    // The pod holds the cut while it may still be there.
    assert_eq!(counting.then(&answer, 1044), [(1010, [3.0, 0.0, 1.0, 0.0])]);
    let answer = [sessions("b", "stable", &stable(1..=5))];
    assert_eq!(
        counting.then(&answer, 1050),
        [(1040, [0.0, 0.0, 3.0, 0.0]), (1050, [0.0, 0.0, 1.0, 0.0])]
    );
    // Its next samples arrive late, one of them from before the cut.
    let answer = [
        sessions("a", "canary", &[(1040, 5.0), (1050, 6.0)]),
        sessions("b", "stable", &stable(1..=6)),
    ];
    assert_eq!(counting.then(&answer, 1060), []);
    let answer = [
        sessions("a", "canary", &[(1040, 5.0), (1050, 6.0), (1060, 9.0)]),
        sessions("b", "stable", &stable(1..=6)),
    ];
    assert_eq!(counting.then(&answer, 1061), [(1060, [6.0, 0.0, 1.0, 0.0])]);
}

#[test]
fn events_before_their_opportunity_wait_for_it() {
    let before = [sessions("a", "canary", &[(1000, 0.0)]), orders("a", "canary", &[(1000, 0.0)])];
    let mut counting = Counting::from(1000, &before);
    let answer = [
        sessions("a", "canary", &[(1010, 2.0), (1020, 3.0), (1030, 10.0)]),
        orders("a", "canary", &[(1010, 5.0), (1020, 5.0), (1030, 6.0)]),
    ];
    assert_eq!(
        counting.then(&answer, 1030),
        [(1010, [2.0, 2.0, 0.0, 0.0]), (1020, [1.0, 1.0, 0.0, 0.0]), (1030, [7.0, 3.0, 0.0, 0.0]),]
    );
}

#[test]
fn more_events_than_opportunities_are_broken_and_not_a_share_of_all() {
    let before = [sessions("a", "canary", &[(1000, 0.0)]), orders("a", "canary", &[(1000, 0.0)])];
    let mut counting = Counting::from(1000, &before);
    let mut after = |at_ms: u64, seen: f64, taken: f64| {
        let answer =
            [sessions("a", "canary", &[(at_ms, seen)]), orders("a", "canary", &[(at_ms, taken)])];
        counting.then(&answer, at_ms);
        counting.group().implausible()
    };
    // A few of what began before, which wait for their opportunity for a while.
    assert_eq!(after(1010, 10.0, 60.0), None);
    assert_eq!(
        after(1020, 40.0, 1040.0).as_deref(),
        Some(
            "canary has 1,040 events of 40 opportunities: are the two counters swapped, or does one opportunity have several events?"
        )
    );
    assert_eq!(after(1030, 11_000.0, 1050.0), None, "they were late");
}

#[test]
fn a_series_that_goes_on_under_more_labels_is_not_born() {
    let before =
        [sessions("a", "canary", &[(1000, 9000.0)]), orders("a", "canary", &[(1000, 0.0)])];
    let mut counting = Counting::from(1000, &before);
    let relabelled = |value: f64| {
        let mut series = sessions("a", "canary", &[(1020, value)]);
        series.labels.insert("team".to_owned(), "shop".to_owned());
        series
    };
    let answer = |value: f64| {
        [
            sessions("a", "canary", &[(1000, 9000.0), (1010, 9004.0)]),
            orders("a", "canary", &[(1010, 1.0), (1020, 2.0)]),
            relabelled(value),
        ]
    };
    let cut = (1010, [4.0, 1.0, 0.0, 0.0]);
    assert_eq!(counting.then(&answer(9010.0), 1020), [cut, (1020, [0.0, 0.0, 0.0, 0.0])]);
    // Fewer than there were cannot be the same ones: then it is born.
    let mut counting = Counting::from(1000, &before);
    assert_eq!(counting.then(&answer(7.0), 1020), [cut, (1020, [7.0, 1.0, 0.0, 0.0])]);
}

#[test]
fn a_value_that_is_no_count_is_passed_over() {
    let mut counting = Counting::from(1000, &[sessions("a", "canary", &[(1000, 5.0)])]);
    let answer = [sessions("a", "canary", &[(1010, f64::NAN), (1020, 9.0), (1030, f64::INFINITY)])];
    assert_eq!(
        counting.then(&answer, 1030),
        [(1010, [0.0; 4]), (1020, [4.0, 0.0, 0.0, 0.0]), (1030, [0.0; 4])]
    );
}

#[test]
fn a_controller_that_starts_again_goes_on_at_the_cut() {
    // Long after the start: a target nobody saw within the hour may be of any age.
    let cut_ms = 1000 + 2 * 3_600_000;
    for (cut_ms, fresh) in [(cut_ms, 0.0), (1100, 6.0)] {
        let mut counting = Counting::from(cut_ms, &[sessions("a", "canary", &[(cut_ms, 5.0)])]);
        let answer = [
            sessions("a", "canary", &[(cut_ms + 10, 7.0)]),
            sessions("n", "stable", &[(cut_ms + 10, 6.0)]),
        ];
        let counts = counting.then(&answer, cut_ms + 10);
        assert_eq!(counts, [(cut_ms + 10, [2.0, 0.0, fresh, 0.0])]);
    }
    // Nothing is known of the time before the cut: what comes may have been counted.
    let mut counting = Counting::from(1100, &[]);
    let answer = [sessions("a", "canary", &[(1110, 50.0), (1120, 51.0), (1160, 52.0)])];
    let counts = counting.then(&answer, 1160);
    assert!((counts.iter().map(|(_, counts)| counts[0]).sum::<f64>() - 2.0).abs() < f64::EPSILON);
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_hides_nothing_that_comes() {
    let mut counting = Counting::from(1000, &[sessions("a", "canary", &[(1000, 0.0)])]);
    let answer = [sessions("a", "canary", &[(1010, 3.0)])];
    assert_eq!(counting.then(&answer, 1012), [(1010, [3.0, 0.0, 0.0, 0.0])]);
    assert_eq!(counting.then(&answer, 90_000), []);
    assert_eq!(counting.group().ask(1010), None);
    assert_eq!(counting.group().ask(1022), Some(Ask::Samples { from_ms: 970, to_ms: 1022 }));
    let answer = [sessions("a", "canary", &[(1010, 3.0), (1020, 5.0)])];
    assert_eq!(counting.then(&answer, 1022), [(1020, [2.0, 0.0, 0.0, 0.0])]);
}

#[test]
fn questions_reach_back_a_little_and_a_long_absence_is_caught_up_in_parts() {
    let mut counting = Counting::new(1000);
    let group = counting.group();
    assert_eq!(group.ask(999), None);
    let look_back = Duration::from_hours(1);
    assert_eq!(group.ask(9000), Some(Ask::Baseline { from_ms: 965, cut_ms: 1000, look_back }));
    group.baseline(&[], &[]);
    assert_eq!(group.ask(1000), None);
    assert_eq!(group.ask(1007), Some(Ask::Samples { from_ms: 960, to_ms: 1007 }));
    assert_eq!(group.ask(9000), Some(Ask::Samples { from_ms: 960, to_ms: 1400 }));
    group.advance(&[vec![sessions("a", "canary", &[(1390, 1.0)])]], 1400).unwrap();
    assert_eq!(group.ask(9000), Some(Ask::Samples { from_ms: 1350, to_ms: 1800 }));
}
