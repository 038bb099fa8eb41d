//! Where a ratio gate's events are counted: `spec.gates[].counts`.

use std::collections::BTreeMap;

use super::gate_fields::Fields;
use crate::gates::{Counts, Selected, Sides};
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec;

/// What a gate needs to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Requests or opportunities, and events among them.
    Events,
    /// Response times.
    Histogram,
}

/// Of requests, which the filter counts where nothing else is said.
pub(super) fn of_requests(fields: &mut Fields<'_>, wanted: Wanted) -> Option<Counts> {
    match fields.counts() {
        None => Some(Counts::Filter),
        Some(spec) => read(spec, wanted, &fields.at.field("counts"), fields.faults),
    }
}

/// Of opportunities, which nobody but the application knows.
pub(super) fn of_opportunities(fields: &mut Fields<'_>) -> Option<Counts> {
    let at = fields.at.field("counts");
    match fields.counts() {
        None => {
            let rule = "the counters of a conversion, such as {opportunities: {metric: \
                        shop_sessions_total}, events: {metric: shop_orders_total}}";
            fields.faults.missing(at, rule);
            None
        }
        Some(spec::Counts { preset: Some(preset), .. }) => {
            let rule = "proxies know no conversions: name the application's counters by \
                        `opportunities` and `events`";
            fields.faults.value(at.field("preset"), &preset, rule);
            None
        }
        Some(spec) => read(spec, Wanted::Events, &at, fields.faults),
    }
}

fn read(spec: spec::Counts, wanted: Wanted, at: &FieldPath, faults: &mut Faults) -> Option<Counts> {
    match spec.preset.clone().as_deref() {
        None => custom(spec, wanted, at, faults),
        Some("filter") => only(spec, &[], "filter", at, faults).map(|_| Counts::Filter),
        Some("envoy") => only(spec, &[], "envoy", at, faults).map(|_| Counts::Envoy),
        Some("istio") => {
            let (sides, labels) = labelled(spec, "istio", "destination_version", at, faults)?;
            Some(Counts::Istio { sides, labels })
        }
        Some("linkerd") => {
            let (sides, labels) = labelled(spec, "linkerd", "dst_deployment", at, faults)?;
            Some(Counts::Linkerd { sides, labels })
        }
        Some("traefik") => only(spec, &[], "traefik", at, faults).map(|_| Counts::Traefik),
        Some(preset) => {
            let rule = "the presets are `filter`, `envoy`, `istio`, `linkerd` and `traefik`; \
                        without one, name counters";
            faults.value(at.field("preset"), preset, rule);
            None
        }
    }
}

/// A mesh's own metrics, whose sides differ in a label such as `example`.
fn labelled(
    spec: spec::Counts,
    mesh: &str,
    example: &str,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<(Sides, BTreeMap<String, String>)> {
    let mut spec = only(spec, &["side", "labels"], mesh, at, faults)?;
    let labels = labels(spec.labels.take().unwrap_or_default(), &at.field("labels"), faults);
    let Some(side) = spec.side.take() else {
        let rule = format!(
            "what tells the sides apart, such as {{label: {example}, canary: v2, stable: v1}}"
        );
        faults.missing(at.field("side"), rule);
        return None;
    };
    let sides = sides(Some(side), &at.field("side"), faults);
    Some((sides?, labels?))
}

fn custom(
    spec: spec::Counts,
    wanted: Wanted,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Counts> {
    let (own, kind): (&[&str], _) = match wanted {
        Wanted::Events => (&["events", "opportunities", "side", "cohort"], "a share of events"),
        Wanted::Histogram => (&["histogram", "side", "cohort"], "response times"),
    };
    let spec = only(spec, own, kind, at, faults)?;
    let sides = sides(spec.side, &at.field("side"), faults);
    let cohort = spec.cohort.unwrap_or_else(|| Counts::DEFAULT_COHORT.to_owned());
    let cohort = faults.parse(at.field("cohort"), &cohort, label);
    let mut take = |name: &str, given: Option<spec::Selected>, meaning: &str| {
        let Some(given) = given else {
            faults.missing(at.field(name), meaning);
            return None;
        };
        selected(given, &at.field(name), faults)
    };
    let (events, opportunities, histogram) = match wanted {
        Wanted::Events => {
            let events = take("events", spec.events, "the counter of events, such as {metric: …}");
            let meaning = "the counter of what they are part of";
            let opportunities = take("opportunities", spec.opportunities, meaning);
            let (events, opportunities) = (events?, opportunities?);
            if events == opportunities {
                let rule = "other series than the opportunities', else every one is an event";
                faults.value(at.field("events"), &events.metric, rule);
                return None;
            }
            (Some(events), Some(opportunities), None)
        }
        Wanted::Histogram => {
            let meaning = "the histogram of response times, such as {metric: …_seconds}";
            (None, None, Some(take("histogram", spec.histogram, meaning)?))
        }
    };
    Some(Counts::Custom { events, opportunities, histogram, sides: sides?, cohort: cohort? })
}

/// Refuses the fields that are not among `own`.
fn only(
    spec: spec::Counts,
    own: &[&str],
    kind: &str,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<spec::Counts> {
    let given = [
        ("events", spec.events.is_some()),
        ("opportunities", spec.opportunities.is_some()),
        ("histogram", spec.histogram.is_some()),
        ("side", spec.side.is_some()),
        ("labels", spec.labels.is_some()),
        ("cohort", spec.cohort.is_some()),
    ];
    let mut fits = true;
    for (name, _) in given.iter().filter(|(name, given)| *given && !own.contains(name)) {
        fits = false;
        faults.value(at.field(name), "…", format!("counts of {kind} have no such field"));
    }
    fits.then_some(spec)
}

fn sides(spec: Option<spec::Sides>, at: &FieldPath, faults: &mut Faults) -> Option<Sides> {
    let default = Sides::default();
    let Some(spec) = spec else { return Some(default) };
    let name = spec.label.unwrap_or(default.label);
    let label = faults.parse(at.field("label"), &name, label);
    let (canary, stable) =
        (spec.canary.unwrap_or(default.canary), spec.stable.unwrap_or(default.stable));
    if canary == stable {
        faults.value(at.field("canary"), &canary, "another value than stable's");
        return None;
    }
    Some(Sides { label: label?, canary, stable })
}

fn selected(spec: spec::Selected, at: &FieldPath, faults: &mut Faults) -> Option<Selected> {
    let metric = faults.parse(at.field("metric"), &spec.metric, metric);
    let labels = labels(spec.labels, &at.field("labels"), faults);
    Some(Selected { metric: metric?, labels: labels? })
}

fn labels(
    given: BTreeMap<String, String>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<BTreeMap<String, String>> {
    let mut fit = true;
    for name in given.keys() {
        fit &= faults.parse(at.field(name), name, label).is_some();
    }
    fit.then_some(given)
}

fn metric(text: &str) -> Result<String, String> {
    if let Some(base) = text.strip_suffix("_bucket") {
        return Err(format!("a histogram goes by its name without `_bucket`: {base}"));
    }
    named(text, |b| b == b':').ok_or_else(|| {
        "a metric's name is letters, digits, '_' and ':', such as shop_orders_total".to_owned()
    })
}

fn label(text: &str) -> Result<String, String> {
    named(text, |_| false)
        .ok_or_else(|| "a label's name is letters, digits and '_', such as variant".to_owned())
}

/// A name that begins with no digit.
fn named(text: &str, also: impl Fn(u8) -> bool) -> Option<String> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || also(b);
    let begins = text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    (begins && text.bytes().all(inner)).then(|| text.to_owned())
}
