use serin_document::Tripwire;
use serin_filter::tripwire::watch::Terms;
use serin_judge::{Counts, Dispersion, Interval, Look, OneSample, RatioTest, Rule, SetAside};

use super::crowd::at_most;
use super::screen::{Floor, Ratio};
use super::*;

fn terms(slow: bool) -> Terms {
    let slow = slow.then_some(core::time::Duration::from_secs(1));
    Terms::new(&Tripwire { slow, ..Tripwire::default() }).unwrap()
}

#[test]
fn numbers_are_drawn_as_a_poisson_variable_has_them() {
    for mean in [0.0, 0.001, 0.1, 5.0, 20.0, 60.0] {
        let sums = at_most(mean);
        let mut before = 0.0;
        let (mut first, mut second) = (0.0, 0.0);
        for (number, sum) in (0_u32..).map(f64::from).zip(&sums) {
            first += number * (sum - before);
            second += number * number * (sum - before);
            before = *sum;
        }
        assert!((before - 1.0).abs() < 1e-12, "{mean}: {before}");
        assert!((first - mean).abs() < 1e-9, "{mean}: {first}");
        assert!((second - first * first - mean).abs() < 1e-7, "{mean}: {second}");
    }
}

#[test]
fn a_crowd_is_answered_as_stated() {
    let crowd = Crowd { slow: 0.03, broken: 0.2, harm: 0.1, ..ROWS[1].crowd };
    let mut population = crowd.draw(1, f64::from(SECOND));
    let mut all = serin_filter::tripwire::tally::Sums::default();
    for _ in 0..HOUR {
        all.plus(&population.tick().sums());
    }
    let [canary, stable] = all.sides();
    let share = |part: u32, of: u32| f64::from(part) / f64::from(of);
    let requests = canary.requests + stable.requests;
    // 200 a second, and what the two clients have.
    assert!((share(requests, 720_000) - 1.01).abs() < 0.02, "{requests}");
    assert!((share(canary.requests, requests) - 0.25).abs() < 0.03, "{canary:?}");
    assert!((share(canary.errors, canary.requests) - 0.105).abs() < 0.01, "{canary:?}");
    assert!((share(stable.errors, stable.requests) - 0.005).abs() < 0.003, "{stable:?}");
    let slow = share(canary.slow + stable.slow, requests);
    assert!((slow - 0.036).abs() < 0.006, "{canary:?} {stable:?}");
}

#[test]
fn the_screens_evidence_is_the_judges() {
    let rule = Rule { set_aside: SetAside::None, ..*terms(false).rule() };
    let mut judged = (RatioTest::new(&rule, 0), OneSample::new(terms(false).floor()));
    let mut screened = (Ratio::new(rule.margin.get()), Floor::new(0.02));
    let mut highest: f64 = 0.0;
    for look in 0..2_000_u32 {
        // Now and then an event, more of them towards the end; once no canary request at all.
        let happened = look % 7 == 0 || look > 1_900;
        let [nc, xc, ns, xs] = match look {
            14 => [0, 0, 9, 1],
            _ if happened => [5 + look % 3, look % 2 + u32::from(look > 1_950), 15, look % 5 / 4],
            _ => [4 + look % 4, 0, 16, 0],
        };
        let counts = Counts::try_new(nc.into(), xc.into(), ns.into(), xs.into()).unwrap();
        judged.1.absorb(&counts, Look::Judged);
        if xc + xs == 0 {
            screened.1.rest(nc);
            continue;
        }
        judged.0.absorb(&rule, &Interval::whole(counts), Dispersion::NONE, Look::Judged);
        screened.0.absorb(&counts);
        screened.1.absorb(nc, xc);
        let ratio = screened.0.e().ln();
        assert!((ratio - judged.0.log_e()).abs() < 1e-9, "{look}: {ratio}");
        // A bound, and not a wide one once there is evidence.
        let floor = screened.1.e().ln() - judged.1.log_e();
        let most = if judged.1.log_e() > 3.0 { 1.5 } else { f64::INFINITY };
        assert!((-1e-9..most).contains(&floor), "{look}: {floor}");
        highest = highest.max(screened.1.e().ln().min(ratio));
    }
    assert!(highest > 10.0, "{highest}");
}

/// Where harm, chance and broken clients make some minutes trip and others not.
#[test]
fn no_proof_comes_through_that_the_screen_would_have_kept_out() {
    let minute = 60 * SECOND;
    let (mut tripped, mut screened, mut quiet) = (0, 0, 0);
    for (harm, broken, slow) in
        [(0.025, 0.2, 0.0), (0.04, 0.0, 0.0), (0.0, 0.8, 0.0), (0.03, 0.6, 0.1), (0.06, 0.0, 0.03)]
    {
        let crowd = Crowd { users: 500, harm, broken, slow, ..ROWS[1].crowd };
        let terms = terms(slow > 0.0);
        for seed in 0..12 {
            let may = may_trip(&crowd, &terms, seed, minute);
            let does = does_trip(&crowd, &terms, seed, minute);
            assert!(may || !does, "{crowd:?} {seed}");
            tripped += u32::from(does);
            screened += u32::from(may && !does);
            quiet += u32::from(!may);
        }
    }
    assert!(tripped > 5 && screened > 2 && quiet > 5, "{tripped} {screened} {quiet}");
}

/// The first hours of what `make bench-tripwire` goes through, by the same seeds.
#[test]
fn the_first_hours_of_every_crowd_trip_nothing() {
    let rows: Vec<_> = ROWS.iter().map(|row| (row, row.terms().unwrap())).collect();
    let all = u32::try_from(rows.len()).unwrap();
    let trips = |number: u32| {
        let (row, terms) = &rows[usize::try_from(number).unwrap()];
        let tripped = row.trips(terms, u64::from(number), 0);
        assert!(!tripped, "{}", row.name);
        tripped
    };
    assert_eq!(count(all, trips, |_, _| ()), 0);
}

#[test]
fn gross_harm_of_the_same_crowds_trips_within_seconds() {
    for row in &ROWS {
        let terms = row.terms().unwrap();
        let harmed = Crowd { harm: 0.5, ..row.crowd };
        // The one with few users sees two canary requests a second.
        let seconds = if row.crowd.rate < 100.0 { 30 } else { 3 };
        for seed in 0..3 {
            assert!(trips(&harmed, &terms, seed, seconds * SECOND), "{}: {seed}", row.name);
        }
    }
}
