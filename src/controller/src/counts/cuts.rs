//! Where intervals end.

use std::collections::BTreeSet;

/// The times that cuts go by, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// The scrape interval.
    pub(super) scrape: u64,
    /// The shortest interval: a scrape may come a little early.
    pub(super) shortest: u64,
    /// For how long a target is live after its last sample: three scrapes may fail.
    pub(super) live: u64,
}

impl Times {
    pub(super) fn of(scrape_interval: core::time::Duration) -> Self {
        let scrape = u64::try_from(scrape_interval.as_millis()).unwrap_or(u64::MAX / 8);
        let scrape = scrape.clamp(1, u64::MAX / 8);
        // 0.9 scrapes, and 3.5.
        Self { scrape, shortest: scrape - scrape / 10, live: scrape * 3 + scrape / 2 }
    }
}

/// A sample of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scrape {
    pub(super) at_ms: u64,
    pub(super) target: usize,
}

/// The cuts after `cut_ms` that whoever had looked at every moment up to `until_ms` would have
/// made. `last` are the targets' last samples before, `scrapes` those that came, by time.
pub(super) fn cuts(
    times: Times,
    cut_ms: u64,
    last: impl Iterator<Item = Option<u64>>,
    scrapes: &[Scrape],
    until_ms: u64,
) -> Vec<u64> {
    let mut lasts: Vec<Option<u64>> = last.collect();
    let mut live: BTreeSet<(u64, usize)> =
        lasts.iter().enumerate().filter_map(|(target, last)| Some(((*last)?, target))).collect();
    let mut made = Made { times, cut_ms, cuts: Vec::new() };
    // All that was scraped at one moment is seen at once.
    for moment in scrapes.chunk_by(|a, b| a.at_ms == b.at_ms) {
        for Scrape { at_ms, target } in moment.iter().copied() {
            made.expire(&mut live, at_ms);
            let Some(last) = lasts.get_mut(target) else { continue };
            if last.is_none_or(|last| last < at_ms) {
                if let Some(last) = last {
                    live.remove(&(*last, target));
                }
                live.insert((at_ms, target));
                *last = Some(at_ms);
            }
        }
        made.consider(&live);
    }
    made.expire(&mut live, until_ms);
    made.cuts
}

struct Made {
    times: Times,
    cut_ms: u64,
    cuts: Vec<u64>,
}

impl Made {
    /// Cuts at the smallest last sample, where that is far enough.
    fn consider(&mut self, live: &BTreeSet<(u64, usize)>) {
        if let Some((oldest, _)) = live.first()
            && *oldest >= self.cut_ms.saturating_add(self.times.shortest)
        {
            self.cut(*oldest);
        }
    }

    /// Takes out what is dead by now, in the order in which it died.
    fn expire(&mut self, live: &mut BTreeSet<(u64, usize)>, now_ms: u64) {
        while let Some((last, target)) = live.first().copied()
            && last.saturating_add(self.times.live) <= now_ms
        {
            live.remove(&(last, target));
            if !live.is_empty() {
                self.consider(live);
            } else if last > self.cut_ms {
                // Nothing is left that could fill this interval to its length.
                self.cut(last);
            }
        }
    }

    fn cut(&mut self, at_ms: u64) {
        self.cut_ms = at_ms;
        self.cuts.push(at_ms);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// Scrapes every 10 ms, of targets 0, 1, …
    fn made(
        cut_ms: u64,
        last: &[Option<u64>],
        scrapes: &[(u64, usize)],
        until_ms: u64,
    ) -> Vec<u64> {
        let times = Times::of(Duration::from_millis(10));
        let mut scrapes: Vec<Scrape> = scrapes
            .iter()
            .map(|(at_ms, target)| Scrape { at_ms: *at_ms, target: *target })
            .collect();
        scrapes.sort_unstable();
        cuts(times, cut_ms, last.iter().copied(), &scrapes, until_ms)
    }

    #[test]
    fn the_smallest_last_sample_is_the_cut() {
        let scrapes = [(10, 0), (13, 1), (20, 0), (23, 1), (30, 0)];
        assert_eq!(made(0, &[None, None], &scrapes, 31), [10, 20]);
    }

    #[test]
    fn a_cut_lies_nine_tenths_of_a_scrape_past_the_last() {
        assert_eq!(made(0, &[None], &[(8, 0), (9, 0), (17, 0), (18, 0)], 18), [9, 18]);
    }

    #[test]
    fn a_target_holds_the_cut_while_it_is_live() {
        let others = [(20, 1), (30, 1), (40, 1), (44, 1)];
        assert_eq!(made(10, &[Some(10), Some(10)], &others, 44), [0; 0]);
        // It dies at 45, in sight of the other's scrape at 44.
        assert_eq!(made(10, &[Some(10), Some(10)], &others, 45), [44]);
        let later = [(20, 1), (30, 1), (40, 1), (50, 1), (60, 1)];
        assert_eq!(made(10, &[Some(10), Some(10)], &later, 60), [40, 50, 60]);
    }

    #[test]
    fn the_last_target_to_die_leaves_a_short_interval() {
        assert_eq!(made(10, &[Some(10), Some(13)], &[], 47), [0; 0]);
        assert_eq!(made(10, &[Some(10), Some(13)], &[], 48), [13]);
        assert_eq!(made(13, &[Some(10), Some(13)], &[], 48), [0; 0]);
    }

    #[test]
    fn who_looks_rarely_gets_the_same_cuts() {
        let scrapes: Vec<(u64, usize)> = (1..20)
            .flat_map(|turn| [(turn * 10, 0), (turn * 10 + 4, 1)])
            .filter(|(at, target)| !(*target == 1 && (60..130).contains(at)))
            .collect();
        let whole = made(0, &[None, None], &scrapes, 250);
        let (mut cut, mut last, mut often) = (0, [None, None], Vec::new());
        for until in 1..=250 {
            let seen: Vec<(u64, usize)> =
                scrapes.iter().copied().filter(|(at, _)| (cut + 1..=until).contains(at)).collect();
            let new = made(cut, &last, &seen, until);
            for (at, target) in &seen {
                last[*target] = last[*target].max(Some(*at));
            }
            cut = new.last().copied().unwrap_or(cut);
            often.extend(new);
        }
        assert_eq!(whole, often);
        assert!(whole.len() > 12, "{whole:?}");
    }
}
