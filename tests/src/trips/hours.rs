//! Hours of a crowd, each by its seed, over the processor's cores.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serin_filter::host::Moment;
use serin_filter::tripwire::watch::{Terms, Watch};

use super::{Crowd, Screen};

/// Ticks in a second.
pub const SECOND: u32 = 10;
/// Ticks in an hour.
pub const HOUR: u32 = 3_600 * SECOND;

/// Whether so many ticks of these users trip.
#[must_use]
pub fn trips(crowd: &Crowd, terms: &Terms, seed: u64, ticks: u32) -> bool {
    may_trip(crowd, terms, seed, ticks) && does_trip(crowd, terms, seed, ticks)
}

/// Whether they may, by what every proof needs.
#[must_use]
pub fn may_trip(crowd: &Crowd, terms: &Terms, seed: u64, ticks: u32) -> bool {
    let mut population = crowd.draw(seed, f64::from(SECOND));
    let mut screen = Screen::new(terms);
    (0..ticks).any(|_| screen.may_be_proof(&population.tick()))
}

/// Whether they do, by the watch itself.
#[must_use]
pub fn does_trip(crowd: &Crowd, terms: &Terms, seed: u64, ticks: u32) -> bool {
    let mut population = crowd.draw(seed, f64::from(SECOND));
    let mut watch = Watch::new(terms);
    (1..=ticks).any(|tick| {
        watch.add(&population.tick().sums());
        watch.look(terms, Moment::from_millis(u64::from(tick) * 1_000 / u64::from(SECOND)));
        watch.is_proof(terms)
    })
}

/// How many of the numbers below `all` are so; `told` hears how many were asked and how many of them
/// are, after each.
pub fn count(all: u32, is: impl Fn(u32) -> bool + Sync, told: impl Fn(u32, u32) + Sync) -> u32 {
    let (next, asked, found) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= all {
                return;
            }
            let own = u32::from(is(number));
            let found = found.fetch_add(own, Ordering::Relaxed) + own;
            told(asked.fetch_add(1, Ordering::Relaxed) + 1, found);
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    found.into_inner()
}
