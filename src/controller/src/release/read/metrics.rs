//! `spec.metrics`.

use core::time::Duration;
use std::collections::BTreeSet;

use super::gate::Gates;
use super::{Origin, duration_within, prometheus};
use crate::gates::Kind;
use crate::metrics::{DnsName, MetricsSettings, PageAddress, Targets};
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec;

/// Faster, and three scrapes are over before a proxy takes a weight; slower, and Prometheus itself
/// takes the last value for gone (it looks back five minutes).
pub(super) const INTERVALS: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_mins(2));

/// An answer that takes longer than a minute is no base for a decision of seconds.
pub(super) const TIMEOUTS: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_mins(1));

pub(super) fn read(
    spec: spec::Metrics,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<MetricsSettings> {
    match (spec.prometheus, spec.targets) {
        (Some(spec), None) => prometheus::read(&spec, origin, &at.field("prometheus"), faults)
            .map(MetricsSettings::Prometheus),
        (None, Some(spec)) => {
            targets(&spec, &at.field("targets"), faults).map(MetricsSettings::Targets)
        }
        (Some(_), Some(_)) => {
            faults.value(at.field("targets"), "…", "either this or prometheus");
            None
        }
        (None, None) => {
            let rule = "where metrics come from: prometheus, or targets, the pages of the proxies \
                        themselves";
            faults.missing(at.clone(), rule);
            None
        }
    }
}

fn targets(spec: &spec::Targets, at: &FieldPath, faults: &mut Faults) -> Option<Targets> {
    if spec.urls.is_empty() && spec.dns.is_empty() {
        let rule = "at least one of urls, such as [\"http://127.0.0.1:9901/stats/prometheus\"], \
                    and dns, such as [{name: envoy-admin.shop.svc, port: 9901}]";
        faults.missing(at.clone(), rule);
    }
    let mut instances = BTreeSet::new();
    let mut pages = Vec::new();
    for (index, url) in spec.urls.iter().enumerate() {
        let at = at.field("urls").index(index);
        // The value stays out of the fault: it may hold a password.
        match url.parse::<PageAddress>() {
            Err(rule) => faults.value(at, "…", rule),
            Ok(page) if !instances.insert(page.instance()) => {
                faults.value(at, url, "one page a host and port, else its series count twice");
            }
            Ok(page) => pages.push(page),
        }
    }
    let mut names = Vec::new();
    for (index, spec) in spec.dns.iter().enumerate() {
        let path = spec.path.as_deref().unwrap_or(DnsName::DEFAULT_PATH);
        match DnsName::try_new(&spec.name, spec.port, path) {
            Ok(name) => names.push(name),
            Err(rule) => {
                let shown = format!("{}:{}{path}", spec.name, spec.port);
                faults.value(at.field("dns").index(index), &shown, rule);
            }
        }
    }
    let interval = spec.interval.as_ref().map_or(Some(Targets::DEFAULT_INTERVAL), |text| {
        duration_within(text, at.field("interval"), INTERVALS, faults)
    });
    let timeout = spec.timeout.as_ref().map_or(Some(Targets::DEFAULT_TIMEOUT), |text| {
        duration_within(text, at.field("timeout"), TIMEOUTS, faults)
    });
    Some(Targets { pages, names, interval: interval?, timeout: timeout? })
}

/// A query of one's own needs somebody who can answer it.
pub(super) fn fit(metrics: &MetricsSettings, gates: &Gates, at: &FieldPath, faults: &mut Faults) {
    if matches!(metrics, MetricsSettings::Prometheus(_)) {
        return;
    }
    for (gate, place) in gates.read.iter().zip(&gates.places) {
        if matches!(gate.kind, Kind::Threshold(_)) {
            let rule = "a threshold gate asks Prometheus, so it needs spec.metrics.prometheus in \
                        place of targets";
            faults.value(at.index(*place).field("kind"), "threshold", rule);
        }
    }
}
