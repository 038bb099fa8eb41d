//! What a series' growth counts as.

use serin_assignment::Variant;

/// How many cohorts there are: the hash's last four bits (`serin_assignment`).
pub(super) const COHORTS: usize = 16;

/// What a series' growth counts as. A series without a meaning is a witness: it shows that its
/// target was scraped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meaning {
    /// Whose requests.
    pub(super) side: Variant,
    /// Which cohort's; `None` without identity, and where there are no cohorts.
    pub(super) cohort: Option<usize>,
    /// What it adds to which streams.
    pub(super) parts: Vec<Part>,
    /// Which series start anew together with it.
    pub(super) unit: Unit,
}

/// What one step of a series adds to a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    /// Which stream of its group.
    pub(super) stream: usize,
    /// How many requests.
    pub(super) requests: f64,
    /// How many events; negative for what is to be taken off, as a bucket's count is.
    pub(super) events: f64,
}

/// Which series can only start anew together. One whose counter has passed its old value again by
/// the next scrape is then not mistaken for one that went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// All of a target.
    Target,
    /// Those of a target with the same value of this label.
    Label(&'static str),
    /// Those that differ in this label only: the buckets of a histogram.
    AllBut(&'static str),
    /// This one.
    Series,
}

impl Part {
    pub(super) const fn request(stream: usize) -> Self {
        Self { stream, requests: 1.0, events: 0.0 }
    }

    pub(super) const fn event(stream: usize) -> Self {
        Self { stream, requests: 0.0, events: 1.0 }
    }

    /// A request that is an event.
    pub(super) const fn both(stream: usize) -> Self {
        Self { stream, requests: 1.0, events: 1.0 }
    }

    /// Requests that are no events after all.
    pub(super) const fn no_event(stream: usize) -> Self {
        Self { stream, requests: 0.0, events: -1.0 }
    }
}

/// The cohort that a label names.
pub(super) fn cohort(label: Option<&str>) -> Option<usize> {
    label?.parse().ok().filter(|cohort| *cohort < COHORTS)
}

/// What a stream of intervals counts as events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Failed requests.
    Errors,
    /// Requests slower than this.
    Slow(core::time::Duration),
    /// Taken opportunities.
    Conversions,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Answered, in a time that is not told apart further.
    Answered,
    /// Answered more slowly than this.
    SlowerThan(core::time::Duration),
    /// Failed; how fast says nothing.
    Failed,
}

/// What requests of a class add to the streams: errors are not slow, however long they took.
pub(super) fn requests(class: Class, streams: &[Stream]) -> Vec<Part> {
    let part = |(index, stream): (usize, &Stream)| {
        let event = match (stream, class) {
            (Stream::Errors, class) => class == Class::Failed,
            (Stream::Slow(_), Class::Answered) => false,
            (Stream::Slow(bound), Class::SlowerThan(time)) => time >= *bound,
            (Stream::Slow(_), Class::Failed) | (Stream::Conversions, _) => return None,
        };
        Some(if event { Part::both(index) } else { Part::request(index) })
    };
    streams.iter().enumerate().filter_map(part).collect()
}
