//! Series that are asked for and cut together, and the intervals of the gates that they feed.

use core::ops::Range;
use core::time::Duration;
use std::collections::BTreeMap;

use serin_assignment::Variant;
use serin_judge::panel::Counted;
use serin_judge::{Counts, Interval};

use super::book::{Book, Cut, Tally};
use super::custom::{Counters, Histogram};
use super::envoy::Envoy;
use super::filter::Filter;
use super::istio::Istio;
use super::linkerd::Linkerd;
use super::meaning::{COHORTS, Meaning, Stream};
use super::traefik::Traefik;
use crate::gates::numbers::{count, whole};
use crate::metrics::{Labels, Sample, Selector, Series};

/// How far before the last cut samples are asked for again, in scrapes: those of targets that came
/// back late lie before it. Labels make up nearly all of an answer, so that these few points cost
/// little.
const LATE_SCRAPES: u64 = 4;

/// How many scrapes one question covers at most, where the controller was away for longer.
const MOST_SCRAPES: u64 = 40;

/// So many events more than requests, and so many for each request, are too many to be some that
/// came before their opportunity was counted.
const MOST_EXCESS: (f64, f64) = (100.0, 0.1);

/// What counts, and how its series are read.
#[derive(Debug)]
pub(super) enum Preset {
    Filter(Filter),
    Envoy(Envoy),
    Istio(Istio),
    Linkerd(Linkerd),
    Traefik(Traefik),
    Counters(Counters),
    Histogram(Histogram),
}

/// A gate and its streams within a group.
#[derive(Clone, Debug)]
pub(super) struct Fed {
    pub(super) gate: String,
    pub(super) streams: Range<usize>,
}

/// A group.
#[derive(Debug)]
pub(super) struct Group {
    gates: Vec<Fed>,
    streams: Vec<Stream>,
    preset: Preset,
    book: Book,
    /// Requests so far, and events beyond them, which later intervals take up.
    excess: Tally,
    state: State,
    /// How many scrapes the next question covers at most.
    longest: u64,
    /// Whether every bound was found among the buckets.
    buckets_found: bool,
    capped: Option<bool>,
    ready: Vec<Counted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The values as of the cut are not known yet.
    New,
    /// All was asked for up to here, in milliseconds since 1970.
    SeenTo(u64),
}

/// What to ask for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The values as of the cut: samples in this range, and the last ones before its end within
    /// this time.
    Baseline { from_ms: u64, cut_ms: u64, look_back: Duration },
    /// Samples in this range.
    Samples { from_ms: u64, to_ms: u64 },
}

impl Preset {
    pub(super) fn selectors(&self) -> Vec<Selector> {
        match self {
            Self::Filter(it) => it.selectors(),
            Self::Envoy(it) => it.selectors(),
            Self::Istio(it) => it.selectors(),
            Self::Linkerd(it) => it.selectors(),
            Self::Traefik(it) => it.selectors(),
            Self::Counters(it) => it.selectors(),
            Self::Histogram(it) => it.selectors(),
        }
    }

    fn read(&self, labels: &Labels) -> Option<Meaning> {
        match self {
            Self::Filter(it) => it.read(labels),
            Self::Envoy(it) => it.read(labels),
            Self::Istio(it) => it.read(labels),
            Self::Linkerd(it) => it.read(labels),
            Self::Traefik(it) => it.read(labels),
            Self::Counters(it) => it.read(labels),
            Self::Histogram(it) => it.read(labels),
        }
    }

    /// Whether its counts may come by cohort.
    const fn has_cohorts(&self) -> bool {
        matches!(self, Self::Filter(_) | Self::Counters(_) | Self::Histogram(_))
    }

    /// Whether slow requests are found by the bounds of buckets.
    const fn has_buckets(&self) -> bool {
        match self {
            Self::Envoy(_)
            | Self::Istio(_)
            | Self::Linkerd(_)
            | Self::Traefik(_)
            | Self::Histogram(_) => true,
            Self::Filter(_) | Self::Counters(_) => false,
        }
    }
}

impl Group {
    pub(super) fn new(gates: Vec<Fed>, streams: Vec<Stream>, preset: Preset, book: Book) -> Self {
        let slow = streams.iter().any(|stream| matches!(stream, Stream::Slow(_)));
        Self {
            gates,
            buckets_found: !(slow && preset.has_buckets()),
            excess: Tally::new(streams.len()),
            streams,
            preset,
            book,
            state: State::New,
            longest: MOST_SCRAPES,
            capped: None,
            ready: Vec::new(),
        }
    }

    pub(super) fn gates(&self) -> impl Iterator<Item = &str> {
        self.gates.iter().map(|fed| fed.gate.as_str())
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        self.preset.selectors()
    }

    /// Whether some count of the filter was not exported; `None` where nobody can tell.
    pub(super) const fn capped(&self) -> Option<bool> {
        self.capped
    }

    /// What was counted since this was last asked.
    pub(super) fn take(&mut self) -> Vec<Counted> {
        core::mem::take(&mut self.ready)
    }

    /// What to ask for; `None` once all up to `now_ms` is known.
    pub(super) fn ask(&self, now_ms: u64) -> Option<Ask> {
        let (times, cut_ms) = (self.book.times(), self.book.cut_ms());
        match self.state {
            State::New if now_ms < cut_ms => None,
            State::New => {
                let from_ms = cut_ms.saturating_sub(times.live);
                Some(Ask::Baseline { from_ms, cut_ms, look_back: self.book.look_back() })
            }
            State::SeenTo(seen_ms) if seen_ms == now_ms || now_ms <= cut_ms => None,
            State::SeenTo(seen_ms) => {
                // What was seen of a time to come is not there: the clock has been set back since.
                let seen_ms = if seen_ms > now_ms { cut_ms } else { seen_ms };
                let longest = times.scrape.saturating_mul(self.longest);
                Some(Ask::Samples {
                    from_ms: cut_ms.saturating_sub(times.scrape * LATE_SCRAPES),
                    to_ms: now_ms.min(seen_ms.saturating_add(longest)),
                })
            }
        }
    }

    /// Asks for half as much at once from here on; `false` where it is no more than a scrape already.
    pub(super) fn ask_less(&mut self) -> bool {
        let less = self.longest > 1;
        self.longest = (self.longest / 2).max(1);
        less
    }

    /// Takes the values as of the cut.
    pub(super) fn baseline(&mut self, recent: &[Series], last: &[Sample]) {
        self.book.baseline(recent, last, &|labels| self.preset.read(labels));
        self.state = State::SeenTo(self.book.cut_ms());
    }

    /// Takes no target that appears from here on for a new one.
    pub(super) fn doubt_new_targets(&mut self) {
        self.book.doubt_new_targets();
    }

    /// Takes the samples up to `to_ms`.
    ///
    /// # Errors
    /// What is wrong with them; nothing is taken then.
    pub(super) fn advance(&mut self, answers: &[Vec<Series>], to_ms: u64) -> Result<(), String> {
        self.find_buckets(answers)?;
        if let Preset::Filter(_) = self.preset {
            self.capped = Filter::capped(answers.iter().flatten());
        }
        let preset = &self.preset;
        let cuts =
            self.book.advance(answers.iter().flatten(), to_ms, &|labels| preset.read(labels));
        self.state = State::SeenTo(to_ms);
        for cut in cuts {
            let counted = self.counted(cut);
            self.ready.push(counted);
        }
        Ok(())
    }

    /// Why what was counted cannot be right, as a whole.
    pub(super) fn implausible(&mut self) -> Option<String> {
        for stream in 0..self.streams.len() {
            for side in [Variant::Canary, Variant::Stable] {
                let places = (0..COHORTS).map(Some).chain([None]);
                let (requests, excess) = places.fold((0.0, 0.0), |(requests, excess), place| {
                    let cell = self.excess.cell(stream, side, place);
                    (requests + cell.requests, excess + cell.events)
                });
                if excess > MOST_EXCESS.0 && excess > requests * MOST_EXCESS.1 {
                    let (events, requests) =
                        (count(whole(requests + excess)), count(whole(requests)));
                    return Some(format!(
                        "{side} has {events} events of {requests} opportunities: are the two \
                         counters swapped, or does one opportunity have several events?"
                    ));
                }
            }
        }
        None
    }

    /// Makes sure that each bound is one of a bucket: else every request would seem slow.
    fn find_buckets(&mut self, answers: &[Vec<Series>]) -> Result<(), String> {
        if self.buckets_found {
            return Ok(());
        }
        let meanings: Vec<Meaning> = answers
            .iter()
            .flatten()
            .filter_map(|series| self.preset.read(&series.labels))
            .collect();
        let parts = || meanings.iter().flat_map(|meaning| &meaning.parts);
        if parts().next().is_none() {
            return Ok(());
        }
        for (index, stream) in self.streams.iter().enumerate() {
            if let Stream::Slow(bound) = stream
                && !parts().any(|part| part.stream == index && part.events < 0.0)
            {
                return Err(format!(
                    "{} is no bound of the histogram's buckets; choose `bounds` among those",
                    serin_document::duration::format(*bound)
                ));
            }
        }
        self.buckets_found = true;
        Ok(())
    }

    fn counted(&mut self, mut cut: Cut) -> Counted {
        let mut gates = BTreeMap::new();
        for fed in &self.gates {
            let intervals = fed.streams.clone().map(|stream| {
                let mut counts = |cohort| settle(&mut cut.tally, &mut self.excess, stream, cohort);
                let cohorts = if self.preset.has_cohorts() { COHORTS } else { 0 };
                Interval {
                    cohorts: (0..cohorts).map(|cohort| counts(Some(cohort))).collect(),
                    rest: counts(None),
                }
            });
            gates.insert(fed.gate.clone(), intervals.collect());
        }
        Counted { from_ms: cut.from_ms, to_ms: cut.to_ms, gates }
    }
}

/// The counts of a place. Events that come before their opportunity is counted wait for it.
fn settle(tally: &mut Tally, excess: &mut Tally, stream: usize, cohort: Option<usize>) -> Counts {
    let mut side = |side| {
        let counted = *tally.cell(stream, side, cohort);
        let kept = excess.cell(stream, side, cohort);
        let requests = counted.requests.max(0.0);
        kept.requests += requests;
        let all = counted.events + kept.events;
        let events = all.clamp(0.0, requests);
        kept.events = all - events;
        (requests, events)
    };
    let (nc, xc) = side(Variant::Canary);
    let (ns, xs) = side(Variant::Stable);
    // Sums of finite counts, and events within the requests: they are always counts.
    Counts::try_new(nc, xc, ns, xs).unwrap_or(Counts::ZERO)
}
