//! What a release file means.

use core::fmt::Write as _;
use core::time::Duration;

use serde_json::json;
use serin_document::{IdentitySource, duration};
use serin_judge::Worse;
use serin_rollout::{Approval, OnSuccess};

use super::Meaning;
use crate::gates::{Gate, Kind};
use crate::metrics::{MetricsSettings, Targets};
use crate::release::Release;

pub(super) fn meaning(release: &Release) -> Meaning {
    let warnings = release.warnings();
    let mut json = json(release);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("warnings".to_owned(), json!(warnings));
    }
    let warnings = warnings.iter().map(ToString::to_string).collect();
    Meaning { text: text(release), json, warnings }
}

/// The least time from the first weight to the end of the last step; approvals and requests come
/// on top.
fn least_time(release: &Release) -> Duration {
    release.plan.steps.iter().map(|step| step.length.longest()).sum()
}

fn text(release: &Release) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:12}{value}");
    };
    let (traffic, assignment) = (&release.traffic, &release.assignment);
    line("release", format!("{} version {}", release.key(), release.version));
    line("hosts", joined(&traffic.hosts));
    line("paths", joined(&traffic.paths));
    line("stable", format!("cluster {}", traffic.stable_cluster));
    line("canary", format!("cluster {}", traffic.canary_cluster));
    line("identity", sources(&assignment.identity));
    line("anonymous", format!("{:?}", assignment.anonymous).to_lowercase());
    if !assignment.testers.is_empty() {
        line("testers", sources(&assignment.testers));
    }
    line("salt", assignment.salt.to_string());
    line("mark", assignment.mark.to_string());
    let scrapes = duration::format(release.metrics.scrape_interval());
    let id = release.rollout_name().metric_id();
    let from = match &release.metrics {
        MetricsSettings::Prometheus(prometheus) => prometheus.address.to_string(),
        MetricsSettings::Targets(targets) => pages(targets).join(", "),
    };
    line("metrics", format!("{from}, a scrape every {scrapes}, id {id}"));
    line("steps", "WEIGHT      BAKE  REQUESTS  APPROVAL".to_owned());
    for step in release.plan.steps.iter() {
        let bake = duration::format(step.length.longest());
        let (weight, requests) = (step.weight, step.min_requests);
        line("", format!("{weight:>6}  {bake:>8}  {requests:>8}  {}", approval(step.approval)));
    }
    line("least time", duration::format(least_time(release)));
    line("on success", on_success(release.plan.on_success).to_owned());
    for (index, gate) in release.gates.iter().enumerate() {
        line(if index == 0 { "gates" } else { "" }, format!("{}: {}", gate.name, rule(gate)));
    }
    text
}

fn json(release: &Release) -> serde_json::Value {
    let (traffic, assignment) = (&release.traffic, &release.assignment);
    let steps: Vec<_> = release
        .plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "weight": step.weight,
                "bake": duration::format(step.length.longest()),
                "minRequests": step.min_requests,
                "approval": approval(step.approval),
            })
        })
        .collect();
    let gates: Vec<_> =
        release.gates.iter().map(|gate| json!({ "name": gate.name, "rule": rule(gate) })).collect();
    json!({
        "kind": "release",
        "namespace": release.namespace,
        "name": release.name,
        "version": release.version,
        "hosts": traffic.hosts,
        "paths": traffic.paths,
        "stable": { "cluster": traffic.stable_cluster },
        "canary": { "cluster": traffic.canary_cluster },
        "identity": assignment.identity,
        "anonymous": assignment.anonymous,
        "testers": assignment.testers,
        "salt": assignment.salt,
        "mark": assignment.mark,
        "metricId": release.rollout_name().metric_id(),
        "prometheus": match &release.metrics {
            MetricsSettings::Prometheus(prometheus) => Some(prometheus.address.to_string()),
            MetricsSettings::Targets(_) => None,
        },
        "targets": match &release.metrics {
            MetricsSettings::Prometheus(_) => None,
            MetricsSettings::Targets(targets) => Some(pages(targets)),
        },
        "scrapeInterval": duration::format(release.metrics.scrape_interval()),
        "steps": steps,
        "leastTime": duration::format(least_time(release)),
        "onSuccess": on_success(release.plan.on_success),
        "gates": gates,
    })
}

/// The pages that are read, as people write them.
fn pages(targets: &Targets) -> Vec<String> {
    let fixed = targets.pages.iter().map(ToString::to_string);
    fixed.chain(targets.names.iter().map(ToString::to_string)).collect()
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn sources(sources: &[IdentitySource]) -> String {
    let one = |source: &IdentitySource| match source {
        IdentitySource::Header(name) => format!("header {name}"),
        IdentitySource::Cookie(name) => format!("cookie {name}"),
        IdentitySource::Query(name) => format!("query {name}"),
    };
    if sources.is_empty() {
        return "none".to_owned();
    }
    sources.iter().map(one).collect::<Vec<_>>().join(", ")
}

const fn approval(approval: Approval) -> &'static str {
    match approval {
        Approval::Automatic => "automatic",
        Approval::Manual => "manual",
    }
}

const fn on_success(on_success: OnSuccess) -> &'static str {
    match on_success {
        OnSuccess::Keep => "keep",
        OnSuccess::Promote => "promote",
    }
}

/// What passes, in one sentence.
fn rule(gate: &Gate) -> String {
    let window = gate.window().map(duration::format).unwrap_or_default();
    match &gate.kind {
        Kind::Ratio(ratio) => {
            let times = match ratio.measure.worse() {
                Worse::Higher => "not above",
                Worse::Lower => "not below",
            };
            format!("the canary's rate {times} {} times stable's", ratio.margin)
        }
        Kind::EnvoyErrorRate(gate) => {
            let (max, least) = (gate.max * 100.0, gate.min_samples);
            format!(
                "at most {max} % of the canary's answers are 5xx; over {window}, from {least} requests on"
            )
        }
        Kind::EnvoyLatency(gate) => {
            let (quantile, max) = (gate.quantile * 100.0, duration::format(gate.max));
            let least = gate.min_samples;
            format!(
                "p{quantile} of the canary at most {max}; over {window}, from {least} requests on"
            )
        }
        Kind::Threshold(threshold) => {
            let limits = &threshold.limits;
            let parts = [
                limits.min.map(|min| format!("at least {min}")),
                limits.max.map(|max| format!("at most {max}")),
                limits.max_ratio.map(|ratio| format!("at most {ratio} times stable's")),
            ];
            let limits = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
            let samples = threshold
                .samples
                .as_ref()
                .map_or_else(String::new, |samples| format!(", from {} samples on", samples.min));
            format!("the query's value {limits}; over {window}{samples}")
        }
    }
}
