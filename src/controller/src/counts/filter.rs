//! What Serin's own filter counts: how requests that are evidence ended, as callers saw it, by side
//! and cohort.

use serin_assignment::Variant;
use serin_document::{duration, metrics};

use super::meaning::{Class, Meaning, Part, Stream, Unit, cohort, requests};
use crate::metrics::{Labels, Matcher, Selector, Series, Text};
use crate::observe::flat;

/// The filter's counts of one rollout.
#[derive(Debug)]
pub(super) struct Filter {
    metric_id: String,
    streams: Vec<Stream>,
}

/// What stands before a class's bound.
const OVER: &str = "over_";

/// The tags that matter, in the order in which they end a flat name.
const TAGS: [&str; 3] = [metrics::VARIANT, metrics::COHORT, metrics::CLASS];

impl Filter {
    pub(super) fn new(metric_id: &str, streams: Vec<Stream>) -> Self {
        Self { metric_id: metric_id.to_owned(), streams }
    }

    /// The counts; the revision, which is there before the first of them and so is a witness that
    /// they began later; and whether some of them are missing.
    pub(super) fn selectors(&self) -> Vec<Selector> {
        let id = self.metric_id.as_str();
        let names = [metrics::RESPONSES, metrics::REVISION, metrics::EVIDENCE_CAPPED];
        let names = names.into_iter().flat_map(|base| {
            [Text::whole(base), Text::beginning(flat(base, &[(metrics::ID, id)]))]
        });
        // A proxy whose bootstrap is older than these two tags leaves them in the name.
        let partly = Text::beginning(format!("{}_{}___", metrics::RESPONSES, metrics::COHORT));
        let ids = [Text::whole(id), Text::whole("")];
        let names: Vec<Text> = names.chain([partly]).collect();
        vec![Selector::of_any(names, [Matcher::any_of(metrics::ID, ids)])]
    }

    pub(super) fn read(&self, labels: &Labels) -> Option<Meaning> {
        let rest = labels.get("__name__")?.strip_prefix(metrics::RESPONSES)?;
        let tag = |key| labels.get(key).map_or_else(|| in_name(rest, key), |it| Some(it.as_str()));
        let variant = tag(metrics::VARIANT)?;
        let side =
            [Variant::Canary, Variant::Stable].into_iter().find(|it| it.as_str() == variant)?;
        let parts = parts(tag(metrics::CLASS)?, &self.streams);
        Some(Meaning { side, cohort: cohort(tag(metrics::COHORT)), parts, unit: Unit::Target })
    }

    /// Whether a proxy says that it keeps counts back; `None` where no proxy says anything.
    pub(super) fn capped<'a>(answers: impl Iterator<Item = &'a Series>) -> Option<bool> {
        let named = |series: &&Series| {
            let name = series.labels.get("__name__").map_or("", String::as_str);
            name.starts_with(metrics::EVIDENCE_CAPPED)
        };
        let capped = |series: &Series| Some(series.points.last()?.value > 0.0);
        answers.filter(named).filter_map(capped).reduce(|a, b| a || b)
    }
}

/// The value of a tag that was left in the name: `…_cohort___7___class___error___`.
fn in_name<'a>(rest: &'a str, key: &str) -> Option<&'a str> {
    let mut parts = rest.strip_suffix("___")?.rsplit("___");
    // From the end, since a rollout's name may hold what separates the tags.
    while let (Some(value), Some(name)) = (parts.next(), parts.next()) {
        let name = name.strip_prefix('_').unwrap_or(name);
        if name == key {
            return Some(value);
        }
        if !TAGS.contains(&name) {
            return None;
        }
    }
    None
}

fn parts(class: &str, streams: &[Stream]) -> Vec<Part> {
    let class = match class {
        metrics::OK => Class::Answered,
        metrics::ERROR => Class::Failed,
        // What is unknown, or ended by the caller, is evidence of nothing.
        other => match other.strip_prefix(OVER).map(duration::parse) {
            Some(Ok(bound)) => Class::SlowerThan(bound),
            Some(Err(_)) | None => return Vec::new(),
        },
    };
    requests(class, streams)
}
