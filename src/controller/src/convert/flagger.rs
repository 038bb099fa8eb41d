//! Flagger's `Canary`, with its `MetricTemplate`s.
//!
//! Flagger makes a Deployment `NAME-primary` of the one that it is given, and Services and routes of
//! its own. Here the two Deployments, the Services and the `VirtualService` are their owner's, so
//! that what it made is kept and named.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::condition::Limits;
use super::gates::Gates;
use super::remains::{Hints, Remains, field};
use super::steps::{BAKE, CAREFUL, Step, millis};
use super::{Assumed, Converted, Fault, Note, Parts, find, query};

/// How often Flagger checks where nobody says, and so how long a step is.
const INTERVAL: &str = "1m";

/// The weight at which Flagger promotes where nobody says.
const MAX_WEIGHT: f64 = 100.0;

const HINTS: &Hints = &[
    (
        "progressDeadlineSeconds",
        "set it in the Deployments; a canary without a ready pod for policy.notReadyAfter loses its weight",
    ),
    ("skipAnalysis", "every new version goes through the steps"),
    ("suspend", "`kubectl serin pause NAME` stops rises"),
    (
        "autoscalerRef",
        "name an autoscaler for each of the two Deployments: the controller finds them, and leaves their replicas alone",
    ),
    (
        "ingressRef",
        "weights are moved in an Istio VirtualService: route by one, or have the filter alone carry them (README, plain Envoy)",
    ),
    (
        "routeRef",
        "weights are moved in an Istio VirtualService: route by one, or have the filter alone carry them (README, plain Envoy)",
    ),
    (
        "upstreamRef",
        "weights are moved in an Istio VirtualService: route by one, or have the filter alone carry them (README, plain Envoy)",
    ),
    ("service.gatewayRefs", "weights are moved in an Istio VirtualService, not in an HTTPRoute"),
    (
        "service.mirror",
        "mirroring has no counterpart: the VirtualService can do it, and stays yours",
    ),
    (
        "service.targetPort",
        "it stands in the Services, which are yours: keep those that Flagger made",
    ),
    (
        "service.portName",
        "it stands in the Services, which are yours: keep those that Flagger made",
    ),
    (
        "service.appProtocol",
        "it stands in the Services, which are yours: keep those that Flagger made",
    ),
    (
        "service.trafficDistribution",
        "it stands in the Services, which are yours: keep those that Flagger made",
    ),
    (
        "service.portDiscovery",
        "it stands in the Services, which are yours: keep those that Flagger made",
    ),
    (
        "service.headless",
        "it stands in the Services, which are yours: keep those that Flagger made",
    ),
    ("service.apex", "it stands on the Services, which are yours: keep those that Flagger made"),
    ("service.primary", "it stands on the Services, which are yours: keep those that Flagger made"),
    ("service.canary", "it stands on the Services, which are yours: keep those that Flagger made"),
    ("service.unmanagedMetadata", "nothing on the Services is managed: they are yours"),
    (
        "service.trafficPolicy",
        "it stands in the DestinationRules, which are yours: keep those that Flagger made",
    ),
    (
        "service.*",
        "it stands in the VirtualService, which is yours: the controller changes its weights and nothing else",
    ),
    (
        "analysis.threshold",
        "failed checks are not counted: evidence against the canary decides, whenever it is enough (evidence.alpha); a `threshold` gate fails at once, so smooth its query",
    ),
    ("analysis.stepWeightPromotion", "at the end everyone goes back to stable in one write"),
    ("analysis.primaryReadyThreshold", "all pods of stable must be ready before a rise"),
    (
        "analysis.canaryReadyThreshold",
        "all pods that the next weight needs must be ready before a rise",
    ),
    ("analysis.mirror", "mirroring has no counterpart: no step is without users"),
    ("analysis.mirrorWeight", "mirroring has no counterpart: no step is without users"),
    (
        "analysis.alerts.*",
        "Events on the release and the alerts of `serin status` say the same; raise them with Prometheus",
    ),
    (
        "analysis.webhooks.*",
        "nobody is called: have a test write what it finds into a metric and a `threshold` gate read it, or a manual step wait for it",
    ),
    ("analysis.match.*", "only headers by exact value, prefix or suffix can be asked for"),
    ("analysis.sessionAffinity.*", "it has no counterpart for the cookie of the user's id"),
    (
        "analysis.metrics.*.threshold",
        "it is the old form of thresholdRange, and which end it means is not told",
    ),
];

pub(super) fn convert(
    document: &Value,
    documents: &[Value],
    assumed: &Assumed,
) -> Result<Converted, Fault> {
    let text = |place: &str| document.pointer(place).and_then(Value::as_str).map(str::to_owned);
    let name = text("/metadata/name").unwrap_or_default();
    let mut canary = Canary {
        remains: Remains::of(document),
        parts: Parts {
            kind: "Canary",
            name: name.clone(),
            namespace: text("/metadata/namespace"),
            spec: Map::new(),
            notes: Vec::new(),
        },
        documents,
        assumed,
    };
    let target = canary.target()?;
    let service = canary.remains.text("service.name").unwrap_or_else(|| target.clone());
    canary.traffic(&service);
    let eligible = canary.matches();
    canary.assignment(eligible);
    let interval = canary.remains.text("analysis.interval");
    let interval = interval.unwrap_or_else(|| INTERVAL.to_owned());
    canary.steps(&interval);
    canary.gates(&target, &service, &interval);
    let Canary { remains, mut parts, .. } = canary;
    parts.notes.extend(remains.notes(HINTS));
    parts.finish()
}

struct Canary<'a> {
    remains: Remains,
    parts: Parts,
    documents: &'a [Value],
    assumed: &'a Assumed,
}

impl Canary<'_> {
    /// The Deployment that gets new versions.
    fn target(&mut self) -> Result<String, Fault> {
        let missing = |rule| Fault::Missing {
            kind: "Canary",
            name: self.parts.name.clone(),
            field: "spec.targetRef",
            rule,
        };
        let kind = self.remains.text("targetRef.kind").unwrap_or_default();
        if kind != "Deployment" {
            return Err(missing(
                "only a Deployment has a counterpart; DaemonSets and Services have none",
            ));
        }
        let name =
            self.remains.text("targetRef.name").ok_or_else(|| missing("it names a Deployment"))?;
        self.remains.take("targetRef.apiVersion");
        self.parts.spec.insert(
            "target".to_owned(),
            json!({"stable": format!("{name}-primary"), "canary": name}),
        );
        Ok(name)
    }

    fn traffic(&mut self, service: &str) {
        match self.remains.text("provider").as_deref() {
            None | Some("istio") => {}
            Some(other) => self.parts.left_out(
                "spec.provider",
                format!("weights are moved in an Istio VirtualService, not by {other}"),
            ),
        }
        let port = self.remains.take("service.port").unwrap_or_else(|| 80.into());
        let side = |role: &str| json!({"host": format!("{service}-{role}"), "port": port});
        self.parts.spec.insert(
            "traffic".to_owned(),
            json!({
                "virtualService": service,
                "stable": side("primary"),
                "canary": side("canary"),
            }),
        );
        self.parts.note(
            "spec.service",
            format!(
                "VirtualService {service} needs three entries by name (istio/examples/shop/routes.yaml); \
                 take it over from Flagger before its Canary is deleted"
            ),
        );
        // What Serin does anyway.
        self.remains.take("revertOnDeletion");
    }

    /// Who may be on the canary in an A/B test, as a condition.
    fn matches(&mut self) -> Option<Value> {
        let mut any = Vec::new();
        for index in 0..self.remains.count("analysis.match") {
            let place = format!("analysis.match.{index}.headers");
            let Some(Value::Object(headers)) = self.remains.peek(&place).cloned() else { continue };
            let conditions: Option<Vec<Value>> =
                headers.iter().map(|(name, test)| condition(name, test)).collect();
            if let Some(mut conditions) = conditions {
                self.remains.take(&place);
                match (conditions.pop(), conditions.is_empty()) {
                    (Some(one), true) => any.push(one),
                    (Some(last), false) => {
                        conditions.push(last);
                        any.push(json!({"all": conditions}));
                    }
                    (None, _) => {}
                }
            }
        }
        match (any.len(), any.pop()) {
            (1, one) => one,
            (_, Some(last)) => {
                any.push(last);
                Some(json!({"any": any}))
            }
            (_, None) => None,
        }
    }

    fn assignment(&mut self, eligible: Option<Value>) {
        let mut assignment = Map::new();
        if let Some(cookie) = self.remains.text("analysis.sessionAffinity.cookieName") {
            assignment.insert("identity".to_owned(), json!([self.cookie(&cookie)]));
        } else {
            // Else nobody at all would be on the canary.
            assignment.insert("anonymous".to_owned(), "random".into());
            self.parts.note(
                "assignment",
                "requests are drawn one by one, as before: say where the user's id stands \
                 (assignment.identity), so that users stay on their side",
            );
        }
        if let Some(eligible) = eligible {
            assignment.insert("eligible".to_owned(), eligible);
        }
        self.parts.spec.insert("assignment".to_owned(), Value::Object(assignment));
    }

    /// The cookie in which an id is kept, where Flagger keeps the side.
    fn cookie(&mut self, name: &str) -> Value {
        let of = |field: &str| format!("analysis.sessionAffinity.{field}");
        let mut cookie = json!({"cookie": name});
        let mut put = |name: &str, value: Option<Value>| {
            if let (Some(value), Some(fields)) = (value, cookie.as_object_mut()) {
                fields.insert(name.to_owned(), value);
            }
        };
        let age = self.remains.number(&of("maxAge")).map(|seconds| format!("{seconds}s").into());
        put("maxAge", age);
        put("domain", self.remains.text(&of("domain")).map(Value::from));
        put("path", self.remains.text(&of("path")).map(Value::from));
        let same_site = self.remains.text(&of("sameSite"));
        put("sameSite", same_site.map(|policy| policy.to_ascii_lowercase().into()));
        put("secure", self.remains.flag(&of("secure")).map(Value::from));
        // It always is.
        self.remains.take(&of("httpOnly"));
        json!({"generated": cookie})
    }

    fn steps(&mut self, interval: &str) {
        let bake_ms = millis(interval).unwrap_or(60_000);
        let iterations = self.remains.peek("analysis.iterations").and_then(Value::as_u64);
        self.remains.take("analysis.iterations");
        let weights = self.weights();
        let by_match =
            self.parts.spec.get("assignment").and_then(|it| it.get("eligible")).is_some();
        let (weights, bake_ms) = match (weights, iterations) {
            (Some(weights), iterations) => {
                if iterations.is_some() {
                    let what = "weights are stepped through, so it says nothing";
                    self.parts.left_out("spec.analysis.iterations", what);
                }
                (weights, bake_ms)
            }
            (None, Some(iterations)) => {
                let all = bake_ms.saturating_mul(iterations);
                if by_match {
                    self.parts.note(
                        "spec.analysis.iterations",
                        "all of those users are on the canary, so that nobody is left to compare \
                         them with: a first step of 50% compares",
                    );
                    (vec![100.0], all)
                } else {
                    self.parts.left_out(
                        "spec.analysis.iterations",
                        "a test before any user is exposed has no counterpart: these are steps with few users first",
                    );
                    (CAREFUL.to_vec(), all)
                }
            }
            (None, None) => {
                self.parts.note("spec.analysis", "it has no weights: these are careful ones");
                (CAREFUL.to_vec(), millis(BAKE).unwrap_or(bake_ms))
            }
        };
        let manual = self.confirmations();
        let steps = weights.iter().enumerate().map(|(index, weight)| {
            let last = index + 1 == weights.len();
            let manual = if last { manual.last } else { manual.rises };
            Step { weight: *weight, bake_ms, manual }.json()
        });
        let steps = steps.collect::<Vec<_>>();
        self.parts.spec.insert("steps".to_owned(), Value::Array(steps));
        self.parts.spec.insert("onSuccess".to_owned(), "promote".into());
    }

    /// The weights that rise, in percent.
    fn weights(&mut self) -> Option<Vec<f64>> {
        let most = self.remains.number("analysis.maxWeight").unwrap_or(MAX_WEIGHT);
        let listed = self.remains.peek("analysis.stepWeights").and_then(Value::as_array).cloned();
        if let Some(listed) = listed {
            self.remains.take("analysis.stepWeights");
            self.remains.take("analysis.stepWeight");
            let mut weights: Vec<f64> = Vec::new();
            for weight in listed.iter().filter_map(Value::as_f64) {
                if weight > weights.last().copied().unwrap_or(0.0) && weight <= 100.0 {
                    weights.push(weight);
                } else {
                    let what = format!("weights rise, so {weight} is no step");
                    self.parts.left_out("spec.analysis.stepWeights", what);
                }
            }
            return (!weights.is_empty()).then_some(weights);
        }
        let step = self.remains.number("analysis.stepWeight").filter(|step| *step >= 1.0)?;
        let mut weights = Vec::new();
        let mut weight = step;
        while weight < most {
            weights.push(weight);
            weight += step;
        }
        weights.push(most.min(100.0));
        Some(weights)
    }

    /// The webhooks that hold a rollout until somebody agrees.
    fn confirmations(&mut self) -> Manual {
        let mut manual = Manual { rises: false, last: false };
        for index in 0..self.remains.count("analysis.webhooks") {
            let place = format!("analysis.webhooks.{index}");
            let kind = self.remains.peek(&format!("{place}.type")).and_then(Value::as_str);
            match kind {
                Some("confirm-traffic-increase") => manual.rises = true,
                Some("confirm-promotion") => manual.last = true,
                _ => continue,
            }
            self.remains.take(&place);
            self.parts.left_out(
                field(&place),
                "nobody is asked: a person agrees (`approval: manual`, `kubectl serin approve NAME`)",
            );
        }
        manual
    }

    fn gates(&mut self, target: &str, service: &str, interval: &str) {
        let mut gates = Gates::default();
        let mut address = self.remains.text("metricsServer");
        let mut headers = None;
        for index in 0..self.remains.count("analysis.metrics") {
            let place = format!("analysis.metrics.{index}");
            let metric = self.metric(&place, (target, service), interval, &mut gates);
            if let Some(Server { address: named, headers: sent }) = metric {
                match (&address, named) {
                    (Some(first), Some(named)) if *first != named => self.parts.left_out(
                        field(&format!("{place}.templateRef")),
                        format!("all gates ask one Prometheus, {first}, so not {named}"),
                    ),
                    (None, named) => address = named,
                    _ => {}
                }
                headers = headers.or(sent);
            }
        }
        if !gates.has_kind("errorRate") {
            gates.add("errors", "errorRate", Map::new());
            self.parts
                .note("gates", "`errors` is added: it compares the canary's errors with stable's");
        }
        let mut prometheus = Map::new();
        let address = address.unwrap_or_else(|| {
            let assumed = self.assumed.prometheus.clone();
            let what = format!("no Prometheus is named: {assumed} is assumed (--prometheus)");
            self.parts.note("metrics", what);
            assumed
        });
        prometheus.insert("address".to_owned(), address.into());
        if let Some(headers) = headers {
            prometheus.insert("headers".to_owned(), headers);
        }
        self.parts.spec.insert("metrics".to_owned(), json!({"prometheus": prometheus}));
        self.parts.spec.insert("gates".to_owned(), gates.json());
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
        let hints: &Hints = &[
            (
                "provider.secretRef",
                "mount the secret as a file and name it: metrics.prometheus.bearerTokenFile or basicAuth",
            ),
            (
                "provider.insecureSkipVerify",
                "name the authority to trust: metrics.prometheus.caFile",
            ),
        ];
        self.parts.notes.extend(
            template.notes(hints).into_iter().map(|note| Note {
                field: format!("MetricTemplate {name}: {}", note.field),
                ..note
            }),
        );
        Some((query, server))
    }
}

/// Which steps wait for a person.
struct Manual {
    rises: bool,
    last: bool,
}

/// A Prometheus that a template names.
struct Server {
    address: Option<String>,
    headers: Option<Value>,
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

/// A header's test as a condition.
fn condition(name: &str, test: &Value) -> Option<Value> {
    let mut tests = test.as_object()?.iter();
    let ((kind, value), None) = (tests.next()?, tests.next()) else { return None };
    let word = match kind.as_str() {
        "exact" => "is",
        "prefix" => "prefix",
        "suffix" => "suffix",
        _ => return None,
    };
    Some(json!({"header": name, word: value.as_str()?}))
}
