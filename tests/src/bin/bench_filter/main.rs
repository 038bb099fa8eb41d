//! `make bench-filter`: what the filter costs Envoy per request, beside no filter, Envoy's own, Lua
//! and other Wasm modules. One Envoy with one worker for each variant, all running; short rounds of
//! each in turn, so that whatever else the machine does falls on all alike, and figures of one round
//! are compared with each other only. All are started anew several times, since where a process
//! happens to lie in memory favours it, or not, by some hundredths for as long as it runs. Prints a
//! table, writes `target/bench/filter.json`, and ends
//! with exit code 1 where a goal is missed.

mod footprint;
mod goals;
mod load;
mod report;
mod rounds;
mod shape;
mod variants;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serin_tests::scratch::Scratch;

use crate::report::Report;
use crate::rounds::{Running, Times};
use crate::shape::Shape;

/// How often all Envoys are started. With the rounds odd, so that a median is a value that was measured.
const STARTS: usize = 9;
/// Rounds after each start.
const ROUNDS: usize = 15;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let rounds = match std::env::args().nth(1) {
        Some(rounds) => {
            rounds.parse().context("the one argument is the rounds after each start")?
        }
        None => ROUNDS,
    };
    let scratch = Scratch::new()?;
    let mut times = Shape::ALL.map(|shape| (shape, Times::new()));
    for start in 1..=STARTS {
        println!("start {start} of {STARTS}: {rounds} rounds of each");
        let mut running = Vec::new();
        for variant in variants::all()? {
            running.push(Running::start(variant, &scratch).await?);
        }
        for (shape, times) in &mut times {
            rounds::measure(&mut running, *shape, rounds, times)?;
        }
    }
    let mut report = Report::new(STARTS, rounds)?;
    for (shape, times) in times {
        report.take(shape, times);
    }
    for workers in [1, 2, 8] {
        report.footprints.push(footprint::measure(workers, &scratch).await?);
    }
    report.print();
    report.write()?;
    let missed = goals::judge(&report);
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
