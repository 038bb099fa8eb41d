//! From the shape to the checked release.
//!
//! Each file reads one part of the specification. A reader that meets a fault notes it and goes on;
//! it gives `None` where its part is of no use.

mod assignment;
mod counts;
mod evidence;
mod file;
mod files;
mod gate;
mod gate_fields;
mod hosts;
mod kubernetes;
mod metrics;
mod mirror;
mod plan;
mod prometheus;
mod ratio;
mod rules;
mod source;
mod testers;
mod traffic;
mod tripwire;
mod webhook;

use core::fmt::Display;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;

use serin_document::{
    Compiled, Document, Environment, HostPattern, Invalid, LeftOut, Revision, RolloutName, duration,
};
use serin_rollout::{Ask, Plan, Side, Traffic, Version};

use super::fault::Faults;
use super::spec::{File, Metadata, Spec};
use super::{API_VERSION, Fault, FieldPath, KIND, Release, Resolved};

/// Where a release comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// A file. Files that it names are relative to `folder`.
    File { folder: &'a Path },
    /// An object in Kubernetes. Files that it names are within `folder`.
    Object { folder: &'a Path, cluster: &'a Resolved },
}

/// Checks a release.
pub(super) fn read(file: File, origin: &Origin<'_>) -> Result<Release, Vec<Fault>> {
    let mut faults = Faults::default();
    let release = release(file, origin, &mut faults);
    let faults = faults.into_vec();
    match release {
        Some(release) if faults.is_empty() => Ok(release),
        _ => Err(faults),
    }
}

fn release(file: File, origin: &Origin<'_>, faults: &mut Faults) -> Option<Release> {
    let root = FieldPath::default();
    let File { api_version, kind, metadata, spec } = file;
    if api_version != API_VERSION {
        faults.value(
            root.field("apiVersion"),
            &api_version,
            format!("this is read: {API_VERSION}"),
        );
    }
    if kind != KIND {
        faults.value(root.field("kind"), &kind, format!("a release file is a {KIND}"));
    }
    let names = names(metadata, &root.field("metadata"), faults);
    let at = root.field("spec");
    let version = version(&spec, origin, &at.field("version"), faults);
    let rollout_name = names.as_ref().map(|(_, _, rollout)| rollout);
    let assignment = assignment::read(
        &spec.assignment,
        rollout_name.zip(version.as_ref()),
        &at.field("assignment"),
        faults,
    );
    let namespace = names.as_ref().map(|(namespace, _, _)| namespace.as_str());
    let kubernetes = kubernetes::read(
        &spec,
        namespace.zip(assignment.as_ref().map(|assignment| &assignment.mark)),
        origin,
        &at,
        faults,
    );
    let traffic = traffic::read(&spec.traffic, namespace, origin, &at.field("traffic"), faults);
    let metrics = metrics::read(spec.metrics, origin, &at.field("metrics"), faults);
    let mut steps = plan::steps(&spec.steps, &at.field("steps"), faults);
    if let Some(assignment) = &assignment {
        let full = assignment.buckets.width();
        steps =
            steps.and_then(|all| plan::within(all, full, &spec.steps, &at.field("steps"), faults));
    }
    let gates = gate::all(spec.gates, &spec.steps, origin, &at.field("gates"), faults);
    if let (Some(steps), Some(gates)) = (&steps, &gates) {
        plan::check_detection(steps, &gates.read, &at.field("steps"), faults);
    }
    if let (Some(metrics), Some(gates)) = (&metrics, &gates) {
        metrics::fit(metrics, gates, &at.field("gates"), faults);
    }
    let of_gates = gates.as_ref().map(|gates| &*gates.read);
    let (targeted, traffic_spec) = (spec.target.is_some(), &spec.traffic);
    let of_routes = targeted.then_some(traffic_spec);
    let mirror =
        mirror::read(spec.mirror.as_ref(), of_routes, of_gates, &at.field("mirror"), faults);
    let evidence = evidence::read(&spec.evidence, &at.field("evidence"), faults);
    let tripwire = match &spec.tripwire {
        None => Some(None),
        Some(spec) => tripwire::read(spec, &at.field("tripwire"), faults).map(Some),
    };
    let on_success =
        plan::on_success(spec.on_success.as_deref(), targeted, steps.as_ref(), &at, faults);
    let policy = plan::policy(&spec.policy, &at.field("policy"), faults);

    let (namespace, name, rollout_name) = names?;
    let gate::Gates { read: gates, places: gate_places, webhooks, sign_offs } = gates?;
    let mut steps = steps?;
    if !sign_offs.is_empty() {
        steps = steps.all_approved();
    }
    let kubernetes = kubernetes?;
    let plan = Plan {
        steps_name: kubernetes.as_ref().and_then(|_| plan::steps_name(&steps)),
        steps,
        mirror: mirror?,
        gates: gates.iter().map(|gate| gate.name.clone()).collect(),
        asks: webhooks
            .iter()
            .map(|webhook| Ask { name: webhook.name.clone(), before: webhook.before })
            .collect(),
        on_success: on_success?,
        policy: policy?,
    };
    let release = Release {
        namespace,
        name,
        version: version?,
        serving: Side::First,
        kubernetes,
        traffic: traffic?,
        assignment: assignment?,
        metrics: metrics?,
        evidence: evidence?,
        tripwire: tripwire?,
        plan,
        gates,
        webhooks,
        sign_offs,
        gate_places,
        rollout_name,
    };
    if faults.is_empty() {
        acceptable_to_filters(&release, &at, faults);
    }
    Some(release)
}

/// The longest name of a namespace or release: a DNS label, so that it will do as the name of a
/// Kubernetes object.
const LONGEST_NAME: usize = 63;

fn names(
    metadata: Metadata,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<(String, String, RolloutName)> {
    let namespace = metadata.namespace.unwrap_or_else(|| "default".to_owned());
    let name = faults.parse(at.field("name"), &metadata.name, dns_label);
    let namespace = faults.parse(at.field("namespace"), &namespace, dns_label);
    let (namespace, name) = namespace.zip(name)?;
    let rollout = format!("{namespace}/{name}");
    let rollout = faults.parse(at.field("name"), &rollout, by_rule(RolloutName::new))?;
    Some((namespace, name, rollout))
}

fn dns_label(text: &str) -> Result<String, String> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a name is 1 to {LONGEST_NAME} lower-case letters, digits and '-', such as shop, with no '-' at its ends"
        ))
    }
}

fn version(
    spec: &Spec,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Version> {
    /// As long as a digest with its image's name.
    const LONGEST: usize = 256;
    let rule = format!(
        "a version is 1 to {LONGEST} bytes of text that name what the canary runs, such as v2 or an image's digest"
    );
    let stated = spec.version.as_deref();
    if let Some(text) = stated
        && (!(1..=LONGEST).contains(&text.len()) || text.chars().any(char::is_control))
    {
        faults.value(at.clone(), text, rule);
        return None;
    }
    let version = match (stated, &spec.target, origin) {
        (None, None, _) => {
            faults.missing(at.clone(), rule);
            return None;
        }
        (Some(text), None, _) | (Some(text), Some(_), Origin::File { .. }) => text.to_owned(),
        (None, Some(target), Origin::File { .. }) => format!("template of {}", target.canary),
        (None, Some(_), Origin::Object { cluster, .. }) => cluster.version.0.clone(),
        // What runs is another version whenever the template changes, whatever it is called.
        (Some(text), Some(_), Origin::Object { cluster, .. }) => {
            format!("{text}-{}", cluster.version)
        }
    };
    Some(Version(version))
}

/// What the filter's own parser would leave out is refused here, where its owner sees it.
fn acceptable_to_filters(release: &Release, at: &FieldPath, faults: &mut Faults) {
    let traffic = Traffic::new(serin_assignment::Weight::ZERO, false, 0);
    let mut rollout = release.rollout(&traffic, &BTreeMap::new());
    if rollout.hosts.is_empty() {
        // Those of a router's object, which a file cannot know.
        rollout.hosts.push(HostPattern::Any);
    }
    let document = Document::new(Revision::new(0), vec![rollout]);
    match serin_document::parse(document.to_json().as_bytes()) {
        Err(refused) => faults.value(at.clone(), release.key(), refused),
        Ok(parsed) => {
            let compiled = Compiled::compile(parsed, None, &Environment::default());
            for LeftOut { field, value, rule, .. } in compiled.left_out() {
                faults.told(field_of_rollout(field, at), value, rule);
            }
        }
    }
}

/// Where a release says what a field of the document's rollout does: `spec.assignment.testers[1]`
/// for `rollouts[0].testers[1]`.
fn field_of_rollout(field: &str, spec: &FieldPath) -> FieldPath {
    let field = field.strip_prefix("rollouts[0].").unwrap_or(field);
    let name = field.split(['.', '[']).next().unwrap_or(field);
    match name {
        "hosts" | "paths" => spec.field("traffic").inside(field),
        "identity" | "anonymous" | "testers" | "exclude" | "eligible" | "users" | "segments"
        | "buckets" | "salt" | "mark" | "incoming" | "cohortHeader" => {
            spec.field("assignment").inside(field)
        }
        _ => spec.clone(),
    }
}

/// A duration within limits, both inclusive.
fn duration_within(
    text: &str,
    at: FieldPath,
    (least, most): (Duration, Duration),
    faults: &mut Faults,
) -> Option<Duration> {
    faults.parse(at, text, |text| within((least, most), by_rule(duration::parse)(text)?))
}

fn within((least, most): (Duration, Duration), found: Duration) -> Result<Duration, String> {
    if (least..=most).contains(&found) {
        return Ok(found);
    }
    Err(format!("from {} to {}", duration::format(least), duration::format(most)))
}

/// The rule alone: a fault already has the value.
fn by_rule<T>(parse: impl Fn(&str) -> Result<T, Invalid>) -> impl Fn(&str) -> Result<T, String> {
    move |text| parse(text).map_err(|invalid| invalid.rule.into_owned())
}

/// A text that its type reads.
fn from_text<T>(text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}
