//! The metrics of Linkerd's proxies, as the caller's side reports them: what its proxy saw includes
//! requests that never reached the pod.

use std::collections::BTreeMap;

use super::buckets::{self, TimeUnit};
use super::istio::{either, side};
use super::meaning::{Class, Meaning, Part, Stream, Unit, requests};
use crate::gates::Sides;
use crate::metrics::{Labels, Matcher, Selector};

const RESPONSES: &str = "response_total";
/// To the first byte of the body, in milliseconds.
pub(super) const TIMES: &str = "response_latency_ms_bucket";
const DIRECTION: &str = "direction";
const OUTBOUND: &str = "outbound";
/// `success` or `failure`: 5xx, and for gRPC by its status. Only responses have it, times do not.
const CLASSIFICATION: &str = "classification";
const CODE: &str = "status_code";

/// The counters of two sides.
#[derive(Debug)]
pub(super) struct Linkerd {
    sides: Sides,
    labels: BTreeMap<String, String>,
    streams: Vec<Stream>,
}

impl Linkerd {
    pub(super) const fn new(
        sides: Sides,
        labels: BTreeMap<String, String>,
        streams: Vec<Stream>,
    ) -> Self {
        Self { sides, labels, streams }
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        let mut matchers = matchers(&self.labels);
        matchers.push(either(&self.sides));
        buckets::selectors(&self.streams, TimeUnit::Milliseconds, [RESPONSES, TIMES], matchers)
    }

    pub(super) fn read(&self, labels: &Labels) -> Option<Meaning> {
        let side = side(&self.sides, labels)?;
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        let (parts, unit): (Vec<Part>, Unit) = if labels.contains_key(buckets::LE) {
            // As with our own filter, failures are not slow.
            let counted = !label(CODE).starts_with('5');
            let parts = buckets::parts(labels, &self.streams, TimeUnit::Milliseconds);
            (if counted { parts } else { Vec::new() }, Unit::AllBut(buckets::LE))
        } else {
            let failed = label(CLASSIFICATION) == "failure";
            let class = if failed { Class::Failed } else { Class::Answered };
            (requests(class, &self.streams), Unit::Series)
        };
        Some(Meaning { side, cohort: None, parts, unit })
    }
}

/// What the labels of the selected series must be: those of calls to the sides, where nothing else is
/// said.
pub(super) fn matchers(labels: &BTreeMap<String, String>) -> Vec<Matcher> {
    let own = labels.iter().map(|(name, value)| Matcher::equal(name, value.as_str()));
    let outbound = (!labels.contains_key(DIRECTION)).then(|| Matcher::equal(DIRECTION, OUTBOUND));
    own.chain(outbound).collect()
}
