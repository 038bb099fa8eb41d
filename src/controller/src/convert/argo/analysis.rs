//! Argo's analyses as gates.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::condition::{self, Limits};
use super::super::remains::{Remains, field};
use super::super::steps::millis;
use super::super::{find, query};
use super::{Rollout, hints};

impl Rollout<'_> {
    /// Adds the gates of an analysis, and gives how long it lasts, in milliseconds.
    pub(super) fn analysis(&mut self, place: &str) -> u64 {
        if self.remains.peek(place).is_none() {
            return 0;
        }
        let mut args = BTreeMap::new();
        for index in 0..self.remains.count(&format!("{place}.args")) {
            let of = |field: &str| format!("{place}.args.{index}.{field}");
            let name = self.remains.text(&of("name")).unwrap_or_default();
            if let Some(value) = self.remains.text(&of("value")) {
                args.insert(format!("args.{name}"), value);
            } else {
                self.remains.take(&of("valueFrom"));
            }
        }
        let mut dry = Vec::new();
        for index in 0..self.remains.count(&format!("{place}.dryRun")) {
            dry.extend(self.remains.text(&format!("{place}.dryRun.{index}.metricName")));
        }
        self.remains.take(&format!("{place}.measurementRetention"));
        self.remains.take(&format!("{place}.analysisRunMetadata"));
        let mut lasts = 0;
        for index in 0..self.remains.count(&format!("{place}.templates")) {
            let of = |field: &str| format!("{place}.templates.{index}.{field}");
            let Some(name) = self.remains.text(&of("templateName")) else { continue };
            self.remains.take(&of("clusterScope"));
            let kinds = ["AnalysisTemplate", "ClusterAnalysisTemplate"];
            match find(self.documents, &kinds, &name) {
                Some(template) => lasts = lasts.max(self.template(&name, template, &args, &dry)),
                None => self.parts.left_out(
                    field(&of("templateName")),
                    format!(
                        "AnalysisTemplate {name} is not among the documents: give its file too"
                    ),
                ),
            }
        }
        lasts
    }

    /// The gates of one template.
    fn template(
        &mut self,
        name: &str,
        template: &Value,
        args: &BTreeMap<String, String>,
        dry: &[String],
    ) -> u64 {
        let mut template = Remains::of(template);
        let mut known = BTreeMap::new();
        for index in 0..template.count("args") {
            let of = |field: &str| format!("args.{index}.{field}");
            let arg = template.text(&of("name")).unwrap_or_default();
            if let Some(value) = template.text(&of("value")) {
                known.insert(format!("args.{arg}"), value);
            }
            template.take(&of("valueFrom"));
        }
        known.extend(args.clone());
        for index in 0..template.count("dryRun") {
            template.take(&format!("dryRun.{index}"));
        }
        let mut lasts = 0;
        for index in 0..template.count("metrics") {
            let place = format!("metrics.{index}");
            lasts = lasts.max(self.metric(&place, name, &mut template, &known, dry));
        }
        let notes = template.notes(hints::OF_TEMPLATE);
        self.parts.notes_of(&format!("AnalysisTemplate {name}"), notes);
        lasts
    }

    /// The gate of one metric; gives how long it is measured, in milliseconds.
    fn metric(
        &mut self,
        place: &str,
        template_name: &str,
        template: &mut Remains,
        known: &BTreeMap<String, String>,
        dry: &[String],
    ) -> u64 {
        let of = |field: &str| format!("{place}.{field}");
        let at = format!("AnalysisTemplate {template_name}: {}", field(place));
        let name = template.text(&of("name")).unwrap_or_else(|| "metric".to_owned());
        let between = template.peek(&of("interval")).and_then(Value::as_str).and_then(millis);
        let count = template.peek(&of("count")).and_then(Value::as_u64).unwrap_or(0);
        let lasts = between.unwrap_or(0).saturating_mul(count);
        if template.peek(&of("provider.web")).is_some() && !dry.contains(&name) {
            self.web(place, &at, &name, template, known);
            return 0;
        }
        let (success, failure) =
            (template.text(&of("successCondition")), template.text(&of("failureCondition")));
        let provider = of("provider.prometheus");
        if template.peek(&provider).is_none() {
            let asked = template.take(&of("provider"));
            let asked = asked.as_ref().and_then(Value::as_object);
            let kind = asked.and_then(|it| it.keys().next()).map_or("nobody", String::as_str);
            let what =
                format!("{name}: {kind} is not asked: Prometheus is, so bring the numbers there");
            template.take(place);
            self.parts.left_out(at, what);
            return 0;
        }
        if dry.contains(&name) {
            template.take(place);
            self.parts
                .left_out(at, format!("{name} is a dry run: there are no gates that only watch"));
            return 0;
        }
        let query = template.text(&format!("{provider}.query")).unwrap_or_default();
        template.take(&format!("{provider}.timeout"));
        self.server(&at, &name, template, &provider);
        let limits = match (&success, &failure) {
            (_, Some(failure)) => condition::failure(failure),
            (Some(success), None) => condition::success(success),
            (None, None) => None,
        };
        if let (Some(success), Some(_)) = (&success, &failure) {
            let what =
                format!("{name}: what is neither a success ({success}) nor a failure passes");
            self.parts.left_out(format!("{at}.successCondition"), what);
        }
        let Some(limits) = limits.filter(|limits| *limits != Limits::default()) else {
            let told = failure.or(success).unwrap_or_else(|| "no condition".to_owned());
            let what = format!("{name}: {told} is not understood: write the gate's limits by hand");
            template.take(place);
            self.parts.left_out(at, what);
            return 0;
        };
        match query::fill(&query, known) {
            Ok(query) => {
                let mut gate = Map::from_iter([("query".to_owned(), query.into())]);
                limits.put(&mut gate);
                self.gates.add(&name, "threshold", gate);
            }
            Err(unknown) => {
                template.take(place);
                let what = format!(
                    "{name} asks for {unknown}, which nobody fills in: write the gate's query by hand"
                );
                self.parts.left_out(at, what);
            }
        }
        lasts
    }

    /// Notes which Prometheus is asked, and with which headers.
    fn server(&mut self, at: &str, name: &str, template: &mut Remains, provider: &str) {
        if let Some(address) = template.text(&format!("{provider}.address")) {
            match &self.server.address {
                Some(first) if *first != address => self.parts.left_out(
                    format!("{at}.provider.prometheus.address"),
                    format!("{name}: all gates ask one Prometheus, {first}, so not {address}"),
                ),
                _ => self.server.address = Some(address),
            }
        }
        if let Some(Value::Array(headers)) = template.take(&format!("{provider}.headers")) {
            let pairs = headers.into_iter().filter_map(|header| {
                let text = |field| header.get(field).and_then(Value::as_str).map(str::to_owned);
                Some((text("key")?, Value::from(text("value")?)))
            });
            self.server.headers = Some(Value::Object(pairs.collect()));
        }
    }
}
