//! Istio's standard metrics, as the caller's side reports them: what its proxy saw includes
//! requests that never reached the pod.

use std::collections::BTreeMap;

use serin_assignment::Variant;

use super::buckets::{self, TimeUnit};
use super::meaning::{Class, Meaning, Part, Stream, Unit, requests};
use crate::gates::Sides;
use crate::metrics::{Labels, Matcher, Selector, Text};

const REQUESTS: &str = "istio_requests_total";
pub(super) const TIMES: &str = "istio_request_duration_milliseconds_bucket";
const REPORTER: &str = "reporter";
const CODE: &str = "response_code";
const FLAGS: &str = "response_flags";
const GRPC_STATUS: &str = "grpc_response_status";
const PROTOCOL: &str = "request_protocol";

/// Envoy's flags for a stream that the caller ended first, as the filter knows them: the connection
/// went, the stream was reset, or what came was no HTTP any more.
const CALLER_LEFT: [&str; 3] = ["DC", "DR", "DPE"];

/// gRPC's codes for failures of the server: unknown, deadline exceeded, resource exhausted,
/// unimplemented, internal, unavailable, data loss.
const GRPC_FAILURES: [&str; 7] = ["2", "4", "8", "12", "13", "14", "15"];

/// The counters of two sides.
#[derive(Debug)]
pub(super) struct Istio {
    sides: Sides,
    labels: BTreeMap<String, String>,
    streams: Vec<Stream>,
}

impl Istio {
    pub(super) const fn new(
        sides: Sides,
        labels: BTreeMap<String, String>,
        streams: Vec<Stream>,
    ) -> Self {
        Self { sides, labels, streams }
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        let mut matchers: Vec<Matcher> =
            self.labels.iter().map(|(name, value)| Matcher::equal(name, value.as_str())).collect();
        if !self.labels.contains_key(REPORTER) {
            matchers.push(Matcher::equal(REPORTER, "source"));
        }
        matchers.push(either(&self.sides));
        buckets::selectors(&self.streams, TimeUnit::Milliseconds, [REQUESTS, TIMES], matchers)
    }

    pub(super) fn read(&self, labels: &Labels) -> Option<Meaning> {
        let side = side(&self.sides, labels)?;
        let class = class(labels);
        let (parts, unit) = if labels.contains_key(buckets::LE) {
            // As with our own filter, failures are not slow.
            let counted = class == Some(Class::Answered);
            let parts = buckets::parts(labels, &self.streams, TimeUnit::Milliseconds);
            (if counted { parts } else { Vec::new() }, Unit::AllBut(buckets::LE))
        } else {
            let parts = class.map(|class| requests(class, &self.streams));
            (parts.unwrap_or_default(), Unit::Series)
        };
        let parts: Vec<Part> = parts;
        Some(Meaning { side, cohort: None, parts, unit })
    }
}

/// What became of the requests of a series; `None` for those whose callers left first.
fn class(labels: &Labels) -> Option<Class> {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    let code = label(CODE);
    // Without any answer nobody was there any more to get one.
    if code == "0" || label(FLAGS).split(',').any(|flag| CALLER_LEFT.contains(&flag)) {
        return None;
    }
    let status = label(GRPC_STATUS);
    let failed = code.starts_with('5')
        || GRPC_FAILURES.contains(&status)
        || (label(PROTOCOL) == "grpc" && status.is_empty());
    Some(if failed { Class::Failed } else { Class::Answered })
}

/// The series of both sides.
pub(super) fn either(sides: &Sides) -> Matcher {
    Matcher::any_of(&sides.label, [&sides.canary, &sides.stable].map(Text::whole))
}

/// Whose series it is.
pub(super) fn side(sides: &Sides, labels: &Labels) -> Option<Variant> {
    let found = labels.get(&sides.label)?;
    if *found == sides.canary {
        Some(Variant::Canary)
    } else if *found == sides.stable {
        Some(Variant::Stable)
    } else {
        None
    }
}
