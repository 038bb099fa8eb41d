//! Whatever pods, scrapes and controllers do: the intervals add up to what the pods counted.

use proptest::prelude::*;
use serin_judge::panel::Counted;

use super::world::{BEFORE, Calm, Pod, SCRAPES, Truth, pods, scrape};
use super::*;
use crate::counts::Start;

/// What the judge has taken in: the sums, and the cut that they go up to.
#[derive(Clone, Debug)]
struct Taken {
    cut_ms: u64,
    /// `[nc, xc, ns, xs]` of errors by cohort, the last place for those in none; then of slow ones.
    sums: [[[f64; 4]; 17]; 2],
}

impl Taken {
    fn take(&mut self, counted: &Counted) {
        assert_eq!(counted.from_ms, self.cut_ms, "intervals follow each other");
        assert!(counted.to_ms > counted.from_ms);
        self.cut_ms = counted.to_ms;
        for (sums, gate) in self.sums.iter_mut().zip(["errors", "latency"]) {
            let interval = &counted.gates[gate][0];
            let cells = interval.cohorts.iter().chain([&interval.rest]);
            for (sum, cell) in sums.iter_mut().zip(cells) {
                let cell: [f64; 4] = (*cell).into();
                sum.iter_mut().zip(cell).for_each(|(sum, more)| *sum += more);
            }
        }
    }
}

/// The same of what is true.
fn sums(truth: &Truth) -> [[[f64; 4]; 17]; 2] {
    let mut sums = [[[0.0; 4]; 17]; 2];
    for ((canary, cohort, class), count) in truth {
        let side = if *canary { 0 } else { 2 };
        let mut add = |gate: usize, event: bool| {
            let cell = &mut sums[gate][usize::from(*cohort)];
            cell[side] += count;
            cell[side + 1] += if event { *count } else { 0.0 };
        };
        match class {
            0 => {
                add(0, false);
                add(1, false);
            }
            1 => add(0, true),
            2 => {
                add(0, false);
                add(1, true);
            }
            _ => {}
        }
    }
    sums
}

/// What happens at a moment, in tenths of a scrape: a look, or a controller that starts again with
/// what was stored some looks before.
#[derive(Clone, Debug)]
enum Event {
    Look,
    Restart { forgotten: usize },
}

fn events(restarts: bool) -> impl Strategy<Value = Vec<(u64, Event)>> {
    let look = Just(Event::Look);
    let event = if restarts {
        prop_oneof![20 => look, 1 => (0..5_usize).prop_map(|forgotten| Event::Restart { forgotten })]
            .boxed()
    } else {
        look.boxed()
    };
    let times = prop_oneof![Just(1..60_u64), Just(1..4), Just(1..300)];
    let gaps = times.prop_flat_map(move |gap| prop::collection::vec((gap, event.clone()), 5..120));
    gaps.prop_map(|gaps| {
        let mut at = BEFORE * 10;
        gaps.into_iter()
            .map(|(gap, event)| {
                at += gap;
                (at, event)
            })
            .take_while(|(at, _)| *at < SCRAPES * 10)
            .collect()
    })
}

fn start(cut_ms: u64, unit_ms: u64) -> Ledger {
    let gates = [errors(Counts::Filter), latency(Counts::Filter)];
    let cuts = gates.iter().map(|gate| (gate.name.clone(), cut_ms)).collect();
    let start = Start { started_ms: BEFORE * 10 * unit_ms, cuts };
    Ledger::new(&gates, &subject(), &bounds(), Duration::from_millis(10 * unit_ms), &start)
}

/// Everything that was given, and what it adds up to.
fn live(pods: &[Pod], events: &[(u64, Event)], unit_ms: u64) -> (Vec<Counted>, Taken, bool, Truth) {
    let history = scrape(pods, unit_ms);
    let begun = BEFORE * 10 * unit_ms;
    let mut taken = vec![Taken { cut_ms: begun, sums: [[[0.0; 4]; 17]; 2] }];
    let mut ledger = start(begun, unit_ms);
    let mut given = Vec::new();
    // The last look comes when every pod has gone.
    let last = (SCRAPES * 10 + 100, Event::Look);
    for (at, event) in events.iter().chain([&last]) {
        match event {
            Event::Look => {
                let counted = store::look(&mut ledger, &history.store, at * unit_ms);
                let mut now = taken.last().unwrap().clone();
                for interval in &counted {
                    now.take(interval);
                }
                taken.push(now);
                given.extend(counted);
            }
            Event::Restart { forgotten } => {
                taken.truncate(taken.len().saturating_sub(*forgotten).max(1));
                ledger = start(taken.last().unwrap().cut_ms, unit_ms);
            }
        }
    }
    (given, taken.pop().unwrap(), history.visible, history.truth)
}

fn assert_never_more(counted: &[[[f64; 4]; 17]; 2], truth: &[[[f64; 4]; 17]; 2]) {
    for (counted, truth) in counted.iter().flatten().zip(truth.iter().flatten()) {
        for (counted, truth) in counted.iter().zip(truth) {
            assert!(counted <= truth, "counted {counted} of {truth}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_the_pods_counted_by_their_last_scrapes_is_counted(
        pods in pods(Calm::Exact), events in events(false), unit_ms in prop_oneof![Just(1_u64), Just(1500)]
    ) {
        let (_, taken, visible, truth) = live(&pods, &events, unit_ms);
        assert_never_more(&taken.sums, &sums(&truth));
        if visible {
            prop_assert_eq!(taken.sums, sums(&truth));
        }
    }

    #[test]
    fn never_more_is_counted_whatever_happens(
        pods in pods(Calm::Wild), events in events(true), unit_ms in prop_oneof![Just(1_u64), Just(1500), Just(6000)]
    ) {
        let (_, taken, _, truth) = live(&pods, &events, unit_ms);
        assert_never_more(&taken.sums, &sums(&truth));
    }

    #[test]
    fn intervals_do_not_depend_on_when_one_looks(
        pods in pods(Calm::Wild), one in events(false), other in events(false)
    ) {
        let pods: Vec<Pod> = pods.into_iter().map(Pod::punctual).collect();
        prop_assert_eq!(live(&pods, &one, 100).0, live(&pods, &other, 100).0);
    }
}
