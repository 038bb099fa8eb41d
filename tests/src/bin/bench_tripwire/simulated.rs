//! How often a tripwire trips although the versions are the same.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serin_document::Tripwire;
use serin_filter::host::Moment;
use serin_filter::tripwire::watch::{Terms, Watch};

use crate::crowd::Crowd;

/// Ticks a second, and an hour of them.
const TICKS: u32 = 10;
const HOUR: u32 = 3_600 * TICKS;

struct Row {
    name: &'static str,
    hours: u32,
    crowd: Crowd,
    /// The share of hours that may trip; none where it is only shown.
    promised: Option<f64>,
}

const CROWD: Crowd =
    Crowd { users: 20_000, rate: 200.0, spread: [1.0, 0.5], weight: 0.25, broken: 0.2 };

const ROWS: [Row; 4] = [
    Row {
        name: "20,000 users, sr 1 sp .5, one broken client with 20 % of the errors",
        hours: 10_000,
        crowd: CROWD,
        promised: Some(0.001),
    },
    Row {
        name: "20,000 users, sr 1.5 sp 1.5, the same client",
        hours: 2_000,
        crowd: Crowd { spread: [1.5, 1.5], ..CROWD },
        promised: Some(0.001),
    },
    Row {
        name: "2,000 users, sr 1 sp 1, 40 requests/s at 5 %, the same client",
        hours: 2_000,
        crowd: Crowd { users: 2_000, rate: 40.0, spread: [1.0, 1.0], weight: 0.05, ..CROWD },
        promised: Some(0.001),
    },
    Row {
        name: "20,000 users, sr 1 sp .5, a client with 60 % of the errors",
        hours: 2_000,
        crowd: Crowd { broken: 0.6, ..CROWD },
        promised: Some(0.001),
    },
];

pub(crate) fn table() -> Result<Vec<String>> {
    println!(
        "Identical versions that fail 0.5 % of their requests, 200 requests/s, canary at 25 % where \
         nothing else is said; hours that trip\n"
    );
    let width = ROWS.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    println!("{:width$}  {:>6}  {:>7}  {:>8}  verdict", "scenario", "hours", "tripped", "promised");
    let terms = Terms::new(&Tripwire::default()).context("the defaults are out of range")?;
    let mut missed = Vec::new();
    for (number, row) in (0_u64..).zip(&ROWS) {
        let start = Instant::now();
        let tripped =
            count(row.hours, |hour| trips(&row.crowd, &terms, number << 32 | u64::from(hour)));
        let rate = f64::from(tripped) / f64::from(row.hours);
        let reached = row.promised.is_none_or(|promised| rate <= promised);
        let promised =
            row.promised.map(|promised| format!("{} %", promised * 100.0)).unwrap_or_default();
        let verdict = match (reached, row.promised) {
            (_, None) => "shown only",
            (true, _) => "reached",
            (false, _) => "MISSED",
        };
        println!(
            "{:width$}  {:>6}  {tripped:>7}  {promised:>8}  {verdict}, {:.0} s",
            row.name,
            row.hours,
            start.elapsed().as_secs_f64()
        );
        if !reached {
            missed.push(row.name.to_owned());
        }
    }
    println!();
    Ok(missed)
}

/// Whether an hour of these users trips.
fn trips(crowd: &Crowd, terms: &Terms, seed: u64) -> bool {
    let mut population = crowd.draw(seed, f64::from(TICKS));
    let mut watch = Watch::new(terms);
    (1..=HOUR).any(|tick| {
        watch.add(&population.tick());
        watch.look(terms, Moment::from_millis(u64::from(tick) * 1_000 / u64::from(TICKS)));
        watch.is_proof(terms)
    })
}

/// How many of so many hours are, over the processor's cores.
fn count(hours: u32, is: impl Fn(u32) -> bool + Sync) -> u32 {
    let next = AtomicU32::new(0);
    let work = || {
        let mut own = 0;
        loop {
            let hour = next.fetch_add(1, Ordering::Relaxed);
            if hour >= hours {
                return own;
            }
            own += u32::from(is(hour));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let each = workers.into_iter().map(|worker| {
            // What a worker panics with is the bench's own fault: it ends the bench.
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        each.sum()
    })
}
