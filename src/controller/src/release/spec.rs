//! The shape of a release, of which its schema in Kubernetes is made too. Values are still text
//! here, so that every fault of a file can be told at once and with its rule.

mod file;
mod kubernetes;
mod mirror;
mod rules;
mod scalar;
mod tester;

use std::collections::BTreeMap;

pub(super) use file::WeightsFile;
pub(super) use kubernetes::{Entries, Plugin, Side, Target};
pub(super) use mirror::Mirror;
pub(super) use scalar::Scalar;
pub(super) use tester::{Signed, Tester};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serin_routes::Kind;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File {
    /// The version of this shape, `serin.dev/v1alpha1`.
    pub(super) api_version: String,
    /// `CanaryRelease`.
    pub(super) kind: String,
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metadata {
    /// Unique within the namespace.
    pub(super) name: String,
    /// `default` where it is absent.
    pub(super) namespace: Option<String>,
    /// For whoever keeps the file; nothing here reads them.
    #[serde(rename = "labels")]
    pub(super) _labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "annotations")]
    pub(super) _annotations: Option<BTreeMap<String, String>>,
}

/// What the owner of a release asks for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    /// Names what the canary runs. Another value is a new rollout. With `target` it may be absent:
    /// the canary's pod template names it.
    pub(super) version: Option<String>,
    /// The Deployments of the two sides, in the release's namespace; with the object of `traffic`
    /// whose weights are moved.
    pub(super) target: Option<Target>,
    pub(super) traffic: Traffic,
    pub(super) assignment: Assignment,
    pub(super) metrics: Metrics,
    /// How the evidence of ratio gates is judged.
    #[serde(default)]
    pub(super) evidence: Evidence,
    /// With it, each proxy takes everyone off the canary by itself when it sees gross harm.
    pub(super) tripwire: Option<Tripwire>,
    /// What is mirrored to the canary before anybody is on it; nothing where it is absent.
    pub(super) mirror: Option<Mirror>,
    /// The weights to go through, rising.
    pub(super) steps: Vec<Step>,
    /// What must hold at each step; none is allowed, and warned of.
    #[serde(default)]
    pub(super) gates: Vec<Gate>,
    /// `keep` (the default): the canary keeps all traffic; with `target` the two Deployments swap
    /// their roles. `promote` (the default with `target`): stable is brought to the new version, then
    /// takes the traffic back.
    pub(super) on_success: Option<String>,
    #[serde(default)]
    pub(super) policy: Policy,
}

/// Whose requests, and who serves them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Traffic {
    /// Hosts such as `shop.example.com`, `*.example.com` or `*`; those of the object whose weights
    /// are moved where objects of its kind have some.
    pub(super) hosts: Option<Vec<String>>,
    /// Istio's object whose weights are moved, in the release's namespace; with `target`, and without
    /// any of the following three.
    pub(super) virtual_service: Option<String>,
    /// The same of Gateway API, for gateways and meshes.
    pub(super) http_route: Option<String>,
    /// The same of Traefik: weights for all requests, without marks.
    pub(super) traefik_service: Option<String>,
    /// The same of ingress-nginx, which is retired: the canary's own Ingress.
    pub(super) ingress: Option<String>,
    /// The names of its entries, with `virtualService` or `httpRoute`.
    pub(super) entries: Option<Entries>,
    /// A proxy's file that is rendered with the weights; only for `serin run`.
    pub(super) file: Option<WeightsFile>,
    /// Path prefixes; `/` where it is absent.
    pub(super) paths: Option<Vec<String>>,
    /// Who serves the version before.
    pub(super) stable: Side,
    /// Who serves the version on trial.
    pub(super) canary: Side,
}

impl Traffic {
    /// What is named as the object whose weights are moved; one at most where there is no fault.
    pub(super) fn routes(&self) -> impl Iterator<Item = (Kind, &String)> {
        Kind::ALL.into_iter().filter_map(|kind| {
            let name = match kind {
                Kind::VirtualService => &self.virtual_service,
                Kind::HttpRoute => &self.http_route,
                Kind::TraefikService => &self.traefik_service,
                Kind::Ingress => &self.ingress,
            };
            Some((kind, name.as_ref()?))
        })
    }
}

/// Who gets the canary.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Assignment {
    /// The `WasmPlugin` whose `pluginConfig` gets the document; where it is absent, proxies ask the
    /// controller for it.
    pub(super) plugin: Option<Plugin>,
    /// Where the user's id stands, in order: the first that is not empty counts.
    #[serde(default)]
    pub(super) identity: Vec<Source>,
    /// Requests without an id: `stable` (the default), `random` or `route`.
    pub(super) anonymous: Option<String>,
    /// Where a tester says `canary` or `stable`, in order.
    #[serde(default)]
    pub(super) testers: Vec<Tester>,
    /// Names the release to the hash; namespace, name and a hash of the version where it is
    /// absent, so that each version picks other users first.
    pub(super) salt: Option<String>,
    /// Requests that are on stable whoever asks: conditions, which the document's reader reads.
    #[serde(default)]
    #[schemars(schema_with = "rules::list")]
    pub(super) exclude: Option<Value>,
    /// The condition of those who may be in the canary at all.
    #[serde(default)]
    #[schemars(schema_with = "rules::object")]
    pub(super) eligible: Option<Value>,
    /// Who is on which side by name.
    #[serde(default)]
    #[schemars(schema_with = "rules::object")]
    pub(super) users: Option<Value>,
    /// Who is on which side as a group.
    #[serde(default)]
    #[schemars(schema_with = "rules::list")]
    pub(super) segments: Option<Value>,
    /// The release's part of the users, such as `["0%", "30%"]`; all where it is absent.
    pub(super) buckets: Option<Vec<String>>,
    /// The header that carries the mark; `x-serin-variant` where it is absent.
    pub(super) mark: Option<String>,
    /// Marks that requests bring along: `replace` (the default) or `keep`.
    pub(super) incoming: Option<String>,
    /// The header in which the filter tells the application the user's cohort.
    pub(super) cohort_header: Option<String>,
}

/// Exactly one of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Source {
    /// A header.
    pub(super) header: Option<String>,
    /// A cookie.
    pub(super) cookie: Option<String>,
    /// A query parameter.
    pub(super) query: Option<String>,
    /// A claim of a verified token.
    pub(super) jwt: Option<Jwt>,
    /// The key of a member of the W3C `baggage`.
    pub(super) baggage: Option<String>,
    /// The caller's address.
    pub(super) address: Option<Address>,
    /// An id that the filter makes.
    pub(super) generated: Option<Generated>,
}

/// Exactly one of `metadata` and `header`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Jwt {
    /// The claim's name, or the names that lead to it.
    #[schemars(schema_with = "rules::open")]
    pub(super) claim: Texts,
    /// The `payload_in_metadata` of Envoy's filter for tokens.
    pub(super) metadata: Option<String>,
    /// The header with the token's payload.
    pub(super) header: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    List(Vec<String>),
}

/// How many leading bits of an address are the id.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Address {
    /// Of an IPv4 address, 1 to 32; 32 where it is absent.
    pub(super) ipv4: Option<u64>,
    /// Of an IPv6 address, 1 to 128; 64 where it is absent.
    pub(super) ipv6: Option<u64>,
}

/// The cookie that keeps an id which the filter has made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Generated {
    /// Its name.
    pub(super) cookie: String,
    /// For how long browsers keep it.
    pub(super) max_age: Option<String>,
    /// The domain for whose hosts it is; the request's own host where it is absent.
    pub(super) domain: Option<String>,
    /// The path below which it is sent.
    pub(super) path: Option<String>,
    /// `lax`, `strict` or `none`.
    pub(super) same_site: Option<String>,
    /// Whether it is sent by HTTPS only.
    pub(super) secure: Option<bool>,
}

/// Where the metrics are, which gates and proofs read: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metrics {
    /// How Prometheus is reached.
    pub(super) prometheus: Option<Prometheus>,
    /// In place of Prometheus.
    pub(super) targets: Option<Targets>,
}

/// Pages with metrics that the controller reads itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Targets {
    /// Such as `http://127.0.0.1:9901/stats/prometheus`.
    #[serde(default)]
    pub(super) urls: Vec<String>,
    /// Names with a page behind each of their addresses.
    #[serde(default)]
    pub(super) dns: Vec<DnsTarget>,
    /// How often a page is read; `1s` where it is absent.
    pub(super) interval: Option<String>,
    /// The longest time of one reading; `2s` where it is absent.
    pub(super) timeout: Option<String>,
}

/// A name with a page behind each of its addresses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DnsTarget {
    /// Such as `envoy-admin.shop.svc`, a headless service.
    pub(super) name: String,
    /// The port of the page.
    pub(super) port: u16,
    /// `/stats/prometheus` where it is absent.
    pub(super) path: Option<String>,
}

/// How Prometheus is reached. Files are relative to the release file; those that an object names are
/// names without a folder, in the controller's `/etc/serin/credentials/NAMESPACE`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Prometheus {
    /// Such as `http://127.0.0.1:9090`, perhaps with a path.
    pub(super) address: String,
    /// How often it scrapes the proxies; `15s` where it is absent.
    pub(super) scrape_interval: Option<String>,
    /// The longest time of one query; `5s` where it is absent.
    pub(super) timeout: Option<String>,
    /// The file with a token.
    pub(super) bearer_token_file: Option<String>,
    /// In place of a token.
    pub(super) basic_auth: Option<BasicAuth>,
    /// Authorities to trust in place of the system's, PEM.
    pub(super) ca_file: Option<String>,
    /// The certificate to show, PEM; with `clientKeyFile`.
    pub(super) client_cert_file: Option<String>,
    /// Its key, PEM.
    pub(super) client_key_file: Option<String>,
    /// Further headers, such as a tenant's name.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

/// A name and a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BasicAuth {
    /// The user.
    pub(super) username: String,
    /// The file with the password.
    pub(super) password_file: String,
}

/// One weight and what must hold before the next one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Step {
    /// The canary's share, such as `5%`.
    pub(super) weight: String,
    /// Time under observation at this weight, such as `10m`; this or `detect`.
    pub(super) bake: Option<String>,
    /// The ratio that the step must be able to see, such as `2x`; with `atMost`.
    pub(super) detect: Option<String>,
    /// The longest time under observation of a step with `detect`.
    pub(super) at_most: Option<String>,
    /// Requests that the canary must have served at this weight; 0 where it is absent.
    #[serde(default)]
    pub(super) min_requests: u64,
    /// `automatic` (the default) or `manual`.
    pub(super) approval: Option<String>,
}

/// A gate. `preset` and `kind` choose which of the other fields it takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Gate {
    /// Unique within the release.
    pub(super) name: String,
    /// `errorRate`, `latency`, `conversion`, `threshold`, `webhook` or `manual`.
    pub(super) kind: Option<String>,
    /// The ratio canary/stable that still counts as healthy; a ratio gate's.
    pub(super) margin: Option<Scalar>,
    /// How much its evidence weighs beside that of others; a ratio gate's.
    pub(super) weight: Option<Scalar>,
    /// By how much more than independent events they scatter; a ratio gate's.
    pub(super) dispersion: Option<Scalar>,
    /// The canary's own rate below which nothing is rolled back; `errorRate`'s.
    pub(super) floor: Option<String>,
    /// The rate that both sides should keep to; `errorRate`'s.
    pub(super) slo: Option<String>,
    /// Beyond what a request is slow; `latency`'s.
    pub(super) bounds: Option<Vec<String>>,
    /// How long after its opportunity an event may come; `conversion`'s.
    pub(super) lag: Option<String>,
    /// Where requests and events are counted; a ratio gate's.
    pub(super) counts: Option<Counts>,
    /// How far back it looks; `1m` where it is absent.
    pub(super) window: Option<String>,
    /// The fewest samples that are judged; 100 for a preset where it is absent.
    pub(super) min_samples: Option<u64>,
    /// The highest value that passes: a share (`2%`), a duration (`250ms`) or a number, as the gate
    /// needs it.
    pub(super) max: Option<Scalar>,
    /// The lowest value that passes; a threshold's.
    pub(super) min: Option<Scalar>,
    /// The highest multiple of stable's value that passes; a threshold's.
    pub(super) max_ratio: Option<Scalar>,
    /// `PromQL` that gives one number; a threshold's.
    pub(super) query: Option<String>,
    /// `PromQL` that gives the number of samples behind it; a threshold's.
    pub(super) samples: Option<String>,
    /// Where the question is posted to; a webhook's.
    pub(super) url: Option<String>,
    /// The file that holds the address, where it is a secret; a webhook's.
    pub(super) url_file: Option<String>,
    /// The file with the key by which the question is signed; a webhook's.
    pub(super) signing_key_file: Option<String>,
    /// PEM file of the authorities to trust in place of the system's; a webhook's.
    pub(super) ca_file: Option<String>,
    /// When a webhook is asked: before the `start`, the first `exposure` once the canary's replicas
    /// are ready, each `rise` after it, the rise to a weight such as `50%`, or the `end` of the last
    /// step.
    pub(super) before: Option<String>,
    /// What follows its no: `hold` (the default) or `rollback`.
    pub(super) on_no: Option<String>,
    /// What follows where it does not answer: `hold` (the default), `rollback` or `pass`.
    pub(super) on_error: Option<String>,
    /// The longest time that it may take; `10s` where it is absent.
    pub(super) timeout: Option<String>,
}

/// Where a ratio gate's requests and events are counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Counts {
    /// `filter` (the default for errors and latency), `envoy`, `istio`, `linkerd` or `traefik`;
    /// absent for selectors.
    pub(super) preset: Option<String>,
    /// The counter of events.
    pub(super) events: Option<Selected>,
    /// The counter of requests or opportunities.
    pub(super) opportunities: Option<Selected>,
    /// The histogram of response times.
    pub(super) histogram: Option<Selected>,
    /// What tells the sides apart.
    pub(super) side: Option<Sides>,
    /// What else Istio's or Linkerd's series must carry.
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// The label that carries the cohort; `cohort` where it is absent.
    pub(super) cohort: Option<String>,
}

/// Series of a metric.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Selected {
    /// The metric's name.
    pub(super) metric: String,
    /// Labels that the series carry.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

/// A label and its two values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sides {
    /// `variant` where it is absent.
    pub(super) label: Option<String>,
    /// `canary` where it is absent.
    pub(super) canary: Option<String>,
    /// `stable` where it is absent.
    pub(super) stable: Option<String>,
}

/// How the evidence of ratio gates is judged; each has a default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Evidence {
    /// The chance that an identical canary is rolled back in the whole rollout, at most.
    pub(super) alpha: Option<Scalar>,
    /// How long after the rollout's start nothing is judged.
    pub(super) skip: Option<String>,
    /// How many cohorts are left out of the evidence: 0, 1 or 2.
    pub(super) set_aside: Option<u8>,
}

/// When a proxy takes everyone off the canary by itself; each has a default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Tripwire {
    /// The chance that an identical canary trips it at one proxy in a whole rollout, at most.
    pub(super) alpha: Option<Scalar>,
    /// The canary's own rate below which nothing trips it.
    pub(super) floor: Option<String>,
    /// Beyond what an answer is slow; only errors trip it where it is absent.
    pub(super) slow: Option<String>,
    /// How long a trip lasts that nothing else ends.
    pub(super) lasts: Option<String>,
}

/// Waiting times and what follows them; each has a default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Policy {
    /// Gates without data for this long raise an alert.
    pub(super) no_data_alert_after: Option<String>,
    /// `hold` (the default), or `rollBack` after `noDataRollBackAfter`.
    pub(super) on_no_data: Option<String>,
    /// For how long gates may have no data before they roll back.
    pub(super) no_data_roll_back_after: Option<String>,
    /// The canary without a ready endpoint for this long loses its weight.
    pub(super) not_ready_after: Option<String>,
    /// A weight that is not live everywhere for this long raises an alert.
    pub(super) not_live_alert_after: Option<String>,
    /// A rollback that has not emptied the canary for this long raises an alert.
    pub(super) rollback_alert_after: Option<String>,
    /// A rollout under way that has waited for this long for what should come by itself, such as
    /// replicas or an answer, raises an alert.
    pub(super) held_alert_after: Option<String>,
    /// A promotion, or a swap of the roles, that has not come to its end for this long raises an
    /// alert.
    pub(super) promotion_alert_after: Option<String>,
    /// For how long the route must have stood as it was set before the roles are swapped.
    pub(super) route_live_after: Option<String>,
    /// The longest stretch between two looks that counts as time under observation.
    pub(super) longest_gap: Option<String>,
}
