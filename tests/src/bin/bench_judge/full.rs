//! The table of the canary at 100 %, where its error rate is tested against what stable's can have been.

use std::collections::BTreeMap;

use serin_judge::panel::{Counted, GateRules, Measure, Outcome, Panel, Rules, Stage};
use serin_judge::{
    Alpha, Counts, Dispersion, Interval, Look, Margin, OneSample, SetAside, Share, Worse,
};

use crate::dice::Dice;
use crate::outcome::Must;
use crate::table::{Row, Table};
use crate::traffic::{Arrivals, counts};

const RUNS: u32 = 2_000;
/// The step before, of 50 %: a short one, in which few of stable's requests fail.
const MINUTES_BEFORE: u32 = 3;
/// How long the canary is looked at with all requests.
const MINUTES: u32 = 60;
const GATE: &str = "errors";
/// The bound is one of 99 %, and the test of a known rate has its own chance, of 1 % too.
const CHANCE: f64 = 0.02;

/// A version that fails so many times as often from the moment on that it has all requests.
#[derive(Clone, Copy, Debug)]
struct Traffic {
    rps: f64,
    rate: f64,
    times: f64,
}

impl Traffic {
    fn before(self, dice: &mut Dice) -> Counts {
        let [canary, stable] = [(); 2].map(|()| Arrivals::of(self.rps * 30.0, self.rate, dice));
        counts(canary, stable)
    }

    fn alone(self, dice: &mut Dice) -> Counts {
        let canary = Arrivals::of(self.rps * 60.0, self.rate * self.times, dice);
        counts(canary, Arrivals::default())
    }
}

/// The judge as the controller has it.
struct Judge<'r> {
    rules: &'r Rules,
    panel: Panel,
    minute: u64,
}

impl Judge<'_> {
    /// Takes in a minute; true where it holds or rolls back.
    fn look(&mut self, counts: Counts, compared: bool) -> bool {
        /// In milliseconds.
        const MINUTE: u64 = 60_000;
        let from_ms = self.minute * MINUTE;
        self.minute += 1;
        let since = if compared { 0 } else { MINUTES_BEFORE };
        let stage = Stage { traffic_since_ms: u64::from(since) * MINUTE, compared };
        let gates = BTreeMap::from([(GATE.to_owned(), vec![Interval::whole(counts)])]);
        let counted = Counted { from_ms, to_ms: self.minute * MINUTE, gates };
        self.panel.absorb(self.rules, stage, &counted);
        let findings = self.panel.findings(self.rules);
        findings
            .gates
            .iter()
            .any(|it| matches!(it.outcome, Outcome::Hold(_) | Outcome::Rollback(_)))
    }
}

/// The minutes at 100 % after which stable's rate as it was counted, and the judge, hold.
fn run(traffic: Traffic, rules: &Rules, dice: &mut Dice) -> [Option<u32>; 2] {
    let mut judge = Judge { rules, panel: Panel::new(0), minute: 0 };
    let mut before = Counts::ZERO;
    for _ in 0..MINUTES_BEFORE {
        let counts = traffic.before(dice);
        before = before.plus(counts);
        judge.look(counts, true);
    }
    let counted = before.stable_events() / before.stable_requests();
    let margin = Margin::default_for(Worse::Higher).get();
    let rate = (margin * counted).max(Share::DEFAULT_FLOOR.get());
    let mut as_counted = Share::try_new(rate).ok().map(OneSample::new);
    let mut minutes = [None; 2];
    for minute in 1..=MINUTES {
        let counts = traffic.alone(dice);
        let above = as_counted.as_mut().is_some_and(|test| {
            test.absorb(&counts, Look::Judged);
            test.log_e() >= rules.alpha.log_threshold()
        });
        for (held, first) in [above, judge.look(counts, false)].into_iter().zip(&mut minutes) {
            if held && first.is_none() {
                *first = Some(minute);
            }
        }
    }
    minutes
}

pub(crate) fn table() -> Table<2> {
    let row = |name, rps, rate, times, must: Must| {
        let traffic = Traffic { rps, rate, times };
        let rules = Rules {
            alpha: Alpha::default(),
            skip: std::time::Duration::ZERO,
            set_aside: SetAside::None,
            gates: vec![GateRules {
                name: GATE.to_owned(),
                measure: Measure::Errors { floor: Some(Share::DEFAULT_FLOOR), slo: None },
                margin: Margin::default_for(Worse::Higher),
                weight: 1.0,
                phi: Dispersion::NONE,
            }],
        };
        Row {
            name,
            runs: RUNS,
            figure: must.figure(),
            must: Some(must),
            run: Box::new(move |dice: &mut Dice| run(traffic, &rules, dice)),
        }
    };
    let rate = Must::Rate(CHANCE);
    Table {
        title: "At 100 %, after three minutes at 50 %: held within an hour",
        number: 5,
        columns: ["rate as counted", "Serin"],
        judged: 1,
        rows: vec![
            row("AA 4 rps, p = 2 %", 4.0, 0.02, 1.0, rate),
            row("AA 40 rps, p = .5 %", 40.0, 0.005, 1.0, rate),
            row("AA 400 rps, p = 2 %", 400.0, 0.02, 1.0, rate),
            row("5x, 4 rps, p = 2 %", 4.0, 0.02, 5.0, Must::Minutes(3, 5)),
            row("5x, 40 rps, p = .5 %", 40.0, 0.005, 5.0, Must::Minutes(1, 2)),
            row("2x, 400 rps, p = 2 %", 400.0, 0.02, 2.0, Must::Minutes(1, 2)),
        ],
    }
}
