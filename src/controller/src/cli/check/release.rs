//! What a release file means.

use core::fmt::Write as _;
use core::time::Duration;

use serde_json::json;
use serin_document::{IdentitySource, Tester, Tripwire, duration};
use serin_rollout::{Approval, Length, Mirror, OnSuccess, Step};

use super::{Meaning, gates, kubernetes, rules};
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

/// The least time from the start to the end of the last step; approvals and requests come
/// on top. A step that lasts until it can detect something has none.
fn least_time(release: &Release) -> Duration {
    let least = |step: &Step| match step.length {
        Length::Bake(bake) => bake,
        Length::Detect { .. } => Duration::ZERO,
    };
    let mirrored = release.plan.mirror.as_ref().map_or(Duration::ZERO, |mirror| mirror.time);
    release.plan.steps.iter().map(least).sum::<Duration>().saturating_add(mirrored)
}

/// `10m`, or `until 2x, ≤ 2h`.
fn lasts(length: Length) -> String {
    match length {
        Length::Bake(bake) => duration::format(bake),
        Length::Detect { ratio, at_most } => {
            format!("until {ratio}x, ≤ {}", duration::format(at_most))
        }
    }
}

fn text(release: &Release) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:12}{value}");
    };
    let (traffic, assignment) = (&release.traffic, &release.assignment);
    match &release.kubernetes {
        None => {
            line("release", format!("{} version {}", release.key(), release.version));
            line("hosts", joined(&traffic.hosts));
        }
        Some(objects) => {
            line("release", kubernetes::release(release.key(), objects));
            for (name, value) in kubernetes::told(objects) {
                line(name, value);
            }
            let kind = objects.route.kind;
            let of_route = || format!("those of the {kind}");
            let hosts = if kind.has_hosts() { of_route() } else { joined(&traffic.hosts) };
            line("hosts", hosts);
        }
    }
    line("paths", joined(&traffic.paths));
    line("stable", format!("cluster {}", traffic.stable_cluster));
    line("canary", format!("cluster {}", traffic.canary_cluster));
    if let Some(file) = &traffic.file {
        line("file", file.to_string());
    }
    line("identity", sources(&assignment.identity));
    line("anonymous", format!("{:?}", assignment.anonymous).to_lowercase());
    if !assignment.testers.is_empty() {
        line("testers", testers(&assignment.testers));
    }
    for (name, value) in rules::told(assignment) {
        line(name, value);
    }
    line("salt", salt(release));
    line("mark", assignment.mark.to_string());
    if let Some(header) = &assignment.cohort_header {
        line("cohort", format!("header {header}"));
    }
    if let Some(mirror) = &release.plan.mirror {
        line("mirror", mirrored(mirror));
    }
    let scrapes = duration::format(release.metrics.scrape_interval());
    let id = release.rollout_name().metric_id();
    let from = match &release.metrics {
        MetricsSettings::Prometheus(prometheus) => prometheus.address.to_string(),
        MetricsSettings::Targets(targets) => pages(targets).join(", "),
    };
    line("metrics", format!("{from}, a scrape every {scrapes}, id {id}"));
    let lasting = |step: &Step| lasts(step.length);
    let width = release.plan.steps.iter().map(|step| lasting(step).chars().count()).max();
    // As wide as its heading at least.
    let width = width.unwrap_or_default().max(5);
    line("steps", format!("WEIGHT  {:>width$}  REQUESTS  APPROVAL", "LASTS"));
    for step in release.plan.steps.iter() {
        let (weight, lasts, requests) = (step.weight, lasting(step), step.min_requests);
        let approval = approval(step.approval);
        line("", format!("{weight:>6}  {lasts:>width$}  {requests:>8}  {approval}"));
    }
    line("least time", duration::format(least_time(release)));
    line("on success", on_success(release.plan.on_success).to_owned());
    for (index, told) in gates::told(release).into_iter().enumerate() {
        line(if index == 0 { "gates" } else { "" }, told);
    }
    if let Some(evidence) = gates::evidence(release) {
        line("evidence", evidence);
    }
    if let Some(tripwire) = &release.tripwire {
        line("tripwire", told(tripwire));
    }
    text
}

/// `10% of requests for 5m, judged by canary-errors`
fn mirrored(mirror: &Mirror) -> String {
    let Mirror { share, time, gates } = mirror;
    let (time, gates) = (duration::format(*time), gates.join(", "));
    format!("{share} of requests for {time} before the first step, judged by {gates}")
}

fn json(release: &Release) -> serde_json::Value {
    let (traffic, assignment) = (&release.traffic, &release.assignment);
    let steps: Vec<_> = release
        .plan
        .steps
        .iter()
        .map(|step| {
            let (bake, detect, at_most) = match step.length {
                Length::Bake(bake) => (Some(duration::format(bake)), None, None),
                Length::Detect { ratio, at_most } => {
                    (None, Some(format!("{ratio}x")), Some(duration::format(at_most)))
                }
            };
            json!({
                "weight": step.weight,
                "bake": bake,
                "detect": detect,
                "atMost": at_most,
                "minRequests": step.min_requests,
                "approval": approval(step.approval),
            })
        })
        .collect();
    json!({
        "kind": "release",
        "namespace": release.namespace,
        "name": release.name,
        "version": match &release.kubernetes {
            None => Some(release.version.0.as_str()),
            Some(objects) => objects.stated_version.as_deref(),
        },
        "kubernetes": release.kubernetes.as_ref().map(kubernetes::json),
        "hosts": traffic.hosts,
        "paths": traffic.paths,
        "stable": { "cluster": traffic.stable_cluster },
        "canary": { "cluster": traffic.canary_cluster },
        "file": traffic.file.as_ref().map(ToString::to_string),
        "identity": assignment.identity,
        "anonymous": assignment.anonymous,
        "testers": assignment.testers,
        "exclude": assignment.rules.exclude,
        "eligible": assignment.rules.eligible,
        "users": assignment.rules.users,
        "segments": assignment.rules.segments,
        "buckets": assignment.buckets,
        "salt": salt(release),
        "mark": assignment.mark,
        "cohortHeader": assignment.cohort_header,
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
        "gates": gates::json(release),
        "evidence": gates::evidence_json(release),
        "tripwire": release.tripwire,
    })
}

/// The default one of a release in Kubernetes is known once its pods' template is.
fn salt(release: &Release) -> String {
    let salt = &release.assignment.salt;
    let is_default = salt.as_str().starts_with(&format!("{}/", release.key()));
    if release.kubernetes.is_some() && is_default {
        format!("{}/…, another one for each pod template", release.key())
    } else {
        salt.to_string()
    }
}

/// `alpha 0.0001, floor 2%, slow beyond 2s, lasts 15m`
fn told(tripwire: &Tripwire) -> String {
    let Tripwire { alpha, floor, slow, lasts } = tripwire;
    let slow = slow.map(|slow| format!(", slow beyond {}", duration::format(slow)));
    let (slow, lasts) = (slow.unwrap_or_default(), duration::format(*lasts));
    format!("alpha {alpha}, floor {floor}{slow}, lasts {lasts}")
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
    if sources.is_empty() {
        return "none".to_owned();
    }
    joined(sources)
}

/// `header x-serin-opt-in (signed for shop, remembered in serin-opt-in)`.
fn testers(testers: &[Tester]) -> String {
    let one = |tester: &Tester| {
        let signed = tester.signed.as_ref().map(|signed| format!("signed for {}", signed.audience));
        let remembered = tester.remember.as_ref().map(|cookie| format!("remembered in {cookie}"));
        let how: Vec<String> = [signed, remembered].into_iter().flatten().collect();
        let place = tester.source.to_string();
        if how.is_empty() { place } else { format!("{place} ({})", how.join(", ")) }
    };
    testers.iter().map(one).collect::<Vec<_>>().join(", ")
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
        OnSuccess::Swap => "keep, the two Deployments swap their roles",
        OnSuccess::Promote => "promote",
    }
}
