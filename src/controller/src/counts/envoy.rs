//! What Envoy counts for its clusters: every try, before retries.

use serin_assignment::Variant;

use super::buckets::{self, TimeUnit};
use super::meaning::{Class, Meaning, Part, Stream, Unit, requests};
use crate::gates::{Subject, cluster_label};
use crate::metrics::{Labels, Matcher, Selector, Text};

const CLUSTER: &str = "envoy_cluster_name";
const CLASS: &str = "envoy_response_code_class";
/// Answers by class of their status.
const ANSWERS: &str = "envoy_cluster_upstream_rq_xx";
/// There from the start, while a class begins with its first answer: a witness.
const WITNESS: &str = "envoy_cluster_upstream_rq_total";
/// Times of successful tries, in milliseconds.
pub(super) const TIMES: &str = "envoy_cluster_upstream_rq_time_bucket";

/// The counters of the two clusters.
#[derive(Debug)]
pub(super) struct Envoy {
    stable: String,
    canary: String,
    streams: Vec<Stream>,
}

impl Envoy {
    pub(super) fn new(subject: &Subject, streams: Vec<Stream>) -> Self {
        let stable = cluster_label(&subject.stable_cluster);
        let canary = cluster_label(&subject.canary_cluster);
        Self { stable, canary, streams }
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        let clusters = [&self.stable, &self.canary].map(Text::whole);
        let clusters = Matcher::any_of(CLUSTER, clusters);
        let names = |counted| [Text::whole(counted), Text::whole(WITNESS)];
        if self.streams.contains(&Stream::Errors) {
            return vec![Selector::of_any(names(ANSWERS), [clusters])];
        }
        let le = buckets::matcher(&self.streams, TimeUnit::Milliseconds, true);
        vec![Selector::of_any(names(TIMES), [clusters, le])]
    }

    pub(super) fn read(&self, labels: &Labels) -> Option<Meaning> {
        let cluster = labels.get(CLUSTER)?;
        let side = if *cluster == self.canary {
            Variant::Canary
        } else if *cluster == self.stable {
            Variant::Stable
        } else {
            return None;
        };
        let parts = match labels.get("__name__")?.as_str() {
            ANSWERS => self.answers(labels.get(CLASS)?),
            TIMES => buckets::parts(labels, &self.streams, TimeUnit::Milliseconds),
            _ => return None,
        };
        // A cluster that is taken away and comes back starts anew; so does a process.
        Some(Meaning { side, cohort: None, parts, unit: Unit::Label(CLUSTER) })
    }

    fn answers(&self, class: &str) -> Vec<Part> {
        match class {
            // 1xx come before the answer.
            "1" => Vec::new(),
            "5" => requests(Class::Failed, &self.streams),
            _ => requests(Class::Answered, &self.streams),
        }
    }
}
