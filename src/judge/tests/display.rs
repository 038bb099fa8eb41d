//! What is shown of the ratio, and what is planned, against what the formulas give directly.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use serin_judge::planning::{Chance, Traffic, detectable_ratio, time_to_detect};
use serin_judge::{Alpha, Counts, Dispersion, Likelihood, Margin, Worse};

/// The sums themselves, interval by interval.
struct Direct(Vec<Counts>);

impl Direct {
    fn log_likelihood(&self, rho: f64) -> f64 {
        let term = |counts: &Counts| {
            let w = counts.canary_share().unwrap();
            counts.canary_events() * rho.ln() - counts.events() * (w * (rho - 1.0)).ln_1p()
        };
        self.0.iter().map(term).sum()
    }

    fn slope(&self, rho: f64) -> f64 {
        let term = |counts: &Counts| {
            let w = counts.canary_share().unwrap();
            counts.canary_events() - counts.events() * w * rho / (w * rho + 1.0 - w)
        };
        self.0.iter().map(term).sum()
    }

    fn best(&self) -> f64 {
        if self.slope(1e-3) <= 0.0 {
            return 1e-3;
        }
        bisect(1e-3, 1e3, |rho| self.slope(rho) > 0.0)
    }

    fn confidence(&self, alpha: f64) -> (f64, f64) {
        let mixture: Vec<f64> = (0..=240)
            .map(|k| self.log_likelihood((64_f64.ln() * (f64::from(k) / 120.0 - 1.0)).exp()))
            .collect();
        let highest = mixture.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = mixture.iter().map(|l| (l - highest).exp()).sum::<f64>() / 241.0;
        let inside = |rho: f64| highest + mean.ln() - self.log_likelihood(rho) < (1.0 / alpha).ln();
        let bound = |end: f64| if inside(end) { end } else { bisect(self.best(), end, inside) };
        (bound(1e-3), bound(1e3))
    }
}

fn bisect(mut yes: f64, mut no: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..200 {
        let middle = (yes * no).sqrt();
        if holds(middle) { yes = middle } else { no = middle }
    }
    yes
}

/// Intervals of a rollout: weights from 0.1 % to 99 %, rates from 0.01 % to all.
fn intervals() -> impl Strategy<Value = Vec<Counts>> {
    let counts = (1.0..1e6_f64, -3.0..2.0_f64, -4.0..0.0_f64, 0.0..3.0_f64).prop_map(
        |(requests, log_odds, log_rate, ratio)| {
            let odds = 10_f64.powf(log_odds);
            let canary = (requests * odds / (1.0 + odds)).ceil();
            let (stable, rate) = (requests.ceil(), 10_f64.powf(log_rate));
            let canary_events = (canary * rate * ratio).round().min(canary);
            Counts::try_new(canary, canary_events, stable, (stable * rate).round()).unwrap()
        },
    );
    vec(counts, 1..25)
}

#[track_caller]
fn close(found: f64, exact: f64) {
    assert!((found / exact - 1.0).abs() <= 1e-6, "{found} and not {exact}");
}

proptest! {
    #[test]
    fn the_grid_gives_what_the_sums_give(intervals in intervals()) {
        let mut likelihood = Likelihood::default();
        for counts in &intervals {
            likelihood.absorb(counts);
        }
        let direct = Direct(intervals);
        match likelihood.ratio() {
            Some(ratio) => close(ratio, direct.best()),
            None => prop_assert!(direct.0.iter().all(|counts| counts.events() == 0.0)),
        }
        let (low, high) = likelihood.confidence(Alpha::default());
        let (exact_low, exact_high) = direct.confidence(0.01);
        close(low, exact_low);
        close(high, exact_high);
        for rho in [0.001, 0.37, 2.0, 1000.0] {
            let exact = direct.log_likelihood(1.0) - direct.log_likelihood(rho);
            let found = likelihood.promote_evidence(rho, Dispersion::NONE);
            prop_assert!((found - exact).abs() <= 1e-9 * (1.0 + exact.abs()), "{} {}", found, exact);
        }
    }

    #[test]
    fn what_is_detectable_by_a_time_takes_that_time(
        requests_per_unit in 0.1..1e6_f64,
        canary_share in 0.001..0.9_f64,
        log_rate in -5.0..-0.5_f64,
        phi in 1.0..5.0_f64,
        lower: bool,
        ninety: bool,
        before in proptest::option::of(0.0..1e5_f64),
        time in 1.0..1e6_f64,
    ) {
        let phi = Dispersion::try_new(phi).unwrap();
        let stable_rate = 10_f64.powf(log_rate);
        let traffic = Traffic { requests_per_unit, canary_share, stable_rate, phi };
        let worse = if lower { Worse::Lower } else { Worse::Higher };
        let chance = if ninety { Chance::Ninety } else { Chance::Half };
        let (margin, alpha) = (Margin::default_for(worse), Alpha::default());
        let needed = |ratio: f64| time_to_detect(&traffic, ratio, margin, alpha, chance, before);
        let farthest = if lower { 1e-3 } else { 1e3 };
        match detectable_ratio(&traffic, (margin, worse), alpha, chance, time, before) {
            Some(ratio) => {
                close(needed(ratio).unwrap(), time);
                let farther = needed((ratio * farthest).sqrt()).unwrap();
                prop_assert!(farther <= time * (1.0 + 1e-9), "{}", farther);
                let nearer = needed((ratio * margin.get()).sqrt());
                prop_assert!(nearer.is_none_or(|nearer| nearer >= time), "{:?}", nearer);
            }
            None => prop_assert!(needed(farthest).unwrap() > time),
        }
    }
}

#[test]
fn nothing_is_seen_where_nothing_happens() {
    let traffic = |requests_per_unit, canary_share, stable_rate| Traffic {
        requests_per_unit,
        canary_share,
        stable_rate,
        phi: Dispersion::NONE,
    };
    let margin = Margin::default_for(Worse::Higher);
    for traffic in [
        traffic(0.0, 0.05, 0.01),
        traffic(10.0, 0.0, 0.01),
        traffic(10.0, 1.0, 0.01),
        traffic(10.0, 0.05, 0.0),
        traffic(f64::NAN, 0.05, 0.01),
        traffic(10.0, f64::NAN, 0.01),
    ] {
        let (alpha, half) = (Alpha::default(), Chance::Half);
        assert_eq!(time_to_detect(&traffic, 2.0, margin, alpha, half, None), None, "{traffic:?}");
        let found = detectable_ratio(&traffic, (margin, Worse::Higher), alpha, half, 1e9, None);
        assert_eq!(found, None, "{traffic:?}");
    }
    let busy = traffic(1e9, 0.5, 0.1);
    for ratio in [1.1, 0.0, -1.0, f64::NAN] {
        let found = time_to_detect(&busy, ratio, margin, Alpha::default(), Chance::Half, None);
        assert_eq!(found, None, "{ratio}");
    }
}

/// As many events as requests on both sides: the ratio is 1, whichever side has all but a few.
#[test]
fn a_side_of_a_few_requests_beside_very_many_keeps_its_ratio() {
    let (few, many) = (3.0, 4_116_063_136_819_613.0);
    for (nc, ns) in [(few, many), (many, few)] {
        let mut likelihood = Likelihood::default();
        likelihood.absorb(&Counts::try_new(nc, nc, ns, ns).unwrap());
        close(likelihood.ratio().unwrap(), 1.0);
    }
}

/// In the median the time is H/J, so that two times stand to each other as their heights do.
#[test]
fn late_harm_takes_longer_by_the_fitted_height() {
    let traffic = Traffic {
        requests_per_unit: 400.0,
        canary_share: 0.05,
        stable_rate: 0.005,
        phi: Dispersion::NONE,
    };
    let margin = Margin::default_for(Worse::Higher);
    let time = |before: Option<f64>| {
        time_to_detect(&traffic, 2.0, margin, Alpha::default(), Chance::Half, before).unwrap()
    };
    let height = 100_f64.ln() + 1.0;
    for before in [0.0, 48.0, 720.0] {
        let late = height + 1.3 * (2.0 * (before + 1.0_f64)).ln();
        close(time(Some(before)) / time(None), late / height);
    }
}
