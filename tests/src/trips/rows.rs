//! The crowds whose hours are counted.

use core::time::Duration;

use serin_document::Tripwire;
use serin_filter::tripwire::watch::Terms;

use super::{Crowd, HOUR, trips};

/// A crowd, and the share of its hours that may trip.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What is special about it.
    pub name: &'static str,
    /// Who they are.
    pub crowd: Crowd,
    /// The share of hours that may trip.
    pub promised: f64,
}

/// Users who are alike, of two identical versions that fail one request in 200.
const ALIKE: Crowd = Crowd {
    users: 20_000,
    rate: 200.0,
    failing: 0.005,
    slow: 0.0,
    spread: [0.0, 0.0],
    weight: 0.25,
    broken: 0.0,
    harm: 0.0,
};
const DIFFER: Crowd = Crowd { spread: [1.0, 0.5], ..ALIKE };
const DIFFER_MUCH: Crowd = Crowd { spread: [1.5, 1.5], ..ALIKE };
/// One client has a fifth of all errors, and another one of all slow answers.
const BROKEN: Crowd = Crowd { broken: 0.2, ..DIFFER };
const FEW: Crowd = Crowd { users: 2_000, rate: 40.0, spread: [1.0, 1.0], weight: 0.05, ..BROKEN };

/// All of them: 20,000 users, 200 requests a second, canary at 25 %, 0.5 % of the requests fail, errors
/// alone trip, but for what a name says.
pub const ROWS: [Row; 10] = [
    row("identical versions, users alike", ALIKE),
    row("users differ, sr 1 sp .5", DIFFER),
    row("sr 1 sp .5, one broken client with 20 % of the errors", BROKEN),
    row("slow too: 3 % slow, sr 1 sp .5, clients with 20 % each", Crowd { slow: 0.03, ..BROKEN }),
    row("users differ more, sr 1.5 sp 1.5", DIFFER_MUCH),
    row("sr 1.5 sp 1.5, the same broken client", Crowd { broken: 0.2, ..DIFFER_MUCH }),
    row("2,000 users, sr 1 sp 1, 40 requests/s at 5 %, the same client", FEW),
    row("sr 1 sp .5, a client with 60 % of the errors", Crowd { broken: 0.6, ..DIFFER }),
    row("users alike, 5 % of all requests fail", Crowd { failing: 0.05, ..ALIKE }),
    row("slow too: 3 % slow, users alike", Crowd { slow: 0.03, ..ALIKE }),
];

const fn row(name: &'static str, crowd: Crowd) -> Row {
    Row { name, crowd, promised: 0.001 }
}

impl Row {
    /// The terms of a tripwire with every field's default; slow answers trip it too where the crowd has
    /// any. None where the defaults are out of range.
    #[must_use]
    pub fn terms(&self) -> Option<Terms> {
        let slow = (self.crowd.slow > 0.0).then_some(Duration::from_secs(1));
        Terms::new(&Tripwire { slow, ..Tripwire::default() })
    }

    /// Whether this hour trips; `place` is the row's among all.
    #[must_use]
    pub fn trips(&self, terms: &Terms, place: u64, hour: u32) -> bool {
        trips(&self.crowd, terms, place << 32 | u64::from(hour), HOUR)
    }
}
