//! A ratio test as it is stored, and the check of what comes back.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{RatioTest, left_out};
use crate::alternatives::ALTERNATIVES;
use crate::bits::Bits;
use crate::restarts::Stakes;
use crate::{OneSample, SetAside};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stored {
    intervals: u64,
    plain: [Bits; ALTERNATIVES],
    all: Stakes,
    cohorts: usize,
    set_aside: SetAside,
    without: Vec<Stakes>,
    floor: Option<OneSample>,
}

/// A stored test whose parts don't belong together.
#[derive(Debug, Error)]
pub(super) enum Mismatch {
    #[error("without has {got} entries: expected {expected}, one for each set of cohorts left out")]
    LeftOut { got: usize, expected: usize },
    #[error(
        "a list of stakes has {got} entries: expected {ALTERNATIVES}, one for each alternative"
    )]
    Alternatives { got: usize },
    #[error("the floor has seen {floor} intervals and the test {test}: expected the same number")]
    Floor { floor: u64, test: u64 },
}

impl TryFrom<Stored> for RatioTest {
    type Error = Mismatch;

    fn try_from(stored: Stored) -> Result<Self, Mismatch> {
        // Counted as far as the list goes: a huge number of cohorts costs nothing.
        let got = stored.without.len();
        let expected = left_out::sets(stored.set_aside, stored.cohorts).take(got + 1).count();
        if got != expected {
            return Err(Mismatch::LeftOut { got, expected });
        }
        for stakes in stored.without.iter().chain([&stored.all]) {
            if stakes.alternatives() != ALTERNATIVES {
                return Err(Mismatch::Alternatives { got: stakes.alternatives() });
            }
        }
        if let Some(floor) = &stored.floor
            && floor.intervals() != stored.intervals
        {
            return Err(Mismatch::Floor { floor: floor.intervals(), test: stored.intervals });
        }
        Ok(Self {
            intervals: stored.intervals,
            plain: stored.plain,
            all: stored.all,
            cohorts: stored.cohorts,
            set_aside: stored.set_aside,
            without: stored.without,
            floor: stored.floor,
        })
    }
}

impl From<RatioTest> for Stored {
    fn from(test: RatioTest) -> Self {
        Self {
            intervals: test.intervals,
            plain: test.plain,
            all: test.all,
            cohorts: test.cohorts,
            set_aside: test.set_aside,
            without: test.without,
            floor: test.floor,
        }
    }
}
