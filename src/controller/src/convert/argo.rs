//! Argo's `Rollout`, with its `AnalysisTemplate`s.
//!
//! A Rollout holds one pod template and keeps two sets of pods of it. Here they are two Deployments,
//! of which the second gets new versions.

mod analysis;
mod hints;
mod web;

use serde_json::{Value, json};
use serin_routes::Kind;

use super::gates::Gates;
use super::remains::{Remains, field};
use super::router::Router;
use super::steps::{BAKE, CAREFUL, Step, millis};
use super::{Assumed, Converted, Fault, Parts, Server, find, matches};
use web::Pending;

/// Its tests of headers that are ours too.
const WORDS: &[(&str, &str)] = &[("exact", "is"), ("prefix", "prefix")];

pub(super) fn convert(
    document: &Value,
    documents: &[Value],
    assumed: &Assumed,
) -> Result<Converted, Fault> {
    let mut rollout = Rollout {
        remains: Remains::of(document),
        parts: Parts::of("Rollout", document),
        gates: Gates::default(),
        server: Server::default(),
        pinned: Vec::new(),
        weights_before: None,
        scaled: false,
        asked: Vec::new(),
        documents,
    };
    rollout.target();
    let router = rollout.traffic();
    if rollout.remains.peek("strategy.blueGreen").is_some() {
        rollout.blue_green();
    } else {
        rollout.analysis("strategy.canary.analysis");
        rollout.steps();
    }
    rollout.assignment();
    let Rollout { remains, mut parts, gates, server, .. } = rollout;
    parts.set_gates(gates, server, assumed);
    router.count(&mut parts);
    parts.notes.extend(remains.notes(hints::OF_ROLLOUT));
    parts.finish()
}

struct Rollout<'a> {
    remains: Remains,
    parts: Parts,
    gates: Gates,
    server: Server,
    /// The segments that header routes become.
    pinned: Vec<Value>,
    /// While a step's analysis is read: how many weights come before it.
    weights_before: Option<usize>,
    /// Whether an earlier step has given the canary pods, whatever its weight.
    scaled: bool,
    /// The questions that it asks.
    asked: Vec<Pending>,
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

    fn traffic(&mut self) -> Router {
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
        let object = self.router(&name);
        let mut traffic = object.traffic(&stable, &canary);
        let routes = of("virtualService.routes");
        if let (Kind::VirtualService, 1, Some(route)) =
            (object.kind, self.remains.count(&routes), self.remains.text(&format!("{routes}.0")))
            && let Some(fields) = traffic.as_object_mut()
        {
            fields.insert("entries".to_owned(), json!({"rest": route}));
        }
        self.parts.spec.insert("traffic".to_owned(), traffic);
        let needs = object.needs();
        self.parts.note(
            "spec.strategy",
            format!("{needs}, and port 80 is assumed for both destinations"),
        );
        object
    }

    /// The first object that is named and has a counterpart; the others are told.
    fn router(&mut self, name: &str) -> Router {
        let routing = "strategy.canary.trafficRouting";
        let of = |field: &str| format!("{routing}.{field}");
        let plugin = of("plugins.argoproj-labs~1gatewayAPI");
        let istio = self.remains.peek(&of("istio")).is_some();
        let mut named = |place: &str| if istio { None } else { self.remains.text(place) };
        if let Some(route) = named(&format!("{plugin}.httpRoute")) {
            let place = format!("{plugin}.namespace");
            let own = self.remains.peek(&place).and_then(Value::as_str);
            if own.is_some() && own == self.parts.namespace.as_deref() {
                self.remains.take(&place);
            }
            return Router { kind: Kind::HttpRoute, name: route };
        }
        if let Some(service) = named(&of("traefik.weightedTraefikServiceName")) {
            return Router { kind: Kind::TraefikService, name: service };
        }
        if let Some(ingress) = named(&of("nginx.stableIngress")) {
            // As Argo Rollouts calls the one that it makes beside it.
            return Router { kind: Kind::Ingress, name: format!("{name}-{ingress}-canary") };
        }
        let virtual_service = self.virtual_service(&of("istio.virtualService"), name);
        Router { kind: Kind::VirtualService, name: virtual_service }
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
                self.weights_before = Some(steps.len());
                let lasts = self.analysis(&of("analysis"));
                self.weights_before = None;
                match steps.last_mut() {
                    Some(step) => step.bake_ms = step.bake_ms.saturating_add(lasts),
                    None => before_ms += lasts,
                }
            } else if self.remains.peek(&of("setHeaderRoute")).is_some() {
                self.header_route(&of("setHeaderRoute"));
            } else {
                self.scaled |= self.remains.peek(&of("setCanaryScale")).is_some();
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
        let weights: Vec<String> = steps.iter().map(Step::weight).collect();
        for pending in core::mem::take(&mut self.asked) {
            pending.before(&weights).put(&mut self.gates, &mut self.parts);
        }
        self.parts.set_steps(&steps);
    }

    /// Steps that have no counterpart at all.
    fn other(&mut self, place: &str) {
        let advice = [
            (
                "setCanaryScale",
                "the canary is scaled to its share of stable's pods; with target.capacity: ignore its pods are yours",
            ),
            ("experiment", "no third set of pods is compared: the canary is, with stable"),
            (
                "setMirrorRoute",
                "mirroring is spec.mirror, before the first step, judged by the gates that it names",
            ),
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
        let Some(conditions) = conditions else {
            let what =
                "only headers by exact value or prefix can be asked for: assignment.segments";
            self.parts.left_out(field(place), what);
            return;
        };
        let name = route.get("name").and_then(Value::as_str).unwrap_or("header-route");
        let Some(when) = matches::joined("any", conditions) else { return };
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
        self.parts.set_steps(&careful(manual));
    }

    fn assignment(&mut self) {
        let mut assignment = json!({"anonymous": "random"});
        let pinned = core::mem::take(&mut self.pinned);
        if let (false, Some(fields)) = (pinned.is_empty(), assignment.as_object_mut()) {
            fields.insert("segments".to_owned(), Value::Array(pinned));
        }
        self.parts.spec.insert("assignment".to_owned(), assignment);
        self.parts.note_no_identity();
    }
}

fn careful(manual: bool) -> Vec<Step> {
    let bake_ms = millis(BAKE).unwrap_or_default();
    CAREFUL.into_iter().map(|weight| Step { weight, bake_ms, manual }).collect()
}

/// A header route's test as a condition.
fn header(test: &Value) -> Option<Value> {
    matches::header(test.get("headerName")?.as_str()?, test.get("headerValue")?, WORDS)
}
