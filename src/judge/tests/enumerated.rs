//! Under the null hypothesis the mean of an e-value is at most 1, whenever one stops: every outcome of
//! a few small intervals, with its exact probability.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serin_judge::{
    Counts, Dispersion, Interval, Look, Margin, OneSample, RatioTest, Rule, SetAside, Share, Split,
    Worse, combine,
};

/// Room for rounding in sums of up to a hundred thousand outcomes.
const ROUNDING: f64 = 1e-9;

/// The probability of x events in n requests.
fn binomial(n: u32, x: u32, p: f64) -> f64 {
    let ways: f64 = (0..x).map(|i| f64::from(n - i) / f64::from(i + 1)).product();
    ways * p.powi(x.try_into().unwrap()) * (1.0 - p).powi((n - x).try_into().unwrap())
}

/// Every combination of events in these many requests each, with its probability.
fn outcomes(drawn: &[(u32, f64)]) -> Vec<(Vec<u32>, f64)> {
    drawn.iter().fold(vec![(Vec::new(), 1.0)], |before, &(n, p)| {
        let with = |(events, likely): &(Vec<u32>, f64)| {
            let (events, likely) = (events.clone(), *likely);
            (0..=n).map(move |x| {
                let mut events = events.clone();
                events.push(x);
                (events, likely * binomial(n, x, p))
            })
        };
        before.iter().flat_map(with).collect()
    })
}

/// What the outcomes of all intervals come to.
#[derive(Debug, Default)]
struct Means {
    /// The mean of E after the last interval.
    last: f64,
    /// The mean of E where one stops as soon as it looks bad: at 1.5.
    stopped: f64,
    /// The probability that E is ever 4 or more.
    ever_four: f64,
}

impl Means {
    fn at_most_one(&self) -> bool {
        let one = 1.0 + ROUNDING;
        self.last <= one && self.stopped <= one && self.ever_four <= 0.25 + ROUNDING
    }
}

/// Walks through every path. Each interval is a list of requests with the probability of an event; `step`
/// takes the events of one in and `log_e` looks.
fn walk<T: Clone>(
    start: &T,
    intervals: &[Vec<(u32, f64)>],
    step: &impl Fn(&mut T, usize, &[u32]),
    log_e: &impl Fn(&T) -> f64,
) -> Means {
    let mut means = Means::default();
    let mut paths = vec![(start.clone(), 1.0, false, false)];
    for (index, drawn) in intervals.iter().enumerate() {
        let outcomes = outcomes(drawn);
        assert!((outcomes.iter().map(|(_, likely)| likely).sum::<f64>() - 1.0).abs() < ROUNDING);
        let mut next = Vec::new();
        for (state, before, stopped, four) in paths {
            for (events, likely) in &outcomes {
                let (mut state, likely) = (state.clone(), before * likely);
                step(&mut state, index, events);
                let e = log_e(&state).exp();
                if !stopped && e >= 1.5 {
                    means.stopped += likely * e;
                }
                if !four && e >= 4.0 {
                    means.ever_four += likely;
                }
                next.push((state, likely, stopped || e >= 1.5, four || e >= 4.0));
            }
        }
        paths = next;
    }
    for (state, likely, stopped, _) in &paths {
        let e = log_e(state).exp();
        means.last += likely * e;
        if !stopped {
            means.stopped += likely * e;
        }
    }
    means
}

/// Canary and stable requests of three intervals, the middle one at another weight.
const SIZES: [(u32, u32); 3] = [(2, 4), (3, 3), (1, 5)];

fn counts(sizes: (u32, u32), canary_events: u32, stable_events: u32) -> Counts {
    let [nc, xc, ns, xs] = [sizes.0, canary_events, sizes.1, stable_events].map(f64::from);
    Counts::try_new(nc, xc, ns, xs).unwrap()
}

fn ratio(worse: Worse, margin: f64, (canary, stable): (f64, f64), phi: f64) -> Means {
    let margin = Margin::try_new(margin).unwrap();
    let rule = Rule { worse, margin, floor: None, set_aside: SetAside::None };
    let phi = Dispersion::try_new(phi).unwrap();
    // The common rate moves from interval to interval: nothing is assumed of it.
    let intervals = [1.0, 0.3, 0.7].iter().zip(SIZES);
    let intervals: Vec<_> =
        intervals.map(|(f, (nc, ns))| vec![(nc, canary * f), (ns, stable * f)]).collect();
    let step = |test: &mut RatioTest, index: usize, events: &[u32]| {
        let interval = Interval::whole(counts(SIZES[index], events[0], events[1]));
        test.absorb(&rule, &interval, phi, Look::Judged);
    };
    walk(&RatioTest::new(&rule, 0), &intervals, &step, &RatioTest::log_e)
}

#[test]
fn the_ratio_test_on_every_accepted_ratio() {
    for stable in [0.01, 0.2, 0.9] {
        for (worse, margin, ratios) in [
            (Worse::Higher, 1.1, [1.1, 1.0, 0.3]),
            (Worse::Higher, 1.0, [1.0, 0.9, 0.5]),
            (Worse::Lower, 0.95, [0.95, 1.0, 1.1]),
            (Worse::Lower, 0.5, [0.5, 0.6, 1.05]),
        ] {
            for ratio_is in ratios {
                for phi in [1.0, 2.5] {
                    let means = ratio(worse, margin, (stable * ratio_is, stable), phi);
                    let case = (worse, margin, stable, ratio_is, phi);
                    assert!(means.at_most_one(), "{case:?}: {means:?}");
                }
            }
        }
    }
}

/// The tests above have something to find: at the margin, with rare events, the mean is nearly 1, and
/// beyond it is more.
#[test]
fn the_ratio_test_is_no_weaker_than_it_must_be() {
    let at_margin = ratio(Worse::Higher, 1.1, (0.011, 0.01), 1.0);
    assert!(at_margin.last > 0.999, "{at_margin:?}");
    for (worse, margin, rates) in
        [(Worse::Higher, 1.1, (0.6, 0.1)), (Worse::Lower, 0.95, (0.1, 0.6))]
    {
        let beyond = ratio(worse, margin, rates, 1.0);
        assert!(!beyond.at_most_one() && beyond.last > 1.2, "{beyond:?}");
    }
}

#[test]
fn the_ratio_test_with_cohorts_set_aside() {
    for set_aside in [SetAside::One, SetAside::Two] {
        let margin = Margin::try_new(1.1).unwrap();
        let rule = Rule { worse: Worse::Higher, margin, floor: None, set_aside };
        // Three cohorts of one canary and one stable request each, and as many in none.
        let drawn = [(1, 0.22), (1, 0.2)].repeat(4);
        let step = |test: &mut RatioTest, _: usize, events: &[u32]| {
            let mut all: Vec<_> =
                events.chunks(2).map(|events| counts((1, 1), events[0], events[1])).collect();
            let rest = all.pop().unwrap();
            let interval = Interval { cohorts: all, rest };
            test.absorb(&rule, &interval, Dispersion::NONE, Look::Judged);
        };
        let start = RatioTest::new(&rule, 3);
        let worst = |test: &RatioTest| test.log_e_worst().log_e;
        let means = walk(&start, &[drawn.clone(), drawn.clone()], &step, &worst);
        assert!(means.at_most_one(), "{set_aside:?}: {means:?}");
        let all = walk(&start, &[drawn.clone(), drawn], &step, &RatioTest::log_e);
        assert!(all.at_most_one() && all.last > means.last, "{all:?} {means:?}");
    }
}

#[test]
fn the_floor_on_every_rate_up_to_it() {
    for floor in [0.001, 0.1, 0.3, 0.8] {
        for rate in [floor, floor * 0.5, 0.0] {
            let intervals: Vec<_> = [3, 0, 4, 5].map(|n| vec![(n, rate)]).to_vec();
            let step = |test: &mut OneSample, index: usize, events: &[u32]| {
                let n = intervals[index][0].0;
                test.absorb(&counts((n, 0), events[0], 0), Look::Judged);
            };
            let start = OneSample::new(Share::try_new(floor).unwrap());
            let means = walk(&start, &intervals, &step, &OneSample::log_e);
            assert!(means.at_most_one(), "{floor} {rate}: {means:?}");
            if rate.to_bits() == floor.to_bits() {
                // Each factor has a mean of exactly 1.
                assert!(means.last > 1.0 - ROUNDING, "{floor}: {means:?}");
            }
        }
    }
}

#[test]
fn the_split_where_requests_are_drawn_by_the_weight() {
    for weight in [0.01, 0.3, 0.95] {
        let intervals: Vec<_> = [6, 4, 5].map(|n| vec![(n, weight)]).to_vec();
        let step = |split: &mut Split, index: usize, events: &[u32]| {
            let (n, nc) = (intervals[index][0].0, events[0]);
            split.absorb(&counts((nc, n - nc), 0, 0));
        };
        let weight = Share::try_new(weight).unwrap();
        let log_e = |split: &Split| split.log_e(weight);
        let means = walk(&Split::default(), &intervals, &step, &log_e);
        assert!(means.at_most_one(), "{weight:?}: {means:?}");
        assert!(means.last > 1.0 - ROUNDING, "{weight:?}: {means:?}");
    }
}

/// Two metrics of the same requests, as dependent as can be: the second counts the requests in which
/// the first has no event.
#[test]
fn the_mean_of_dependent_metrics() {
    let rule = |worse, margin| Rule {
        worse,
        margin: Margin::try_new(margin).unwrap(),
        floor: None,
        set_aside: SetAside::None,
    };
    let (errors, successes) = (rule(Worse::Higher, 1.1), rule(Worse::Lower, 0.95));
    // 0.22/0.2 is on the first's margin, 0.78/0.8 on the accepted side of the second's.
    let intervals: Vec<_> = SIZES.map(|(nc, ns)| vec![(nc, 0.22), (ns, 0.2)]).to_vec();
    let step = |tests: &mut [RatioTest; 2], index: usize, events: &[u32]| {
        let (nc, ns) = SIZES[index];
        let failed = Interval::whole(counts((nc, ns), events[0], events[1]));
        let served = Interval::whole(counts((nc, ns), nc - events[0], ns - events[1]));
        tests[0].absorb(&errors, &failed, Dispersion::NONE, Look::Judged);
        tests[1].absorb(&successes, &served, Dispersion::NONE, Look::Judged);
    };
    let start = [RatioTest::new(&errors, 0), RatioTest::new(&successes, 0)];
    let mean = |tests: &[RatioTest; 2]| {
        combine::log_mean(&[(0.7, tests[0].log_e()), (0.3, tests[1].log_e())])
    };
    let means = walk(&start, &intervals, &step, &mean);
    assert!(means.at_most_one() && means.last > 0.7, "{means:?}");
}
