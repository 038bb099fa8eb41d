//! Counters and classic histograms of the application, or of anything else.

use super::buckets::{self, TimeUnit};
use super::istio::{either, side};
use super::meaning::{Meaning, Part, Stream, Unit, cohort};
use crate::gates::{Selected, Sides};
use crate::metrics::{Labels, Matcher, Selector};

/// Whose series, and by which labels.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) sides: Sides,
    /// The label that carries the cohort.
    pub(super) cohort: String,
}

/// Events over requests or opportunities, from two counters.
#[derive(Debug)]
pub(super) struct Counters {
    who: Who,
    events: Selector,
    opportunities: Selector,
}

/// Slow requests, from a histogram.
#[derive(Debug)]
pub(super) struct Histogram {
    who: Who,
    selector: Selector,
    unit: TimeUnit,
    streams: Vec<Stream>,
}

impl Counters {
    pub(super) fn new(who: Who, events: &Selected, opportunities: &Selected) -> Self {
        let selector =
            |one: &Selected| Selector::of(&one.metric, matchers(one).chain([either(&who.sides)]));
        Self { events: selector(events), opportunities: selector(opportunities), who }
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        vec![self.opportunities.clone(), self.events.clone()]
    }

    /// A series may be both: failures are often a part of the requests' own counter.
    pub(super) fn read(&self, labels: &Labels) -> Option<Meaning> {
        let event = self.events.matches(labels).then(|| Part::event(0));
        let opportunity = self.opportunities.matches(labels).then(|| Part::request(0));
        self.who.meaning(labels, event.into_iter().chain(opportunity).collect(), Unit::Series)
    }
}

impl Histogram {
    pub(super) fn new(who: Who, histogram: &Selected, streams: Vec<Stream>) -> Self {
        let unit = TimeUnit::of(&histogram.metric);
        let le = buckets::matcher(&streams, unit, false);
        let matchers = matchers(histogram).chain([either(&who.sides), le]);
        let selector = Selector::of(&buckets::bucket_name(&histogram.metric), matchers);
        Self { who, selector, unit, streams }
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        vec![self.selector.clone()]
    }

    pub(super) fn read(&self, labels: &Labels) -> Option<Meaning> {
        let parts = buckets::parts(labels, &self.streams, self.unit);
        self.who.meaning(labels, parts, Unit::AllBut(buckets::LE))
    }
}

impl Who {
    fn meaning(&self, labels: &Labels, parts: Vec<Part>, unit: Unit) -> Option<Meaning> {
        let side = side(&self.sides, labels)?;
        let cohort = cohort(labels.get(&self.cohort).map(String::as_str));
        Some(Meaning { side, cohort, parts, unit })
    }
}

/// What the labels of the selected series must be.
pub(super) fn matchers(selected: &Selected) -> impl Iterator<Item = Matcher> {
    selected.labels.iter().map(|(name, value)| Matcher::equal(name, value.as_str()))
}
