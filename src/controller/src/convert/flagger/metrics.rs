//! Flagger's metrics as gates.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::condition::Limits;
use super::super::gates::Gates;
use super::super::remains::{Remains, field};
use super::super::{Server, find, query};
use super::{Canary, hints};

impl Canary<'_> {
    pub(super) fn gates(&mut self, target: &str, service: &str, interval: &str) {
        let mut gates = Gates::default();
        let mut server = Server { address: self.remains.text("metricsServer"), headers: None };
        for index in 0..self.remains.count("analysis.metrics") {
            let place = format!("analysis.metrics.{index}");
            let named = self.metric(&place, (target, service), interval, &mut gates);
            let Some(named) = named else { continue };
            match (&server.address, named.address) {
                (Some(first), Some(other)) if *first != other => self.parts.left_out(
                    field(&format!("{place}.templateRef")),
                    format!("all gates ask one Prometheus, {first}, so not {other}"),
                ),
                (None, other) => server.address = other,
                _ => {}
            }
            server.headers = server.headers.or(named.headers);
        }
        self.ask(&mut gates);
        self.parts.set_gates(gates, server, self.assumed);
    }

    /// Adds the gate for a metric, and gives the Prometheus that its template names.
    fn metric(
        &mut self,
        place: &str,
        (target, service): (&str, &str),
        interval: &str,
        gates: &mut Gates,
    ) -> Option<Server> {
        let of = |field: &str| format!("{place}.{field}");
        let name = self.remains.text(&of("name")).unwrap_or_else(|| "metric".to_owned());
        let window = self.remains.text(&of("interval")).unwrap_or_else(|| interval.to_owned());
        let limits = Limits {
            min: self.remains.number(&of("thresholdRange.min")),
            max: self.remains.number(&of("thresholdRange.max")),
        };
        let template = self.remains.text(&of("templateRef.name"));
        let inline = self.remains.text(&of("query"));
        let (asked, server) = match (template, inline) {
            (Some(template), _) => {
                self.remains.take(&of("templateRef.namespace"));
                match self.template(place, &template) {
                    Some((asked, server)) => (asked, Some(server)),
                    None => return None,
                }
            }
            (None, Some(inline)) => (inline, None),
            (None, None) => {
                self.built_in(place, &name, limits, gates);
                return None;
            }
        };
        let mut known = BTreeMap::from(
            [
                ("name", self.parts.name.as_str()),
                ("namespace", self.parts.namespace.as_deref().unwrap_or("default")),
                ("target", target),
                ("service", service),
                ("interval", "{{window}}"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        if let Some(Value::Object(variables)) = self.remains.take(&of("templateVariables")) {
            known.extend(variables.into_iter().filter_map(|(name, value)| {
                Some((format!("variables.{name}"), value.as_str()?.to_owned()))
            }));
        }
        match query::fill(&asked, &known) {
            Ok(_) if limits == Limits::default() => {
                self.parts.left_out(field(place), format!("{name} has no thresholdRange"));
            }
            Ok(query) => {
                let mut gate = Map::from_iter([("query".to_owned(), query.into())]);
                gate.insert("window".to_owned(), window.into());
                limits.put(&mut gate);
                gates.add(&name, "threshold", gate);
            }
            Err(unknown) => self.parts.left_out(
                field(place),
                format!("{name} asks for {unknown}, which nobody fills in: write the gate's query by hand"),
            ),
        }
        server
    }

    /// The metrics that Flagger knows by name.
    fn built_in(&mut self, place: &str, name: &str, limits: Limits, gates: &mut Gates) {
        match (name, limits) {
            // A share of requests is never above 100 %, nor a duration below nothing.
            ("request-success-rate", Limits { min, max }) if max.is_none_or(|max| max >= 100.0) => {
                let mut gate = Map::new();
                if let Some(min) = min.filter(|min| (0.0..100.0).contains(min)) {
                    // Of binary fractions the percent would show digits that nobody wrote.
                    let errors = ((100.0 - min) * 100.0).round() / 100.0;
                    gate.insert("slo".to_owned(), format!("{errors}%").into());
                }
                gates.add(name, "errorRate", gate);
                self.parts.note(
                    field(place),
                    "the canary's errors are compared with stable's; where both are above the limit (slo) it holds",
                );
            }
            ("request-duration", Limits { min, max }) if min.is_none_or(|min| min <= 0.0) => {
                let mut gate = Map::new();
                if let Some(max) = max.filter(|max| *max >= 1.0) {
                    gate.insert("bounds".to_owned(), json!([format!("{}ms", max.round())]));
                }
                gates.add(name, "latency", gate);
                self.parts.note(
                    field(place),
                    "the share of requests slower than the limit is compared with stable's, not a percentile",
                );
            }
            _ => self.parts.left_out(
                field(place),
                format!(
                    "{name} has no query, and is no metric that is known here with such limits"
                ),
            ),
        }
    }

    /// The query of a template, and where it is asked.
    fn template(&mut self, place: &str, name: &str) -> Option<(String, Server)> {
        let at = field(&format!("{place}.templateRef"));
        let Some(template) = find(self.documents, &["MetricTemplate"], name) else {
            let what =
                format!("MetricTemplate {name} is not among the documents: give its file too");
            self.parts.left_out(at, what);
            return None;
        };
        let mut template = Remains::of(template);
        let kind = template.text("provider.type").unwrap_or_default();
        if kind != "prometheus" {
            let what = format!("{kind} is not asked: Prometheus is, so bring the numbers there");
            self.parts.left_out(at, what);
            return None;
        }
        let server = Server {
            address: template.text("provider.address"),
            headers: template.take("provider.headers").and_then(first_of_each),
        };
        let query = template.text("query").unwrap_or_default();
        let notes = template.notes(hints::OF_TEMPLATE);
        self.parts.notes_of(&format!("MetricTemplate {name}"), notes);
        Some((query, server))
    }
}

/// Flagger's headers have lists of values.
fn first_of_each(headers: Value) -> Option<Value> {
    let Value::Object(headers) = headers else { return None };
    let one = |value: Value| match value {
        Value::Array(values) => values.into_iter().next(),
        other => Some(other),
    };
    Some(Value::Object(
        headers.into_iter().filter_map(|(name, value)| Some((name, one(value)?))).collect(),
    ))
}
