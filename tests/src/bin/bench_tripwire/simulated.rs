//! How often a tripwire trips although the versions are the same.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serin_tests::chance;
use serin_tests::trips::{ROWS, Row, count};

/// Hours of each crowd where nothing else is asked for.
const HOURS: u32 = 10_000;

pub(crate) fn table(hours: Option<u32>) -> Result<Vec<String>> {
    let hours = hours.unwrap_or(HOURS);
    println!(
        "Identical versions: {hours} hours of each crowd with 20,000 users, 200 requests/s, canary at \
         25 %, 0.5 % errors, where nothing else is said; how many trip\n"
    );
    let width = ROWS.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    println!("{:width$}  tripped  95 % interval       promised  verdict", "crowd");
    let mut missed = Vec::new();
    for (place, row) in (0..).zip(&ROWS) {
        let start = Instant::now();
        let tripped = tripped(row, place, hours)?;
        let (low, high) = chance::interval(tripped, hours);
        let interval = format!("{:.3} % to {:.3} %", low * 100.0, high * 100.0);
        let reached = f64::from(tripped) / f64::from(hours) <= row.promised;
        println!(
            "{:width$}  {tripped:>7}  {interval:18}  {:>7.1} %  {}, {:.0} s",
            row.name,
            row.promised * 100.0,
            if reached { "reached" } else { "MISSED" },
            start.elapsed().as_secs_f64()
        );
        if !reached {
            missed.push(row.name.to_owned());
        }
    }
    println!();
    Ok(missed)
}

/// How many hours trip; how far it is shows on a terminal as it goes, elsewhere by the thousand.
fn tripped(row: &Row, place: u64, hours: u32) -> Result<u32> {
    let terms = row.terms().context("the defaults are out of range")?;
    let terminal = stderr().is_terminal();
    let told = |asked: u32, found: u32| {
        let line = format!("{}: {asked} of {hours} hours, {found} tripped", row.name);
        // A terminal that takes no more is no reason to stop.
        if terminal && asked.is_multiple_of(20) {
            let _ = write!(stderr().lock(), "\r\x1b[K{line}");
        } else if !terminal && asked.is_multiple_of(1_000) {
            let _ = writeln!(stderr().lock(), "{line}");
        }
    };
    let tripped = count(hours, |hour| row.trips(&terms, place, hour), told);
    if terminal {
        let _ = write!(stderr().lock(), "\r\x1b[K");
    }
    Ok(tripped)
}
