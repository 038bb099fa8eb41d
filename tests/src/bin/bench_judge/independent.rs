//! The first table: independent requests, Serin's rule beside three others.

use serin_judge::{OutOfRange, SetAside};

use crate::outcome::Must;
use crate::rules::{Rule, SafeRollouts, Serin, Setup, Threshold, ZTest};
use crate::schedule::Schedule;
use crate::table::{Row, Table, minutes};
use crate::traffic::{Canary, Independent};

const RUNS: u32 = 10_000;

pub(crate) fn table() -> Result<Table<4>, OutOfRange> {
    let setup = Setup::new(0, SetAside::None)?;
    let row = |name, rps, rate, canary, must: Must| {
        let traffic = Independent { rps, rate, canary };
        Row {
            name,
            runs: RUNS,
            figure: must.figure(),
            must: Some(must),
            run: Box::new(move |dice: &mut _| {
                let rules: [Box<dyn Rule>; 4] = [
                    Box::<Threshold>::default(),
                    Box::<ZTest>::default(),
                    Box::<SafeRollouts>::default(),
                    Box::new(Serin::new(setup)),
                ];
                minutes(Schedule::HOUR, &mut { traffic }, rules, dice)
            }),
        }
    };
    let same = Canary::Times(1.0);
    let rate = Must::Rate;
    Ok(Table {
        title: "Independent requests",
        number: 1,
        columns: ["threshold", "z-test", "Safe Rollouts", "Serin"],
        judged: 3,
        rows: vec![
            row("AA1 40 rps, p = .5 %", 40.0, 0.005, same, rate(0.005)),
            row("AA2 400 rps, p = .5 %", 400.0, 0.005, same, rate(0.005)),
            row("AA3 40 rps, p = .05 %", 40.0, 0.0005, same, rate(0.005)),
            row("AA4 400 rps, p = 2 %", 400.0, 0.02, same, rate(0.005)),
            row(
                "AA5 AA2, both at 5 % in minutes 20-25",
                400.0,
                0.005,
                Canary::Incident,
                rate(0.005),
            ),
            row(
                "AA6 AA2, canary at 5x in its first 2 min",
                400.0,
                0.005,
                Canary::Cold,
                rate(0.005),
            ),
            row("AA7 AA2, a true ratio of 1.1", 400.0, 0.005, Canary::Times(1.1), rate(0.01)),
            row("2x, 40 rps", 40.0, 0.005, Canary::Times(2.0), Must::Minutes(36, 48)),
            row("5x, 40 rps", 40.0, 0.005, Canary::Times(5.0), Must::Minutes(14, 18)),
            row("2x, 400 rps", 400.0, 0.005, Canary::Times(2.0), Must::Minutes(15, 20)),
            row("5x, 400 rps", 400.0, 0.005, Canary::Times(5.0), Must::Minutes(4, 6)),
            row("1.5x, 400 rps", 400.0, 0.005, Canary::Times(1.5), Must::Minutes(27, 37)),
        ],
    })
}
