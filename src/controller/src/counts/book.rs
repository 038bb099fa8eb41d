//! The bookkeeping of one group of series that are cut together.

use core::time::Duration;

use serin_assignment::Variant;

use super::cuts::{Scrape, Times, cuts};
use super::key::Keyed;
use super::line::{Line, Restart, Together, usable};
use super::meaning::{COHORTS, Meaning, Unit};
use super::renamed::renamed;
use super::target::{Target, names_target};
use crate::metrics::{Labels, Point, Sample, Series};

/// How far before the rollout's start values are looked for.
const LOOK_BACK: Duration = Duration::from_hours(1);

/// From how many scrapes after the start on a target that appears is a new one: before that it may
/// be one whose scrapes failed.
const GRACE_SCRAPES: u64 = 3;

/// What a series counts as.
pub(super) type Reader<'a> = &'a dyn Fn(&Labels) -> Option<Meaning>;

/// The series of a group, with their cursors.
#[derive(Debug)]
pub(super) struct Book {
    times: Times,
    streams: usize,
    started_ms: u64,
    /// Where it goes on: what lies before counts for an earlier ledger, or for none.
    base_ms: u64,
    cut_ms: u64,
    births: Births,
    targets: Keyed<Target>,
    units: Keyed<Together>,
    lines: Keyed<Line>,
    pass: u64,
}

/// From when on a target that appears is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Births {
    /// From here on.
    After(u64),
    /// From some scrapes after the first thing that is seen on: nothing was yet.
    Unseen,
    /// Nobody can tell a new one from one that was out of sight.
    Unknown,
}

/// What was counted from one cut to the next.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) tally: Tally,
}

/// Requests and events by stream, side and cohort.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    cells: Vec<Cell>,
}

/// Requests and events.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) requests: f64,
    pub(super) events: f64,
}

impl Tally {
    /// One place a cohort, and one for what is in none.
    const PLACES: usize = COHORTS + 1;

    pub(super) fn new(streams: usize) -> Self {
        Self { cells: vec![Cell::default(); streams * 2 * Self::PLACES] }
    }

    pub(super) fn cell(
        &mut self,
        stream: usize,
        side: Variant,
        cohort: Option<usize>,
    ) -> &mut Cell {
        let side = usize::from(side == Variant::Stable);
        let place = (stream * 2 + side) * Self::PLACES + cohort.unwrap_or(COHORTS);
        if place >= self.cells.len() {
            self.cells.resize(place + 1, Cell::default());
        }
        #[expect(clippy::indexing_slicing, reason = "made long enough the line before")]
        &mut self.cells[place]
    }
}

impl Book {
    /// An empty book that goes on at `cut_ms`.
    pub(super) fn new(times: Times, streams: usize, started_ms: u64, cut_ms: u64) -> Self {
        Self {
            times,
            streams,
            started_ms,
            base_ms: cut_ms,
            cut_ms,
            births: Births::Unknown,
            targets: Keyed::new(),
            units: Keyed::new(),
            lines: Keyed::new(),
            pass: 0,
        }
    }

    pub(super) fn times(&self) -> Times {
        self.times
    }

    pub(super) fn cut_ms(&self) -> u64 {
        self.cut_ms
    }

    /// How far before the cut values are looked for. As far as the rollout's start was looked back
    /// from, while that is not too much to ask; a target that was out of sight for longer then
    /// cannot be told from a new one.
    pub(super) fn look_back(&self) -> Duration {
        let since = Duration::from_millis(self.cut_ms.saturating_sub(self.started_ms));
        LOOK_BACK + since.min(LOOK_BACK)
    }

    /// Takes the values as of the cut: `recent` are the samples within the time for which a target
    /// is live, `last` the last ones within [`Book::look_back`].
    pub(super) fn baseline(&mut self, recent: &[Series], last: &[Sample], read: Reader<'_>) {
        let cut_ms = self.cut_ms;
        for series in recent {
            let place = self.line(&series.labels, read);
            let end = series.points.partition_point(|point| point.at_ms <= cut_ms);
            let points = series.points.get(..end).unwrap_or_default();
            let known = points.iter().rfind(|point| usable(point));
            // A start anew just before the cut tells how to read what comes after it.
            self.find_restarts(&[(place, points)]);
            if let (Some(point), Some(line)) = (known, self.lines.get_mut(place)) {
                line.cursor = Some(*point);
                if let Some(target) = self.targets.get_mut(line.target) {
                    target.in_sight(point.at_ms, cut_ms);
                }
            }
        }
        for sample in last {
            let place = self.line(&sample.labels, read);
            let Some(line) = self.lines.get_mut(place) else { continue };
            let Some(target) = self.targets.get_mut(line.target) else { continue };
            if target.last_ms.is_none() {
                // What it counted before the start cannot be told from what it counted since.
                target.dormant = true;
            } else if line.cursor.is_none() && usable(&sample.point) {
                let at_ms = cut_ms.saturating_sub(self.times.live);
                line.cursor = Some(Point { at_ms, value: sample.point.value });
            }
        }
        let since = Duration::from_millis(cut_ms.saturating_sub(self.started_ms));
        let nothing = recent.is_empty() && last.is_empty();
        self.births = if nothing && since.is_zero() {
            Births::Unseen
        } else if !nothing && since <= LOOK_BACK {
            Births::After(self.started_ms.saturating_add(self.grace_ms()))
        } else {
            Births::Unknown
        };
    }

    /// Takes no target that appears from here on for a new one.
    pub(super) fn doubt_new_targets(&mut self) {
        self.births = Births::Unknown;
    }

    /// Takes samples and gives what was counted by every cut that they make up to `until_ms`. The
    /// samples of a series are in order; what was counted before may be among them.
    pub(super) fn advance<'a>(
        &mut self,
        answers: impl Iterator<Item = &'a Series>,
        until_ms: u64,
        read: Reader<'_>,
    ) -> Vec<Cut> {
        self.pass += 1;
        let mut fresh: Vec<(usize, &[Point])> = Vec::new();
        for series in answers {
            let place = self.line(&series.labels, read);
            let pass = self.pass;
            let Some(line) = self.lines.get_mut(place) else { continue };
            let points = line.fresh(&series.points, until_ms);
            if core::mem::replace(&mut line.pass, pass) != pass && !points.is_empty() {
                fresh.push((place, points));
            }
        }
        let scrapes = self.scrapes(&fresh);
        self.appear(&scrapes);
        let renamed = renamed(&self.lines, &fresh, self.times.live);
        let lasts = self.targets.values().iter().map(|target| target.last_ms);
        let cuts = cuts(self.times, self.cut_ms, lasts, &scrapes, until_ms);
        for scrape in &scrapes {
            if let Some(target) = self.targets.get_mut(scrape.target) {
                target.seen(scrape.at_ms);
            }
        }
        self.find_restarts(&fresh);
        let mut from_ms = self.cut_ms;
        self.cut_ms = cuts.last().copied().unwrap_or(self.cut_ms);
        let mut made: Vec<Cut> = cuts
            .into_iter()
            .map(|to_ms| {
                let from_ms = core::mem::replace(&mut from_ms, to_ms);
                Cut { from_ms, to_ms, tally: Tally::new(self.streams) }
            })
            .collect();
        for (place, points) in fresh {
            self.count(place, points, &mut made, renamed.contains(&place));
        }
        made
    }

    fn grace_ms(&self) -> u64 {
        self.times.scrape * GRACE_SCRAPES
    }

    /// The place of the series with these labels.
    fn line(&mut self, labels: &Labels, read: Reader<'_>) -> usize {
        let key = self.lines.key(labels, |_| true);
        if let Some(place) = self.lines.find(key) {
            return place;
        }
        let target_key = self.targets.key(labels, names_target);
        let target = self.targets.place(target_key, Target::default);
        let meaning = read(labels);
        let unit = meaning.as_ref().map(|meaning| {
            let key = match meaning.unit {
                Unit::Target => self.units.key(labels, names_target),
                Unit::Label(own) => {
                    self.units.key(labels, |name| names_target(name) || name == own)
                }
                Unit::AllBut(own) => self.units.key(labels, |name| name != own),
                Unit::Series => self.units.key(labels, |_| true),
            };
            self.units.place(key, Together::default)
        });
        self.lines.place(key, || Line::new(target, unit, meaning))
    }

    /// When which target was scraped, by time.
    fn scrapes(&self, fresh: &[(usize, &[Point])]) -> Vec<Scrape> {
        // Nearly all series of a target have the same times.
        let mut times: Vec<Vec<u64>> = vec![Vec::new(); self.targets.values().len()];
        for (place, points) in fresh {
            let target = self.lines.get(*place).and_then(|line| times.get_mut(line.target));
            let Some(target) = target else { continue };
            for point in *points {
                if let Err(place) = target.binary_search(&point.at_ms) {
                    target.insert(place, point.at_ms);
                }
            }
        }
        let mut scrapes: Vec<Scrape> = times
            .iter()
            .enumerate()
            .flat_map(|(target, times)| {
                times.iter().map(move |at_ms| Scrape { at_ms: *at_ms, target })
            })
            .collect();
        scrapes.sort_unstable();
        scrapes
    }

    /// Notes which targets are in sight for the first time.
    fn appear(&mut self, scrapes: &[Scrape]) {
        if let (Births::Unseen, Some(first)) = (self.births, scrapes.first()) {
            self.births = Births::After(first.at_ms.saturating_add(self.grace_ms()));
        }
        let new_after_ms = match self.births {
            Births::After(at_ms) => Some(at_ms),
            Births::Unseen | Births::Unknown => None,
        };
        for scrape in scrapes {
            if let Some(target) = self.targets.get_mut(scrape.target) {
                target.first_scraped(scrape.at_ms, new_after_ms);
            }
        }
    }

    fn find_restarts(&mut self, fresh: &[(usize, &[Point])]) {
        for (place, points) in fresh {
            let Some(line) = self.lines.get(*place) else { continue };
            let Some(unit) = line.unit.and_then(|unit| self.units.get_mut(unit)) else { continue };
            let mut before = line.cursor;
            for point in points.iter().filter(|point| usable(point)) {
                if let Some(before) = before.filter(|before| point.value < before.value) {
                    unit.restarted(Restart { after_ms: before.at_ms, by_ms: point.at_ms });
                }
                before = Some(*point);
            }
        }
    }

    /// Adds a series' growth to the cuts that it falls into, and moves its cursor.
    fn count(&mut self, place: usize, points: &[Point], made: &mut [Cut], renamed: bool) {
        let Some(line) = self.lines.get_mut(place) else { return };
        let target = self.targets.get(line.target);
        let unit = line.unit.and_then(|unit| self.units.get(unit));
        let mut cuts = made.iter_mut().peekable();
        for point in points.iter().filter(|point| usable(point)) {
            while cuts.next_if(|cut| cut.to_ms < point.at_ms).is_some() {}
            let Some(cut) = cuts.peek_mut() else { return };
            let growth = match (line.cursor, unit) {
                _ if point.at_ms <= self.base_ms => 0.0,
                (Some(before), Some(unit)) => unit.growth(before, *point),
                (None, Some(_))
                    if !renamed && target.is_some_and(|it| it.counts_in_full(point.at_ms)) =>
                {
                    point.value
                }
                (_, _) => 0.0,
            };
            line.cursor = Some(*point);
            for part in &line.parts {
                let cell = cut.tally.cell(part.stream, line.side, line.cohort);
                cell.requests += part.requests * growth;
                cell.events += part.events * growth;
            }
        }
    }
}
