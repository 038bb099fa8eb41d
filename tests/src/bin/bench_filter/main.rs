//! `make bench-filter`: what the filter costs Envoy per request, beside no filter, Envoy's own, Lua
//! and other Wasm modules. One Envoy with one worker for each variant, all running; short rounds of
//! each in turn, so that whatever else the machine does falls on all alike, and figures of one round
//! are compared with each other only. Prints a table, writes `target/bench/filter.json`, and ends
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
use crate::rounds::Running;
use crate::shape::Shape;

/// Odd, so that a median is a value that was measured.
const ROUNDS: usize = 61;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let rounds = match std::env::args().nth(1) {
        Some(rounds) => rounds.parse().context("the one argument is the number of rounds")?,
        None => ROUNDS,
    };
    let scratch = Scratch::new()?;
    let mut running = Vec::new();
    for variant in variants::all()? {
        running.push(Running::start(variant, &scratch).await?);
    }
    let mut report = Report::new(rounds)?;
    for shape in Shape::ALL {
        report.take(shape, &rounds::measure(&mut running, shape, rounds)?);
    }
    drop(running);
    for workers in [1, 2, 8] {
        report.footprints.push(footprint::measure(workers, &scratch).await?);
    }
    report.print();
    report.write()?;
    let missed = goals::judge(&report);
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
