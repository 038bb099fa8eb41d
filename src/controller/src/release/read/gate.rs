//! `spec.gates`.

use core::time::Duration;
use std::collections::BTreeSet;

use serin_document::duration;

use super::gate_fields::Fields;
use super::{Origin, by_rule, ratio, webhook, within};
use crate::gates::{Counts, Gate, Kind, Limits, Measure, Samples, Template, Threshold, Webhook};
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::spec;

/// Two scrapes of the fastest Prometheus, to what a "window" of a rollout can mean at most.
const WINDOWS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));

/// What a release says of gates.
#[derive(Default)]
pub(super) struct Gates {
    /// Those that are read.
    pub(super) read: Vec<Gate>,
    /// Where each of them stands among all.
    pub(super) places: Vec<usize>,
    /// Other systems that have a say.
    pub(super) webhooks: Vec<Webhook>,
    /// The names of those that a person is.
    pub(super) sign_offs: Vec<String>,
}

/// One of them.
enum Read {
    Gate(Gate),
    Webhook(Webhook),
    SignOff(String),
}

pub(super) fn all(
    specs: Vec<spec::Gate>,
    steps: &[spec::Step],
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Gates> {
    let mut names = BTreeSet::new();
    let read: Vec<Option<Read>> = specs
        .into_iter()
        .enumerate()
        .map(|(index, spec)| {
            let at = at.index(index);
            if !names.insert(spec.name.clone()) {
                faults.value(at.field("name"), &spec.name, "each gate has a name of its own");
            }
            gate(spec, steps, origin, &at, faults)
        })
        .collect();
    let mut gates = Gates::default();
    for (index, one) in read.into_iter().enumerate() {
        match one? {
            Read::Gate(gate) => {
                gates.read.push(gate);
                gates.places.push(index);
            }
            Read::Webhook(webhook) => gates.webhooks.push(webhook),
            Read::SignOff(name) => gates.sign_offs.push(name),
        }
    }
    one_set_of_bounds(&gates, at, faults);
    // They are kept as long as the release is run, and most have one.
    gates.read.shrink_to_fit();
    Some(gates)
}

/// The filter counts slow requests by one set of bounds a release.
fn one_set_of_bounds(gates: &Gates, at: &FieldPath, faults: &mut Faults) {
    let by_filter = gates.read.iter().zip(&gates.places).filter(|(gate, _)| {
        gate.ratio().is_some_and(|ratio| {
            matches!(ratio.measure, Measure::Latency { .. }) && ratio.counts == Counts::Filter
        })
    });
    for (gate, place) in by_filter.skip(1) {
        let rule = "the filter counts for one latency gate a release, which may have three bounds";
        faults.value(at.index(*place).field("name"), &gate.name, rule);
    }
}

const KINDS: &str = "the kinds of gates are `errorRate`, `latency`, `conversion`, `threshold`, `webhook` and \
                     `manual`";

fn gate(
    spec: spec::Gate,
    steps: &[spec::Step],
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Read> {
    let name = faults.parse(at.field("name"), &spec.name, super::dns_label);
    let kind = spec.kind.clone();
    let mut fields = Fields::new(spec, at, faults);
    let Some(kind) = kind else {
        fields.faults.missing(at.field("kind"), KINDS);
        return None;
    };
    // A gate without a name is a fault by now, and read on for its others.
    let called = name.clone().unwrap_or_default();
    let gate = |kind| Read::Gate(Gate { name: called.clone(), kind });
    let read = match kind.as_str() {
        "errorRate" => ratio::error_rate(&mut fields).map(Kind::Ratio).map(gate),
        "latency" => ratio::latency(&mut fields).map(Kind::Ratio).map(gate),
        "conversion" => ratio::conversion(&mut fields).map(Kind::Ratio).map(gate),
        "threshold" => threshold(&mut fields).map(Kind::Threshold).map(gate),
        "webhook" => webhook::read(&called, &mut fields, steps, origin).map(Read::Webhook),
        "manual" => Some(Read::SignOff(called.clone())),
        _ => {
            fields.faults.value(at.field("kind"), &kind, KINDS);
            return None;
        }
    };
    fields.refuse_rest(&kind);
    name.and(read)
}

fn window(fields: &mut Fields<'_>) -> Option<Duration> {
    let window =
        fields.optional("window", |text| within(WINDOWS, by_rule(duration::parse)(text)?))?;
    Some(window.unwrap_or(Gate::DEFAULT_WINDOW))
}

fn threshold(fields: &mut Fields<'_>) -> Option<Threshold> {
    let window = window(fields);
    let query = fields.required("query", "PromQL that gives one number", from_text_template);
    let limits = Limits {
        min: fields.optional("min", finite)?,
        max: fields.optional("max", finite)?,
        max_ratio: fields.optional("maxRatio", multiple)?,
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
    Some(Threshold { query, limits, samples, window: window? })
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

fn multiple(text: &str) -> Result<f64, String> {
    let found = finite(text).ok().filter(|found| *found > 0.0);
    found.ok_or_else(|| "a multiple of stable's value above 0, such as 1.5".to_owned())
}
