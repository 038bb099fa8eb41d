//! Argo's `Rollout`, with its `AnalysisTemplate`s.
//!
//! A Rollout holds one pod template and keeps two sets of pods of it. Here they are two Deployments,
//! of which the second gets new versions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::condition::{self, Limits};
use super::gates::Gates;
use super::remains::{Hints, Remains, field};
use super::steps::{BAKE, CAREFUL, Step, millis};
use super::{Assumed, Converted, Fault, Note, Parts, find, query};

const HINTS: &Hints = &[
    (
        "replicas",
        "it stands in Deployment DEPLOYMENT; the canary's pods are scaled by the controller",
    ),
    (
        "selector",
        "write two Deployments of this pod template, DEPLOYMENT and DEPLOYMENT-canary, each with a label of its own",
    ),
    (
        "template",
        "write two Deployments of this pod template, DEPLOYMENT and DEPLOYMENT-canary, each with a label of its own",
    ),
    ("minReadySeconds", "set it in both Deployments: it is waited for"),
    ("revisionHistoryLimit", "set it in both Deployments"),
    (
        "progressDeadlineSeconds",
        "set it in both Deployments; a canary without a ready pod for policy.notReadyAfter loses its weight",
    ),
    (
        "progressDeadlineAbort",
        "a canary without a ready pod for policy.notReadyAfter loses its weight",
    ),
    ("paused", "`kubectl serin pause NAME` stops rises"),
    ("restartAt", "`kubectl rollout restart` does it, of either Deployment"),
    ("rollbackWindow", "every new version goes through the steps"),
    ("analysis", "the log of decisions has a bound of its own"),
    ("strategy.canary.maxSurge", "set it in the Deployments"),
    ("strategy.canary.maxUnavailable", "set it in the Deployments"),
    ("strategy.*.antiAffinity", "set it in the Deployments' pod templates"),
    ("strategy.canary.canaryMetadata", "set it in Deployment DEPLOYMENT-canary"),
    ("strategy.canary.stableMetadata", "set it in Deployment DEPLOYMENT"),
    (
        "strategy.*.scaleDownDelaySeconds",
        "the canary goes to zero once three scrapes show that nothing reaches it",
    ),
    (
        "strategy.*.abortScaleDownDelaySeconds",
        "the canary goes to zero once three scrapes show that nothing reaches it",
    ),
    (
        "strategy.*.scaleDownDelayRevisionLimit",
        "there are two Deployments and no older sets of pods",
    ),
    (
        "strategy.canary.minPodsPerReplicaSet",
        "the canary has one pod at least; with target.capacity: ignore its pods are yours",
    ),
    (
        "strategy.canary.dynamicStableScale",
        "stable keeps its pods until the end: everyone may have to go back there",
    ),
    ("strategy.canary.pingPong", "which side serves is told by the weights, not by Services"),
    (
        "strategy.canary.trafficRouting.istio.virtualServices",
        "one release has one VirtualService: write a release for each",
    ),
    (
        "strategy.canary.trafficRouting.istio",
        "only one VirtualService, its routes and one DestinationRule have a counterpart",
    ),
    (
        "strategy.canary.trafficRouting.managedRoutes",
        "no route is made: marks of the filter take the place of header routes",
    ),
    (
        "strategy.canary.trafficRouting.*",
        "weights are moved in an Istio VirtualService: route by one, or have the filter alone carry them (README, plain Envoy)",
    ),
    (
        "strategy.canary.analysis.startingStep",
        "gates hold from the first step on; evidence.skip leaves out the first minutes",
    ),
    ("strategy.blueGreen.previewService", "testers see the canary by a header: assignment.testers"),
    (
        "strategy.blueGreen.previewReplicaCount",
        "the canary gets the pods that the next weight needs",
    ),
    ("strategy.blueGreen.activeMetadata", "set it in Deployment DEPLOYMENT"),
    ("strategy.blueGreen.previewMetadata", "set it in Deployment DEPLOYMENT-canary"),
    ("strategy.blueGreen.autoPromotionSeconds", "each step lasts for its bake time"),
];

/// What an `AnalysisTemplate` may say and a gate may not.
const OF_METRICS: &Hints = &[
    ("metrics.*.count", "a gate holds for as long as its step lasts"),
    ("metrics.*.interval", "a gate is read at every scrape"),
    (
        "metrics.*.initialDelay",
        "evidence.skip leaves out the first minutes, policy.noDataAlertAfter waits for data",
    ),
    ("metrics.*.failureLimit", "a `threshold` gate fails at once: smooth its query"),
    ("metrics.*.inconclusiveLimit", "too little to tell holds, for as long as it takes"),
    ("metrics.*.consecutiveErrorLimit", "metrics that do not answer hold, and raise an alert"),
    ("metrics.*.consecutiveSuccessLimit", "a step lasts for its bake time"),
    (
        "metrics.*.provider.prometheus.insecure",
        "name the authority to trust: metrics.prometheus.caFile",
    ),
    (
        "metrics.*.provider.prometheus.authentication",
        "name the files: metrics.prometheus.bearerTokenFile or basicAuth",
    ),
    (
        "metrics.*.provider.prometheus.rangeQuery",
        "one number is asked for: take the worst of the range by a subquery",
    ),
    ("measurementRetention", "the log of decisions has a bound of its own"),
    ("templates", "templates of templates: name them in the Rollout"),
];

pub(super) fn convert(
    document: &Value,
    documents: &[Value],
    assumed: &Assumed,
) -> Result<Converted, Fault> {
    let text = |place: &str| document.pointer(place).and_then(Value::as_str).map(str::to_owned);
    let mut rollout = Rollout {
        remains: Remains::of(document),
        parts: Parts {
            kind: "Rollout",
            name: text("/metadata/name").unwrap_or_default(),
            namespace: text("/metadata/namespace"),
            spec: Map::new(),
            notes: Vec::new(),
        },
        gates: Gates::default(),
        address: None,
        headers: None,
        pinned: Vec::new(),
        documents,
    };
    rollout.target();
    rollout.traffic();
    if rollout.remains.peek("strategy.blueGreen").is_some() {
        rollout.blue_green();
    } else {
        rollout.analysis("strategy.canary.analysis");
        rollout.steps();
    }
    rollout.assignment();
    rollout.metrics(assumed);
    let Rollout { remains, mut parts, .. } = rollout;
    parts.notes.extend(remains.notes(HINTS));
    parts.finish()
}

struct Rollout<'a> {
    remains: Remains,
    parts: Parts,
    gates: Gates,
    address: Option<String>,
    headers: Option<Value>,
    /// The segments that header routes become.
    pinned: Vec<Value>,
    documents: &'a [Value],
}

impl Rollout<'_> {
    fn target(&mut self) {
        let named = self.remains.text("workloadRef.name");
        if named.is_some() {
            self.remains.take("workloadRef");
            self.parts.note(
                "spec.workloadRef",
                "the Deployment serves again: scale it up before the Rollout goes, and write a second one, DEPLOYMENT-canary",
            );
        }
        let stable = named.unwrap_or_else(|| self.parts.name.clone());
        let target = json!({"stable": stable, "canary": format!("{stable}-canary")});
        self.parts.spec.insert("target".to_owned(), target);
    }

    fn traffic(&mut self) {
        let istio = "strategy.canary.trafficRouting.istio";
        let of = |field: &str| format!("{istio}.{field}");
        let name = self.parts.name.clone();
        let service = |remains: &mut Remains, field: &str| {
            remains
                .text(&format!("strategy.canary.{field}"))
                .or_else(|| remains.text(&format!("strategy.blueGreen.{field}")))
        };
        let stable = service(&mut self.remains, "stableService")
            .or_else(|| service(&mut self.remains, "activeService"))
            .unwrap_or_else(|| name.clone());
        let canary = service(&mut self.remains, "canaryService");
        let subset =
            |remains: &mut Remains, field| remains.text(&of(&format!("destinationRule.{field}")));
        let subsets = subset(&mut self.remains, "stableSubsetName")
            .zip(subset(&mut self.remains, "canarySubsetName"));
        let rule = subset(&mut self.remains, "name");
        let (stable, canary) = if let Some((of_stable, of_canary)) = subsets {
            let host = rule
                .and_then(|rule| find(self.documents, &["DestinationRule"], &rule))
                .and_then(|rule| rule.pointer("/spec/host")?.as_str().map(str::to_owned))
                .unwrap_or(stable);
            let side = |subset| json!({"host": host, "subset": subset, "port": 80});
            (side(of_stable), side(of_canary))
        } else {
            let canary = canary.unwrap_or_else(|| format!("{stable}-canary"));
            (json!({"host": stable, "port": 80}), json!({"host": canary, "port": 80}))
        };
        let virtual_service = self.virtual_service(&of("virtualService"), &name);
        let mut traffic =
            json!({"virtualService": virtual_service, "stable": stable, "canary": canary});
        let routes = of("virtualService.routes");
        if let (1, Some(route)) =
            (self.remains.count(&routes), self.remains.text(&format!("{routes}.0")))
            && let Some(fields) = traffic.as_object_mut()
        {
            fields.insert("entries".to_owned(), json!({"rest": route}));
        }
        self.parts.spec.insert("traffic".to_owned(), traffic);
        self.parts.note(
            "spec.strategy",
            format!(
                "VirtualService {virtual_service} needs three entries by name \
                 (istio/examples/shop/routes.yaml), and port 80 is assumed for both destinations"
            ),
        );
    }

    fn virtual_service(&mut self, place: &str, name: &str) -> String {
        match self.remains.text(&format!("{place}.name")) {
            Some(named) => match named.split_once('/') {
                Some((namespace, name)) => {
                    let what = format!(
                        "it stands in namespace {namespace}: a release moves weights in its own namespace alone"
                    );
                    self.parts.left_out(field(&format!("{place}.name")), what);
                    name.to_owned()
                }
                None => named,
            },
            None => name.to_owned(),
        }
    }

    fn steps(&mut self) {
        let most = self.remains.number("strategy.canary.trafficRouting.maxTrafficWeight");
        let scale = 100.0 / most.filter(|most| *most > 0.0).unwrap_or(100.0);
        let mut steps: Vec<Step> = Vec::new();
        let mut before_ms = 0;
        for index in 0..self.remains.count("strategy.canary.steps") {
            let place = format!("strategy.canary.steps.{index}");
            let of = |field: &str| format!("{place}.{field}");
            if let Some(weight) = self.remains.number(&of("setWeight")) {
                let weight = (weight * scale * 100.0).round() / 100.0;
                let last = steps.last().map_or(0.0, |step| step.weight);
                if weight > last && weight <= 100.0 {
                    steps.push(Step { weight, bake_ms: 0, manual: false });
                } else {
                    let what = format!("weights rise, so {weight} after {last} is no step");
                    self.parts.left_out(field(&of("setWeight")), what);
                }
            } else if self.remains.peek(&of("pause")).is_some() {
                let duration = self.remains.text(&of("pause.duration"));
                self.remains.take(&of("pause"));
                let Some(step) = steps.last_mut() else {
                    let what = "before the first weight there is nothing to pause: `kubectl serin pause NAME`";
                    self.parts.left_out(field(&of("pause")), what);
                    continue;
                };
                match duration.as_deref().map(millis) {
                    None => step.manual = true,
                    Some(Some(more)) => step.bake_ms = step.bake_ms.saturating_add(more),
                    Some(None) => self.parts.left_out(
                        field(&of("pause.duration")),
                        "it is no duration that is understood",
                    ),
                }
            } else if self.remains.peek(&of("analysis")).is_some() {
                let lasts = self.analysis(&of("analysis"));
                match steps.last_mut() {
                    Some(step) => step.bake_ms = step.bake_ms.saturating_add(lasts),
                    None => before_ms += lasts,
                }
            } else if self.remains.peek(&of("setHeaderRoute")).is_some() {
                self.header_route(&of("setHeaderRoute"));
            } else {
                self.other(&place);
            }
        }
        if before_ms > 0 {
            let what = "an analysis before the first weight has no counterpart: its gates hold from the first step on";
            self.parts.left_out("spec.strategy.canary.steps", what);
        }
        if steps.is_empty() {
            self.parts
                .note("spec.strategy.canary.steps", "there are no weights: these are careful ones");
            steps = careful(false);
        }
        self.put(&steps);
    }

    /// Steps that have no counterpart at all.
    fn other(&mut self, place: &str) {
        let advice = [
            (
                "setCanaryScale",
                "the canary is scaled to its share of stable's pods; with target.capacity: ignore its pods are yours",
            ),
            ("experiment", "no third set of pods is compared: the canary is, with stable"),
            ("setMirrorRoute", "mirroring has no counterpart: no step is without users"),
            (
                "plugin",
                "nobody is called: write what it finds into a metric and have a `threshold` gate read it",
            ),
            (
                "replicaProgressThreshold",
                "all pods that the next weight needs must be ready before a rise",
            ),
        ];
        for (name, what) in advice {
            let at = format!("{place}.{name}");
            if self.remains.take(&at).is_some() {
                self.parts.left_out(field(&at), what);
            }
        }
    }

    /// Users by a header: a segment that is on the canary.
    fn header_route(&mut self, place: &str) {
        let Some(Value::Object(route)) = self.remains.take(place) else { return };
        let Some(matches) = route.get("match").and_then(Value::as_array) else {
            let what = "a segment lasts as long as the release: take it out by hand";
            self.parts.left_out(field(place), what);
            return;
        };
        let conditions: Option<Vec<Value>> = matches.iter().map(header).collect();
        let Some(mut conditions) = conditions else {
            let what =
                "only headers by exact value or prefix can be asked for: assignment.segments";
            self.parts.left_out(field(place), what);
            return;
        };
        let name = route.get("name").and_then(Value::as_str).unwrap_or("header-route");
        let when = match (conditions.len(), conditions.pop()) {
            (1, Some(one)) => one,
            (_, Some(last)) => {
                conditions.push(last);
                json!({ "any": conditions })
            }
            (_, None) => return,
        };
        self.pinned.push(json!({"name": name, "when": when, "variant": "canary"}));
        let what =
            "it is a segment, which holds from the start of the rollout and not from this step on";
        self.parts.note(field(place), what);
    }

    fn blue_green(&mut self) {
        let of = |field: &str| format!("strategy.blueGreen.{field}");
        self.analysis(&of("prePromotionAnalysis"));
        self.analysis(&of("postPromotionAnalysis"));
        let manual = self.remains.flag(&of("autoPromotionEnabled")) == Some(false);
        self.parts.left_out(
            "spec.strategy.blueGreen",
            "a switch of everyone at once has no counterpart: these are steps with few users first",
        );
        self.put(&careful(manual));
    }

    fn put(&mut self, steps: &[Step]) {
        let steps: Vec<Value> = steps.iter().map(Step::json).collect();
        self.parts.spec.insert("steps".to_owned(), Value::Array(steps));
        self.parts.spec.insert("onSuccess".to_owned(), "promote".into());
    }

    /// Adds the gates of an analysis, and gives how long it lasts, in milliseconds.
    fn analysis(&mut self, place: &str) -> u64 {
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
        self.parts.notes.extend(template.notes(OF_METRICS).into_iter().map(|note| Note {
            field: format!("AnalysisTemplate {name}: {}", note.field),
            ..note
        }));
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
            match &self.address {
                Some(first) if *first != address => self.parts.left_out(
                    format!("{at}.provider.prometheus.address"),
                    format!("{name}: all gates ask one Prometheus, {first}, so not {address}"),
                ),
                _ => self.address = Some(address),
            }
        }
        if let Some(Value::Array(headers)) = template.take(&format!("{provider}.headers")) {
            let pairs = headers.into_iter().filter_map(|header| {
                let text = |field| header.get(field).and_then(Value::as_str).map(str::to_owned);
                Some((text("key")?, Value::from(text("value")?)))
            });
            self.headers = Some(Value::Object(pairs.collect()));
        }
    }

    fn assignment(&mut self) {
        let mut assignment = json!({"anonymous": "random"});
        let pinned = core::mem::take(&mut self.pinned);
        if let (false, Some(fields)) = (pinned.is_empty(), assignment.as_object_mut()) {
            fields.insert("segments".to_owned(), Value::Array(pinned));
        }
        self.parts.spec.insert("assignment".to_owned(), assignment);
        self.parts.note(
            "assignment",
            "requests are drawn one by one, as before: say where the user's id stands \
             (assignment.identity), so that users stay on their side",
        );
    }

    fn metrics(&mut self, assumed: &Assumed) {
        let mut gates = core::mem::take(&mut self.gates);
        gates.add("errors", "errorRate", Map::new());
        self.parts
            .note("gates", "`errors` is added: it compares the canary's errors with stable's");
        let address = self.address.take().unwrap_or_else(|| {
            let assumed = assumed.prometheus.clone();
            let what = format!("no Prometheus is named: {assumed} is assumed (--prometheus)");
            self.parts.note("metrics", what);
            assumed
        });
        let mut prometheus = json!({"address": address});
        if let (Some(headers), Some(fields)) = (self.headers.take(), prometheus.as_object_mut()) {
            fields.insert("headers".to_owned(), headers);
        }
        self.parts.spec.insert("metrics".to_owned(), json!({"prometheus": prometheus}));
        self.parts.spec.insert("gates".to_owned(), gates.json());
    }
}

fn careful(manual: bool) -> Vec<Step> {
    let bake_ms = millis(BAKE).unwrap_or_default();
    CAREFUL.into_iter().map(|weight| Step { weight, bake_ms, manual }).collect()
}

/// A header route's test as a condition.
fn header(test: &Value) -> Option<Value> {
    let name = test.get("headerName")?.as_str()?;
    let mut tests = test.get("headerValue")?.as_object()?.iter();
    let ((kind, value), None) = (tests.next()?, tests.next()) else { return None };
    let word = match kind.as_str() {
        "exact" => "is",
        "prefix" => "prefix",
        _ => return None,
    };
    Some(json!({"header": name, word: value.as_str()?}))
}
