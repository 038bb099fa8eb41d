//! A release of an `HTTPRoute`, with all that it is about.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::counted::Page;
use serin_cluster::namespace::Namespace;
use serin_cluster::objects::{self, Parent};
use serin_cluster::operator::Operator;
use serin_cluster::pods::{Pods, Service};
use serin_cluster::proxy::Proxy;
use serin_cluster::released::{KIND, ROLLOUT, at, release, short_steps};
use serin_cluster::shop::{Door, HOST};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;

/// What runs; the controller ends before what it looks after.
pub(super) struct Stage {
    pub(super) operator: Operator,
    _prometheus: Prometheus,
    proxy: Proxy,
    host: String,
    /// Stable's and the canary's.
    pub(super) pods: [Arc<Pods>; 2],
    _page: Page,
    pub(super) namespace: Namespace,
}

impl Stage {
    pub(super) async fn start(name: &str) -> Result<Self> {
        Self::start_with(name, Parent::Gateway, short_steps()).await
    }

    /// With these fields in the release's `spec`.
    pub(super) async fn start_with(name: &str, parent: Parent, fields: Value) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace(name).await?;
        let pods = sides(&namespace).await?;
        let [_, canary_pods] = &pods;
        let page = Page::serve(Arc::clone(canary_pods)).await?;
        for (app, version) in [("web-stable", "stable"), ("web-canary", "canary")] {
            let labels = [("app", app), ("version", version)];
            namespace.deployment(app, &labels, "shop:1.0", 1).await?;
        }
        let empty = json!({"formatVersion": "1.0"});
        let (proxy, host) = front(cluster, &namespace, parent, &empty).await?;
        let hosts: &[&str] = if parent == Parent::Gateway { &[HOST] } else { &[] };
        let route = objects::http_route(name, &[parent], hosts);
        namespace.apply(&route.to_string()).await?;
        Door { proxy: &proxy, host: &host }.serves().await?;
        let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
        let targets = [Target::envoy(proxy.admin().port()), Target::metrics("pods", page.port())];
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        let operator = Operator::start(cluster, &namespace, "serin-0").await?;
        let mut release = release("shop", "web", name, &prometheus.address());
        let side = |service| json!({"host": objects::service_host(service, name), "port": 80});
        let (stable, canary) = (side("web-stable"), side("web-canary"));
        let traffic = json!({"httpRoute": "web", "stable": stable, "canary": canary});
        put(&mut release, "traffic", traffic)?;
        for (field, value) in fields.as_object().cloned().unwrap_or_default() {
            put(&mut release, &field, value)?;
        }
        namespace.apply(&release.to_string()).await?;
        let stage =
            Self { operator, _prometheus: prometheus, proxy, host, pods, _page: page, namespace };
        stage.until_phase("Succeeded").await?;
        Ok(stage)
    }

    pub(super) fn door(&self) -> Door<'_> {
        Door { proxy: &self.proxy, host: &self.host }
    }

    pub(super) async fn until_phase(&self, phase: &str) -> Result<Value> {
        let wanted = |object: &Value| at(object, "/status/phase") == phase;
        self.namespace.until(KIND, "shop", ROLLOUT, wanted).await
    }

    pub(super) async fn set_image(&self, image: &str) -> Result<()> {
        let set = ["set", "image", "deployment/web-canary", &format!("app={image}")];
        self.namespace.kubectl().run(&set).await?;
        let begun = |object: &Value| at(object, "/status/phase") != "Succeeded";
        self.namespace.until(KIND, "shop", ROLLOUT, begun).await.map(drop)
    }

    pub(super) async fn route(&self) -> Result<Value> {
        self.namespace.get("httproute", "web").await
    }

    /// The canary's weights in the three rules.
    pub(super) async fn weights(&self) -> Result<Vec<u64>> {
        Ok(canary_weights(&self.route().await?))
    }
}

/// The canary's weights in the three rules of a route.
pub(super) fn canary_weights(route: &Value) -> Vec<u64> {
    let weight = |rule: usize| at(route, &format!("/spec/rules/{rule}/backendRefs/1/weight"));
    [0, 1, 2].into_iter().filter_map(|rule| weight(rule).as_u64()).collect()
}

/// A process for each pod of both sides.
pub(super) async fn sides(namespace: &Namespace) -> Result<[Arc<Pods>; 2]> {
    let side = |side: &'static str| Service { name: side, app: side, says: None };
    Ok([
        Arc::new(Pods::behind(namespace, side("web-stable")).await?),
        Arc::new(Pods::behind(namespace, side("web-canary")).await?),
    ])
}

/// A proxy of the route's parent with the filter, which has this document, and the host that it is asked
/// for.
pub(super) async fn front(
    cluster: &Cluster,
    namespace: &Namespace,
    parent: Parent,
    document: &Value,
) -> Result<(Proxy, String)> {
    let mut plugin = objects::wasm_plugin(document)?;
    match parent {
        Parent::Gateway => {
            let of =
                json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"});
            put(&mut plugin, "targetRefs", json!([of]))?;
            namespace.apply(&plugin.to_string()).await?;
            Ok((Proxy::parent(namespace).await?, HOST.to_owned()))
        }
        Parent::Service => {
            // Beside another one of this name.
            let metadata = plugin.get_mut("metadata").context("no metadata")?;
            *metadata = json!({"name": "serin-mesh"});
            put(&mut plugin, "selector", json!({"matchLabels": {"app": "client"}}))?;
            namespace.apply(&plugin.to_string()).await?;
            namespace.apply(&objects::service().to_string()).await?;
            let proxy = Proxy::sidecar(namespace, cluster.discovery()).await?;
            Ok((proxy, objects::service_host("web", namespace.name())))
        }
    }
}

/// Sets a field of an object's spec.
pub(super) fn put(object: &mut Value, field: &str, value: Value) -> Result<()> {
    let spec = object.get_mut("spec").and_then(Value::as_object_mut).context("no spec")?;
    spec.insert(field.to_owned(), value);
    Ok(())
}
