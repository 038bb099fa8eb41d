//! `spec.gates`.

use core::time::Duration;
use std::collections::BTreeSet;

use serin_assignment::Weight;
use serin_document::duration;

use super::gate_fields::Fields;
use super::{by_rule, duration_within, from_text};
use crate::gates::{ErrorRate, Gate, Kind, Latency, Limits, Samples, Template, Threshold};
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec;

/// Two scrapes of the fastest Prometheus, to what a "window" of a rollout can mean at most.
const WINDOWS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

/// The longest response time that Envoy's histograms can tell (their highest bound is an hour).
const LATENCIES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_hours(1));

pub(super) fn all(
    specs: Vec<spec::Gate>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Vec<Gate>> {
    let mut names = BTreeSet::new();
    let read: Vec<Option<Gate>> = specs
        .into_iter()
        .enumerate()
        .map(|(index, spec)| {
            let at = at.index(index);
            if !names.insert(spec.name.clone()) {
                faults.value(at.field("name"), &spec.name, "each gate has a name of its own");
            }
            gate(spec, &at, faults)
        })
        .collect();
    read.into_iter().collect()
}

fn gate(spec: spec::Gate, at: &FieldPath, faults: &mut Faults) -> Option<Gate> {
    let name = faults.parse(at.field("name"), &spec.name, super::dns_label);
    let window = spec.window.as_deref().map_or(Some(Gate::DEFAULT_WINDOW), |text| {
        duration_within(text, at.field("window"), WINDOWS, faults)
    });
    let which = (spec.kind.clone(), spec.preset.clone());
    let mut fields = Fields::new(spec, at, faults);
    let kind = match (which.0.as_deref(), which.1.as_deref()) {
        (Some("threshold"), None) => threshold(&mut fields, window?).map(Kind::Threshold),
        (None, Some("envoyErrorRate")) => {
            error_rate(&mut fields, window?).map(Kind::EnvoyErrorRate)
        }
        (None, Some("envoyLatency")) => latency(&mut fields, window?).map(Kind::EnvoyLatency),
        (Some(kind), None) => {
            fields.faults.value(at.field("kind"), kind, "the kind of a gate is `threshold`");
            return None;
        }
        (None, Some(preset)) => {
            let rule = "the presets are `envoyErrorRate` and `envoyLatency`";
            fields.faults.value(at.field("preset"), preset, rule);
            return None;
        }
        (None, None) => {
            let rule =
                "a gate has a kind (`threshold`) or a preset (`envoyErrorRate`, `envoyLatency`)";
            fields.faults.missing(at.clone(), rule);
            return None;
        }
        (Some(_), Some(preset)) => {
            fields.faults.value(at.field("preset"), preset, "either this or `kind`");
            return None;
        }
    };
    fields.refuse_rest(which.1.or(which.0).as_deref().unwrap_or_default());
    Some(Gate { name: name?, kind: kind? })
}

fn error_rate(fields: &mut Fields<'_>, window: Duration) -> Option<ErrorRate> {
    let max = fields.required(
        "max",
        "the highest share of 5xx answers that passes, such as 2%",
        |text| {
            from_text::<Weight>(text)
                .map_err(|_| "a share is a percentage such as 2% or 0.5%".to_owned())
        },
    );
    let min_samples = fields.min_samples().unwrap_or(Gate::DEFAULT_MIN_SAMPLES);
    Some(ErrorRate { max: max?.share(), min_samples, window })
}

fn latency(fields: &mut Fields<'_>, window: Duration) -> Option<Latency> {
    let (least, most) = LATENCIES;
    let max = fields.required("max", "the longest time that passes, such as 250ms", |text| {
        let found = by_rule(duration::parse)(text)?;
        let within = (least..=most).contains(&found);
        let rule = || format!("from {} to {}", duration::format(least), duration::format(most));
        if within { Ok(found) } else { Err(rule()) }
    });
    let quantile =
        fields.required("quantile", "which quantile of the times, such as 0.99", |text| {
            let within = |found: &f64| *found > 0.0 && *found < 1.0;
            let rule = || "a quantile lies between 0 and 1, such as 0.99".to_owned();
            text.parse().ok().filter(within).ok_or_else(rule)
        });
    let min_samples = fields.min_samples().unwrap_or(Gate::DEFAULT_MIN_SAMPLES);
    Some(Latency { quantile: quantile?, max: max?, min_samples, window })
}

fn threshold(fields: &mut Fields<'_>, window: Duration) -> Option<Threshold> {
    let query = fields.required("query", "PromQL that gives one number", from_text_template);
    let limits = Limits {
        min: fields.optional("min", finite)?,
        max: fields.optional("max", finite)?,
        max_ratio: fields.optional("maxRatio", ratio)?,
    };
    let samples = samples(fields)?;
    let query = query?;
    if limits == Limits::default() {
        let rule = "a threshold has at least one of min, max and maxRatio";
        fields.faults.missing(fields.at.clone(), rule);
        return None;
    }
    if limits.max_ratio.is_some() && !query.names_side() {
        let rule =
            "maxRatio compares the sides, so the query names one by {{variant}} or {{cluster}}";
        fields.faults.missing(fields.at.field("query"), rule);
        return None;
    }
    if let (Some(min), Some(max)) = (limits.min, limits.max)
        && min > max
    {
        let rule = format!("not above max, which is {max}");
        fields.faults.value(fields.at.field("min"), &min.to_string(), rule);
        return None;
    }
    Some(Threshold { query, limits, samples, window })
}

/// `samples` and `minSamples` go together; the outer `None` is a fault.
#[expect(clippy::option_option, reason = "a fault and an absent field are two things")]
fn samples(fields: &mut Fields<'_>) -> Option<Option<Samples>> {
    let query = fields.optional("samples", from_text_template)?;
    let min = fields.min_samples();
    match (query, min) {
        (None, None) => Some(None),
        (Some(query), min) => {
            Some(Some(Samples { query, min: min.unwrap_or(Gate::DEFAULT_MIN_SAMPLES) }))
        }
        (None, Some(_)) => {
            let rule = "minSamples of a threshold needs `samples`, PromQL that gives their number";
            fields.faults.missing(fields.at.field("samples"), rule);
            None
        }
    }
}

fn from_text_template(text: &str) -> Result<Template, String> {
    Template::new(text).map_err(|error| error.to_string())
}

fn finite(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|found: &f64| found.is_finite());
    found.ok_or_else(|| "a number such as 0.8".to_owned())
}

fn ratio(text: &str) -> Result<f64, String> {
    let found = finite(text).ok().filter(|found| *found > 0.0);
    found.ok_or_else(|| "a multiple of stable's value above 0, such as 1.5".to_owned())
}
