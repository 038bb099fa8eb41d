//! What holds of the tests for any counts at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serin_judge::{
    Counts, Dispersion, Interval, Likelihood, Look, Margin, OneSample, RatioTest, Rule, SetAside,
    Share, Split, Worse,
};

/// The largest count up to which a float counts by ones: 2^53.
const MOST: u64 = 1 << 53;

/// From nothing to the most, every order of magnitude alike.
fn count(most: u64) -> impl Strategy<Value = u64> {
    (0..=most.ilog2()).prop_flat_map(move |bits| 0..=most.min(2 << bits)).boxed()
}

#[expect(clippy::cast_precision_loss, reason = "up to 2^53")]
fn counts(most: u64) -> impl Strategy<Value = Counts> {
    let side = move || {
        count(most).prop_flat_map(|n| {
            let rare = count(n.max(1)).prop_map(move |x| x.min(n));
            (Just(n), prop_oneof![Just(0), Just(n), rare])
        })
    };
    (side(), side()).prop_map(|((nc, xc), (ns, xs))| {
        Counts::try_new(nc as f64, xc as f64, ns as f64, xs as f64).unwrap()
    })
}

fn interval(most: u64, cohorts: usize) -> impl Strategy<Value = Interval> {
    (vec(counts(most), cohorts), counts(most))
        .prop_map(|(cohorts, rest)| Interval { cohorts, rest })
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![4 => Just(Look::Judged), 1 => Just(Look::Skipped)]
}

fn rule() -> impl Strategy<Value = Rule> {
    let set_aside = prop_oneof![Just(SetAside::None), Just(SetAside::One), Just(SetAside::Two)];
    let worse = prop_oneof![Just(Worse::Higher), Just(Worse::Lower)];
    let floor = prop_oneof![Just(None), (1e-12..0.8).prop_map(|p| Share::try_new(p).ok())];
    (worse, 0.001..=1000.0, floor, set_aside).prop_map(|(worse, margin, floor, set_aside)| Rule {
        worse,
        margin: Margin::try_new(margin).unwrap(),
        floor,
        set_aside,
    })
}

#[derive(Clone, Debug)]
struct Run {
    rule: Rule,
    cohorts: usize,
    phi: Dispersion,
    intervals: Vec<(Interval, Look)>,
}

impl Run {
    fn any(most: u64, longest: usize) -> impl Strategy<Value = Self> {
        (rule(), 0_usize..6, 1.0..9.0).prop_flat_map(move |(rule, cohorts, phi)| {
            vec((interval(most, cohorts), look()), 1..longest).prop_map(move |intervals| Self {
                rule,
                cohorts,
                phi: Dispersion::try_new(phi).unwrap(),
                intervals,
            })
        })
    }

    fn start(&self) -> RatioTest {
        RatioTest::new(&self.rule, self.cohorts)
    }

    fn absorb(&self, test: &mut RatioTest, index: usize) {
        let (interval, look) = &self.intervals[index];
        test.absorb(&self.rule, interval, self.phi, *look);
    }
}

/// Everything that a test answers.
fn answers(test: &RatioTest) -> Vec<f64> {
    let optional = [test.log_e_worst_one(), test.log_e_worst_two(), test.log_floor()];
    let one_by_one = test.log_e_left_out();
    [test.log_e(), test.log_e_plain(), test.log_e_worst().log_e]
        .into_iter()
        .chain(optional.into_iter().flatten())
        .chain(one_by_one)
        .collect()
}

fn bits(answers: &[f64]) -> Vec<u64> {
    answers.iter().map(|answer| answer.to_bits()).collect()
}

fn stored<T: Serialize + DeserializeOwned>(state: &T) -> T {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn evidence_is_finite_for_any_counts(run in Run::any(MOST, 40)) {
        let mut test = run.start();
        let mut likelihood = Likelihood::default();
        for index in 0..run.intervals.len() {
            run.absorb(&mut test, index);
            let found = answers(&test);
            prop_assert!(found.iter().all(|e| e.is_finite() && e.exp() >= 0.0), "{:?}", found);
            likelihood.absorb(&run.intervals[index].0.total());
            let (low, high) = likelihood.confidence(serin_judge::Alpha::default());
            prop_assert!(0.000_999 < low && low <= high && high < 1000.1, "{} {}", low, high);
            let ratio = likelihood.ratio().unwrap_or(low);
            prop_assert!((low..=high).contains(&ratio), "{} in {}..{}", ratio, low, high);
            prop_assert!(likelihood.promote_evidence(2.0, run.phi).is_finite());
        }
        prop_assert_eq!(test.intervals(), run.intervals.len() as u64);
    }

    /// Sums of counts are exact here, so not a bit may differ.
    #[test]
    fn the_order_of_cohorts_does_not_matter(
        (run, order) in Run::any(MOST >> 4, 20)
            .prop_flat_map(|run| {
                let order: Vec<usize> = (0..run.cohorts).collect();
                (Just(run), Just(order).prop_shuffle())
            })
    ) {
        let mut shuffled = run.clone();
        for (interval, _) in &mut shuffled.intervals {
            interval.cohorts = order.iter().map(|from| interval.cohorts[*from]).collect();
        }
        let (mut given, mut other) = (run.start(), shuffled.start());
        for index in 0..run.intervals.len() {
            run.absorb(&mut given, index);
            shuffled.absorb(&mut other, index);
            let (mut given_bits, mut other_bits) = (bits(&answers(&given)), bits(&answers(&other)));
            let given_worst = given.log_e_worst();
            prop_assert_eq!(given_worst.log_e.to_bits(), other.log_e_worst().log_e.to_bits());
            given_bits.sort_unstable();
            other_bits.sort_unstable();
            prop_assert_eq!(given_bits, other_bits);
            for (to, from) in order.iter().enumerate() {
                let (given, other) = (given.log_e_left_out().nth(*from), other.log_e_left_out().nth(to));
                prop_assert_eq!(given.map(f64::to_bits), other.map(f64::to_bits));
            }
        }
    }

    #[test]
    fn a_test_that_was_stored_goes_on_as_one_that_was_not(run in Run::any(MOST, 30), at in 0_usize..30) {
        let mut test = run.start();
        let mut likelihood = Likelihood::default();
        let mut split = Split::default();
        let at = at % run.intervals.len();
        for index in 0..at {
            run.absorb(&mut test, index);
            likelihood.absorb(&run.intervals[index].0.total());
            split.absorb(&run.intervals[index].0.total());
        }
        let mut again = stored(&test);
        prop_assert_eq!(&again, &test);
        let (mut likelihood_again, mut split_again) = (stored(&likelihood), stored(&split));
        for index in at..run.intervals.len() {
            run.absorb(&mut test, index);
            run.absorb(&mut again, index);
            prop_assert_eq!(bits(&answers(&test)), bits(&answers(&again)));
            let total = run.intervals[index].0.total();
            likelihood.absorb(&total);
            likelihood_again.absorb(&total);
            split.absorb(&total);
            split_again.absorb(&total);
        }
        prop_assert_eq!(&again, &test);
        prop_assert_eq!(&likelihood_again, &likelihood);
        prop_assert_eq!(&split_again, &split);
        // Equal floats may differ in the sign of a zero; their texts may not.
        let text = |test: &RatioTest| serde_json::to_string(test).unwrap();
        prop_assert_eq!(text(&again), text(&test));
    }

    #[test]
    fn skipped_and_one_sided_intervals_only_move_the_time_on(run in Run::any(1 << 20, 12)) {
        let mut test = run.start();
        for index in 0..run.intervals.len() {
            run.absorb(&mut test, index);
        }
        let before = test.clone();
        let interval = &run.intervals[0].0;
        test.absorb(&run.rule, interval, run.phi, Look::Skipped);
        test.absorb(&run.rule, &Interval::whole(Counts::ZERO), run.phi, Look::Judged);
        prop_assert_eq!(test.intervals(), before.intervals() + 2);
        for (now, then) in answers(&test).into_iter().zip(answers(&before)) {
            // What is newly staked was unspent before: the sum stays.
            prop_assert!((now - then).abs() < 1e-9 * (1.0 + then.abs()), "{} {}", now, then);
        }
    }

    #[test]
    fn a_stated_rate_is_tested_finitely(
        rate in 1e-300..1.0, intervals in vec((counts(MOST), look()), 1..40)
    ) {
        let mut test = OneSample::new(Share::try_new(rate).unwrap());
        for (counts, look) in intervals {
            test.absorb(&counts, look);
            prop_assert!(test.log_e().is_finite());
        }
        prop_assert_eq!(stored(&test), test);
    }
}

/// Rates just below those at which an alternative would reach 1, where a factor is all but 0.
#[test]
fn alternatives_next_to_certainty_stay_finite() {
    for r in [1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0_f64] {
        let mut rate = 1.0 / r;
        for _ in 0..4 {
            let mut test = OneSample::new(Share::try_new(rate).unwrap());
            for x in [0.0, 100.0] {
                test.absorb(&Counts::try_new(100.0, x, 0.0, 0.0).unwrap(), Look::Judged);
                assert!(test.log_e().is_finite(), "{rate} {x}");
            }
            rate = rate.next_down();
        }
    }
}

/// Two days of scrapes every few seconds, at the most that a float counts, wherever it may go.
#[test]
fn long_sequences_stay_finite() {
    let most = 9_007_199_254_740_992.0;
    let extremes = [
        (most, most, most, 0.0),
        (most, 0.0, most, most),
        (1.0, 1.0, most, most),
        (most, most, 1.0, 0.0),
        (most, most, 0.0, 0.0),
    ];
    for (nc, xc, ns, xs) in extremes {
        for worse in [Worse::Higher, Worse::Lower] {
            let margin = Margin::default_for(worse);
            let floor = Some(Share::DEFAULT_FLOOR);
            let rule = Rule { worse, margin, floor, set_aside: SetAside::One };
            let mut test = RatioTest::new(&rule, 2);
            let counts = Counts::try_new(nc, xc, ns, xs).unwrap();
            let interval = Interval { cohorts: vec![counts; 2], rest: counts };
            for _ in 0..20_000 {
                test.absorb(&rule, &interval, Dispersion::NONE, Look::Judged);
            }
            let found = answers(&test);
            assert!(found.iter().all(|e| e.is_finite()), "{found:?}");
            assert_eq!(stored(&test), test);
        }
    }
}

#[test]
fn a_stored_test_whose_parts_do_not_fit_is_refused() {
    let rule = Rule {
        worse: Worse::Higher,
        margin: Margin::default_for(Worse::Higher),
        floor: Some(Share::DEFAULT_FLOOR),
        set_aside: SetAside::One,
    };
    let json = serde_json::to_value(RatioTest::new(&rule, 3)).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value), why: &str| {
        let mut changed = json.clone();
        change(&mut changed);
        assert_ne!(changed, json);
        let fault = serde_json::from_value::<RatioTest>(changed).unwrap_err().to_string();
        assert!(fault.contains(why), "{fault}");
    };
    refused(&|j| j["cohorts"] = 4.into(), "without has 3 entries: expected 4");
    refused(&|j| j["setAside"] = "two".into(), "without has 3 entries: expected 4");
    refused(&|j| j["cohorts"] = u64::MAX.into(), "without has 3 entries");
    refused(&|j| j["intervals"] = 1.into(), "floor has seen 0 intervals and the test 1");
    refused(&|j| j["all"] = serde_json::json!(["0"]), "1 entries: expected 7");
    refused(&|j| j["plain"][0] = "NaN".into(), "NaN");
    refused(&|j| j["all"][0] = "inf".into(), "inf");
    refused(&|j| j["all"][0] = 0.5.into(), "string");
    refused(&|j| j["floor"]["rate"] = "1.5".into(), "share");
    refused(&|j| j["other"] = 1.into(), "other");
    assert_eq!(
        serde_json::from_value::<RatioTest>(json.clone()).unwrap(),
        RatioTest::new(&rule, 3)
    );
}
