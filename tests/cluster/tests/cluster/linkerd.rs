//! Whole rollouts by an `HTTPRoute` of a mesh, as Linkerd has it: a parent that is a Service, one rule, a
//! status without `observedGeneration`, and the metrics of its proxies.
//!
//! There is no Linkerd: the object, the controller, the API server with Gateway API's own definitions, and
//! Prometheus are real. What Linkerd's controller writes and what its proxies count of a route, this test
//! plays, by the weights that stand in the object.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::Response;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::operator::Operator;
use serin_cluster::released::at;
use serin_cluster::unmarked::{self, rolled_back, set_image, until_phase};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;
use serin_tests::serve::Server;
use tokio::task::JoinSet;

/// How often requests come.
const EVERY: Duration = Duration::from_millis(100);
/// How many at once: of a hundred, each weight of the steps is a whole number.
const REQUESTS: u64 = 100;

/// What a caller's proxy has counted of both sides.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    stable: u64,
    canary: u64,
    failed: u64,
    /// One in so many of the canary's answers fails.
    fails: Option<u64>,
}

impl Counted {
    /// Requests that are drawn by this weight out of a hundred.
    fn draw(&mut self, weight: u64) {
        let canary = REQUESTS * weight / 100;
        self.canary += canary;
        self.stable += REQUESTS - canary;
        self.failed += self.fails.map_or(0, |one_in| canary / one_in);
    }

    /// As Linkerd's proxies show it.
    fn page(self, namespace: &str) -> String {
        let route = format!(
            "parent_group=\"core\",parent_kind=\"Service\",parent_namespace=\"{namespace}\",\
             parent_name=\"web\",route_group=\"gateway.networking.k8s.io\",route_kind=\"HTTPRoute\",\
             route_namespace=\"{namespace}\",route_name=\"web\",backend_group=\"core\",\
             backend_kind=\"Service\",backend_namespace=\"{namespace}\""
        );
        let sent = |side: &str, count: u64| {
            let name = "outbound_http_route_backend_requests_total";
            format!("{name}{{{route},backend_name=\"web-{side}\"}} {count}\n")
        };
        let ended = |side: &str, class: &str, code: u16, count: u64| {
            format!(
                "response_total{{direction=\"outbound\",dst_namespace=\"{namespace}\",\
                 dst_deployment=\"web-{side}\",classification=\"{class}\",status_code=\"{code}\"}} \
                 {count}\n"
            )
        };
        [
            sent("stable", self.stable),
            sent("canary", self.canary),
            ended("stable", "success", 200, self.stable),
            ended("canary", "success", 200, self.canary - self.failed),
            ended("canary", "failure", 500, self.failed),
        ]
        .concat()
    }
}

/// What runs; the controller ends before what it looks after.
struct Stage {
    _operator: Operator,
    _prometheus: Prometheus,
    _linkerd: JoinSet<Result<()>>,
    _page: Server,
    counted: Arc<Mutex<Counted>>,
    namespace: Namespace,
}

impl Stage {
    async fn start(name: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace(name).await?;
        for app in ["web-stable", "web-canary"] {
            namespace.deployment(app, &[("app", app)], "shop:1.0", 1).await?;
        }
        namespace.apply(&route().to_string()).await?;
        let counted = Arc::new(Mutex::new(Counted::default()));
        let (shown, of) = (Arc::clone(&counted), name.to_owned());
        let page = Server::start(0, move |_| {
            let page = shown.lock().unwrap_or_else(PoisonError::into_inner).page(&of);
            async move { Response::new(Full::from(page)) }
        })
        .await?;
        let mut linkerd = JoinSet::new();
        linkerd.spawn(carry_out(namespace.clone(), Arc::clone(&counted)));
        let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
        let targets = [Target::metrics("linkerd-proxy", page.port())];
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        let operator = Operator::start(cluster, &namespace, "serin-0").await?;
        namespace.apply(&release(&prometheus.address()).to_string()).await?;
        let stage = Self {
            _operator: operator,
            _prometheus: prometheus,
            _linkerd: linkerd,
            _page: page,
            counted,
            namespace,
        };
        until_phase(&stage.namespace, "Succeeded").await?;
        Ok(stage)
    }

    async fn set_image(&self, image: &str, fails: Option<u64>) -> Result<()> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).fails = fails;
        set_image(&self.namespace, image).await
    }
}

/// What Linkerd does: its controller says that it has the route, and a caller's proxy draws requests by
/// the weights that stand there.
async fn carry_out(namespace: Namespace, counted: Arc<Mutex<Counted>>) -> Result<()> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    let resource = ApiResource::from_gvk(&kind);
    let client = namespace.client().await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace.name(), &resource);
    let condition = |name: &str| {
        json!({
            "type": name,
            "status": "True",
            "reason": name,
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let status = json!({"status": {"parents": [{
        "parentRef": {"group": "core", "kind": "Service", "name": "web", "port": 80},
        "controllerName": "linkerd.io/policy-controller",
        "conditions": [condition("Accepted"), condition("ResolvedRefs")],
    }]}});
    api.patch_status("web", &PatchParams::default(), &Patch::Merge(&status)).await?;
    loop {
        let object = api.get("web").await?;
        let weight = object.data.pointer("/spec/rules/0/backendRefs/1/weight");
        let weight = weight.and_then(Value::as_u64).unwrap_or_default();
        counted.lock().unwrap_or_else(PoisonError::into_inner).draw(weight);
        tokio::time::sleep(EVERY).await;
    }
}

fn route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web"},
        "spec": {
            "parentRefs": [{"group": "core", "kind": "Service", "name": "web", "port": 80}],
            "rules": [{"name": "all", "backendRefs": [
                {"name": "web-stable", "port": 80, "weight": 100},
                {"name": "web-canary", "port": 80, "weight": 0},
            ]}],
        },
    })
}

fn release(prometheus: &str) -> Value {
    let traffic = json!({
        "httpRoute": "web",
        "entries": {"only": "all"},
        "stable": {"host": "web-stable", "port": 80},
        "canary": {"host": "web-canary", "port": 80},
    });
    let gate = json!({"name": "errors", "kind": "errorRate", "counts": {
        "preset": "linkerd",
        "side": {"label": "dst_deployment", "canary": "web-canary", "stable": "web-stable"},
    }});
    unmarked::release(prometheus, &traffic, &gate)
}

#[tokio::test]
async fn a_meshs_route_goes_through_a_rollout_by_what_linkerds_proxies_count() -> Result<()> {
    let stage = Stage::start("linkerd").await?;
    stage.set_image("shop:1.1", None).await?;
    let end = until_phase(&stage.namespace, "Succeeded").await?;
    let decisions = at(&end, "/status/decisions").to_string();
    ensure!(decisions.contains("too few to tell"), "{decisions}");
    stage.set_image("shop:1.2", Some(2)).await?;
    rolled_back(&stage.namespace).await?;
    let route = stage.namespace.get("httproute", "web").await?;
    let weight = at(&route, "/spec/rules/0/backendRefs/1/weight");
    ensure!(weight == 0, "{route:#}");
    Ok(())
}
