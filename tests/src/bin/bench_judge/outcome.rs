//! What runs came to, and whether that reaches what a row must.

use std::fmt;

use serin_tests::chance;

/// When each run was rolled back, in minutes; `None` where it never was.
#[derive(Clone, Debug)]
pub(crate) struct Outcomes(Vec<Option<u32>>);

/// What a row must reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Must {
    /// At most this share of the runs is rolled back.
    Rate(f64),
    /// Half of the runs, and nine in ten, are rolled back within so many minutes.
    Minutes(u32, u32),
}

impl Must {
    pub(crate) const fn figure(self) -> Figure {
        match self {
            Self::Rate(_) => Figure::Rate,
            Self::Minutes(..) => Figure::Minutes,
        }
    }
}

impl fmt::Display for Must {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(share) => write!(f, "<= {}", percent(*share)),
            Self::Minutes(half, ninety) => write!(f, "<= {half}/{ninety}"),
        }
    }
}

/// What a column shows of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// The share rolled back.
    Rate,
    /// Median and 90 % minutes to rollback.
    Minutes,
}

impl Outcomes {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, minute: Option<u32>) {
        self.0.push(minute);
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn show(&self, figure: Figure) -> String {
        match figure {
            Figure::Rate => percent(self.share()),
            Figure::Minutes => {
                let [half, ninety] = [self.minutes(0.5), self.minutes(0.9)]
                    .map(|minute| minute.map_or_else(|| "-".to_owned(), |it| it.to_string()));
                format!("{half}/{ninety}")
            }
        }
    }

    pub(crate) fn reaches(&self, must: Must) -> bool {
        match must {
            Must::Rate(bound) => self.interval().0 <= bound,
            Must::Minutes(half, ninety) => {
                self.minutes(0.5).is_some_and(|minute| minute <= half)
                    && self.minutes(0.9).is_some_and(|minute| minute <= ninety)
            }
        }
    }

    /// The 95 % interval of the share.
    pub(crate) fn interval(&self) -> (f64, f64) {
        let number = |all: usize| u32::try_from(all).unwrap_or(u32::MAX);
        chance::interval(number(self.0.iter().flatten().count()), number(self.0.len()))
    }

    fn share(&self) -> f64 {
        count(self.0.iter().flatten().count()) / count(self.0.len())
    }

    /// The minute by which this share of the runs is rolled back.
    fn minutes(&self, share: f64) -> Option<u32> {
        let mut minutes: Vec<u32> = self.0.iter().flatten().copied().collect();
        minutes.sort_unstable();
        // The first whose place, counted from 1, is at least the share of all.
        let all = count(self.0.len());
        let place = (0..minutes.len()).find(|place| count(place + 1) >= share * all)?;
        minutes.get(place).copied()
    }
}

/// Rows have some thousand runs, far fewer than a float counts exactly.
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// In percent, with two decimals where a share is small.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value == 0.0 || value >= 9.95 {
        format!("{value:.0} %")
    } else if value >= 0.995 {
        format!("{value:.1} %")
    } else {
        format!("{value:.2} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(rolled_back: u32, runs: u32) -> Outcomes {
        Outcomes((0..runs).map(|run| (run < rolled_back).then_some(run + 1)).collect())
    }

    #[test]
    fn a_rate_reaches_when_its_interval_begins_within_the_bound() {
        // The lower ends for 60 and 80 of 10,000 are .47 and .64 %.
        assert!(outcomes(50, 10_000).reaches(Must::Rate(0.005)));
        assert!(outcomes(60, 10_000).reaches(Must::Rate(0.005)));
        assert!(!outcomes(80, 10_000).reaches(Must::Rate(0.005)));
        let (low, high) = outcomes(50, 10_000).interval();
        assert!((low - 0.003_795).abs() < 2e-6 && (high - 0.006_585).abs() < 2e-6, "{low} {high}");
        assert!(outcomes(0, 100).interval().0 < 1e-9);
    }

    #[test]
    fn minutes_count_those_that_never_were_rolled_back() {
        let all = outcomes(10, 10);
        assert_eq!((all.minutes(0.5), all.minutes(0.9)), (Some(5), Some(9)));
        assert_eq!(outcomes(6, 10).show(Figure::Minutes), "5/-");
        assert!(all.reaches(Must::Minutes(5, 9)));
        assert!(!all.reaches(Must::Minutes(4, 9)));
        assert!(!outcomes(6, 10).reaches(Must::Minutes(5, 9)));
    }

    #[test]
    fn small_shares_keep_their_decimals() {
        let shown = [0.0, 0.0002, 0.005, 0.012, 0.603, 1.0].map(percent);
        assert_eq!(shown, ["0 %", "0.02 %", "0.50 %", "1.2 %", "60 %", "100 %"]);
    }
}
