//! How rarely a tripwire trips although the versions are the same, simulated from fixed seeds.
//!
//! An hour of a crowd is 36,000 ticks, and the watch takes some 10 µs for each in which anything
//! happens. A proof needs more than one thing at the same tick: the floor, and the ratio without each
//! single cohort. So an hour is gone through by a [`Screen`] first, which looks at the floor and at the
//! ratio without one of the cohorts only; where those two never come together there is no proof in
//! that hour, and no other hour is gone through by the watch itself. Both see the same requests, so
//! that the outcome is the watch's own.

mod crowd;
mod hours;
mod rows;
mod screen;

pub use crowd::{Crowd, Population, Tick};
pub use hours::{HOUR, SECOND, count, does_trip, may_trip, trips};
pub use rows::{ROWS, Row};
pub use screen::Screen;

#[cfg(test)]
mod tests;
