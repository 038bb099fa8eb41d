//! What Traefik counts for its services: answers as its callers got them, but for retries, of which
//! each counts.

use serin_assignment::Variant;

use super::buckets::{self, TimeUnit};
use super::meaning::{Class, Meaning, Part, Stream, Unit, requests};
use crate::gates::{Subject, service_label};
use crate::metrics::{Labels, Matcher, Selector, Text};

const REQUESTS: &str = "traefik_service_requests_total";
pub(super) const TIMES: &str = "traefik_service_request_duration_seconds_bucket";
pub(super) const SERVICE: &str = "service";
const CODE: &str = "code";

/// What Traefik answers, to nobody, where the caller has gone.
const CALLER_LEFT: &str = "499";

/// The counters of the two services, which the release names as clusters.
#[derive(Debug)]
pub(super) struct Traefik {
    stable: String,
    canary: String,
    streams: Vec<Stream>,
}

impl Traefik {
    pub(super) fn new(subject: &Subject, streams: Vec<Stream>) -> Self {
        let stable = service_label(&subject.stable_cluster);
        let canary = service_label(&subject.canary_cluster);
        Self { stable, canary, streams }
    }

    pub(super) fn selectors(&self) -> Vec<Selector> {
        let services = [&self.stable, &self.canary].map(Text::whole);
        let services = Matcher::any_of(SERVICE, services);
        buckets::selectors(&self.streams, TimeUnit::Seconds, [REQUESTS, TIMES], vec![services])
    }

    pub(super) fn read(&self, labels: &Labels) -> Option<Meaning> {
        let service = labels.get(SERVICE)?;
        let side = if *service == self.canary {
            Variant::Canary
        } else if *service == self.stable {
            Variant::Stable
        } else {
            return None;
        };
        let class = class(labels.get(CODE).map_or("", String::as_str));
        let (parts, unit): (Vec<Part>, Unit) = if labels.contains_key(buckets::LE) {
            // As with our own filter, failures are not slow.
            let counted = class == Some(Class::Answered);
            let parts = buckets::parts(labels, &self.streams, TimeUnit::Seconds);
            (if counted { parts } else { Vec::new() }, Unit::AllBut(buckets::LE))
        } else {
            let parts = class.map(|class| requests(class, &self.streams));
            (parts.unwrap_or_default(), Unit::Series)
        };
        Some(Meaning { side, cohort: None, parts, unit })
    }
}

fn class(code: &str) -> Option<Class> {
    match code {
        CALLER_LEFT => None,
        code if code.starts_with('5') => Some(Class::Failed),
        _ => Some(Class::Answered),
    }
}
