//! Flagger's `Canary`, with its `MetricTemplate`s.
//!
//! Flagger makes a Deployment `NAME-primary` of the one that it is given, and Services and routes of
//! its own. Here the two Deployments, the Services and the `VirtualService` are their owner's, so
//! that what it made is kept and named.

mod hints;
mod metrics;
mod mirror;
mod webhooks;

use serde_json::{Map, Value, json};
use serin_routes::Kind;

use super::asks::Ask;
use super::remains::Remains;
use super::router::Router;
use super::steps::{BAKE, CAREFUL, Step, millis};
use super::{Assumed, Converted, Fault, Parts, matches};

/// How often Flagger checks where nobody says, and so how long a step is.
const INTERVAL: &str = "1m";

/// The weight at which Flagger promotes where nobody says.
const MAX_WEIGHT: f64 = 100.0;

/// Its tests of headers that are ours too.
const WORDS: &[(&str, &str)] = &[("exact", "is"), ("prefix", "prefix"), ("suffix", "suffix")];

pub(super) fn convert(
    document: &Value,
    documents: &[Value],
    assumed: &Assumed,
) -> Result<Converted, Fault> {
    let mut canary = Canary {
        remains: Remains::of(document),
        parts: Parts::of("Canary", document),
        asked: Vec::new(),
        documents,
        assumed,
    };
    let target = canary.target()?;
    let service = canary.remains.text("service.name").unwrap_or_else(|| target.clone());
    let router = canary.router(&service);
    canary.traffic(&service, &router);
    let eligible = canary.matches();
    canary.assignment(eligible);
    let interval = canary.remains.text("analysis.interval");
    let interval = interval.unwrap_or_else(|| INTERVAL.to_owned());
    let mirrored = canary.mirrored(&interval);
    canary.steps(&interval);
    canary.gates(&target, &service, &interval);
    if let Some(mirrored) = &mirrored {
        canary.mirror(mirrored, &router);
    }
    router.count(&mut canary.parts);
    let Canary { remains, mut parts, .. } = canary;
    parts.notes.extend(remains.notes(hints::OF_CANARY));
    parts.finish()
}

struct Canary<'a> {
    remains: Remains,
    parts: Parts,
    /// The webhooks that become gates.
    asked: Vec<Ask>,
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

    /// What Flagger made by the name of its service, or beside the Ingress that it was given.
    fn router(&mut self, service: &str) -> Router {
        let provider = self.remains.text("provider").unwrap_or_else(|| "istio".to_owned());
        let of = |kind, name: &str| Router { kind, name: name.to_owned() };
        match provider.split(':').next() {
            Some("istio") => {}
            Some("gatewayapi") => return of(Kind::HttpRoute, service),
            Some("traefik") => return of(Kind::TraefikService, service),
            Some("nginx") => {
                if let Some(ingress) = self.remains.text("ingressRef.name") {
                    self.remains.take("ingressRef");
                    return of(Kind::Ingress, &format!("{ingress}-canary"));
                }
            }
            _ => self.parts.left_out(
                "spec.provider",
                format!("the release names an Istio VirtualService, no object of {provider}"),
            ),
        }
        of(Kind::VirtualService, service)
    }

    fn traffic(&mut self, service: &str, router: &Router) {
        let port = self.remains.take("service.port").unwrap_or_else(|| 80.into());
        let side = |role: &str| json!({"host": format!("{service}-{role}"), "port": port});
        let traffic = router.traffic(&side("primary"), &side("canary"));
        self.parts.spec.insert("traffic".to_owned(), traffic);
        self.parts.note(
            "spec.service",
            format!("{}; take it over from Flagger before its Canary is deleted", router.needs()),
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
            let conditions = headers.iter().map(|(name, test)| matches::header(name, test, WORDS));
            if let Some(conditions) = conditions.collect() {
                self.remains.take(&place);
                any.extend(matches::joined("all", conditions));
            }
        }
        matches::joined("any", any)
    }

    fn assignment(&mut self, eligible: Option<Value>) {
        let mut assignment = Map::new();
        if let Some(cookie) = self.remains.text("analysis.sessionAffinity.cookieName") {
            assignment.insert("identity".to_owned(), json!([self.cookie(&cookie)]));
        } else {
            // Else nobody at all would be on the canary.
            assignment.insert("anonymous".to_owned(), "random".into());
            self.parts.note_no_identity();
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
                        "a test before any user is exposed is no step (spec.mirror copies requests): these are steps with few users first",
                    );
                    (CAREFUL.to_vec(), all)
                }
            }
            (None, None) => {
                self.parts.note("spec.analysis", "it has no weights: these are careful ones");
                (CAREFUL.to_vec(), millis(BAKE).unwrap_or(bake_ms))
            }
        };
        let manual = self.webhooks();
        let steps = weights.iter().enumerate().map(|(index, weight)| {
            let last = index + 1 == weights.len();
            let manual = if last { manual.last } else { manual.rises };
            Step { weight: *weight, bake_ms, manual }
        });
        self.parts.set_steps(&steps.collect::<Vec<_>>());
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
}
