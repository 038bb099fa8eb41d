//! The tables of users: what setting cohorts aside is worth.

use serin_judge::{OutOfRange, SetAside};

use crate::outcome::{Figure, Must};
use crate::rules::{Rule, Serin, Setup};
use crate::schedule::Schedule;
use crate::table::{Row, Run, Table, minutes};
use crate::users::{COHORTS, Crowd};

const RUNS: u32 = 1500;
/// Of the rows of 36 hours.
const LONG_RUNS: u32 = 600;

/// Even users, whose errors are independent.
const EVEN: Crowd =
    Crowd { users: 20_000, rps: 400.0, rates: 0.0, errors: 0.0, ratio: 1.0, broken: &[] };
const MIXED: Crowd = Crowd { rates: 1.0, errors: 1.0, ..EVEN };
const WILD: Crowd = Crowd { rates: 1.5, errors: 1.5, ..EVEN };
const WITH_CLIENTS: Crowd = Crowd { rates: 1.0, errors: 0.5, ..EVEN };

pub(crate) fn table() -> Result<Table<2>, OutOfRange> {
    let run = |schedule, crowd| run(schedule, crowd, [SetAside::None, SetAside::One]);
    let hour = |name, crowd, must| Ok(row(name, RUNS, must, run(Schedule::HOUR, crowd)?));
    let long = |name, crowd, must| Ok(row(name, LONG_RUNS, must, run(Schedule::LONG, crowd)?));
    let few = Crowd { users: 2000, rps: 40.0, ..EVEN };
    let many = |crowd| Crowd { users: 200_000, ..crowd };
    Ok(Table {
        title: "Users who stay on their side (sr, sp: spread of their request and error rates)",
        number: 2,
        columns: ["E alone", "one set aside"],
        judged: 1,
        rows: vec![
            hour(
                "AA 2,000 users, sr 1 sp 1, 40 rps",
                Crowd { rates: 1.0, errors: 1.0, ..few },
                Must::Rate(0.005),
            )?,
            hour("AA 20,000 users, sr 1.5 sp 1.5, 400 rps", WILD, Must::Rate(0.01))?,
            hour(
                "AA 20,000 users, sr 1 sp .5, a broken client with 5 % of the errors",
                Crowd { broken: &[0.05], ..WITH_CLIENTS },
                Must::Rate(0.005),
            )?,
            hour(
                "the same with 20 %",
                Crowd { broken: &[0.2], ..WITH_CLIENTS },
                Must::Rate(0.005),
            )?,
            long("AA 36 h, 20,000 users, sr 1 sp 1, 400 rps", MIXED, Must::Rate(0.015))?,
            long("AA 36 h, 200,000 users, sr 1.5 sp 1.5, 400 rps", many(WILD), Must::Rate(0.015))?,
            hour(
                "2x, 20,000 users, sr 1 sp 1, 400 rps",
                Crowd { ratio: 2.0, ..MIXED },
                Must::Minutes(17, 24),
            )?,
            hour("5x, the same", Crowd { ratio: 5.0, ..MIXED }, Must::Minutes(5, 8))?,
            hour(
                "20x, 2,000 users, even, 40 rps",
                Crowd { ratio: 20.0, ..few },
                Must::Minutes(6, 13),
            )?,
            hour(
                "20x, 2,000 users, sr 1 sp 1, 40 rps",
                Crowd { rates: 1.0, errors: 1.0, ratio: 20.0, ..few },
                Must::Minutes(6, 13),
            )?,
            long(
                "1.5x, 36 h, 200,000 users, sr 1 sp 1",
                many(Crowd { ratio: 1.5, ..MIXED }),
                Must::Minutes(170, 290),
            )?,
        ],
    })
}

/// What two broken clients need, and what it costs.
pub(crate) fn two_clients() -> Result<Table<3>, OutOfRange> {
    let run = |crowd| run(Schedule::HOUR, crowd, [SetAside::None, SetAside::One, SetAside::Two]);
    let shown =
        |name, figure, crowd| Ok(Row { name, runs: RUNS, figure, must: None, run: run(crowd)? });
    let clients = |broken| Crowd { broken, ..WITH_CLIENTS };
    Ok(Table {
        title: "Two broken clients, 20,000 users, sr 1 sp .5, 400 rps, by cohorts set aside",
        number: 3,
        columns: ["none", "one", "two"],
        judged: 2,
        rows: vec![
            shown("AA 10 % of the errors each", Figure::Rate, clients(&[0.1, 0.1]))?,
            shown("AA 20 % of the errors each", Figure::Rate, clients(&[0.2, 0.2]))?,
            shown("2x, no broken client", Figure::Minutes, Crowd { ratio: 2.0, ..WITH_CLIENTS })?,
        ],
    })
}

fn row<const RULES: usize>(
    name: &'static str,
    runs: u32,
    must: Must,
    run: Run<RULES>,
) -> Row<RULES> {
    Row { name, runs, figure: must.figure(), must: Some(must), run }
}

fn run<const RULES: usize>(
    schedule: Schedule,
    crowd: Crowd,
    set_aside: [SetAside; RULES],
) -> Result<Run<RULES>, OutOfRange> {
    let mut setups = [Setup::new(COHORTS, SetAside::None)?; RULES];
    for (setup, set_aside) in setups.iter_mut().zip(set_aside) {
        *setup = Setup::new(COHORTS, set_aside)?;
    }
    Ok(Box::new(move |dice| {
        let rules = setups.map(|setup| Box::new(Serin::new(setup)) as Box<dyn Rule>);
        minutes(schedule, &mut crowd.draw(schedule, dice), rules, dice)
    }))
}
