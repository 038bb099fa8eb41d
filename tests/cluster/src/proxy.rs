//! A real Envoy that istiod configures.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use serin_tests::artifacts::Setup;
use serin_tests::envoy::Admin;
use serin_tests::process::Process;
use serin_tests::{http, ports};
use tokio::net::TcpStream;

use crate::bootstrap::{Role, bootstrap};
use crate::mesh;
use crate::namespace::Namespace;
use crate::stats_config::stats_config;

/// Istiod answers in a fraction of a second; compiling the module takes Envoy a second or two, more
/// on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);
/// Two, so that an answer of one worker can be told from an answer of all.
const WORKERS: &str = "2";

/// A gateway or a sidecar, with two workers.
#[derive(Debug)]
pub struct Proxy {
    process: Process,
    port: u16,
    admin: u16,
}

impl Proxy {
    /// Applies a Gateway of the name `gateway` for these hosts and starts the proxy behind it, in a
    /// namespace that has none yet. Ready once it takes connections.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn gateway(namespace: &Namespace, hosts: &[&str]) -> Result<Self> {
        Self::edge(namespace, hosts, &[]).await
    }

    /// The same, with its counters of the clusters that it sends requests to shown, which Istio has its
    /// proxies keep to themselves unless their pods say otherwise.
    ///
    /// # Errors
    /// As [`gateway`](Self::gateway).
    pub async fn gateway_that_counts(namespace: &Namespace, hosts: &[&str]) -> Result<Self> {
        Self::edge(namespace, hosts, &["cluster.outbound"]).await
    }

    async fn edge(namespace: &Namespace, hosts: &[&str], include: &[&str]) -> Result<Self> {
        let port = ports::free()?;
        let gateway = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "gateway"},
            "spec": {
                "selector": {"istio": "ingressgateway"},
                "servers": [{
                    "port": {"number": port, "name": "http", "protocol": "HTTP"},
                    "bind": "127.0.0.1",
                    "hosts": hosts,
                }],
            },
        });
        namespace.apply(&gateway.to_string()).await?;
        let discovery = namespace.access.discovery;
        Self::start("gateway", Role::Gateway, port, (discovery, include), namespace).await
    }

    /// Applies Gateway API's Gateway `gateway`, and starts the proxy as a pod of it: a Service of the
    /// same name selects that pod, which is played. Ready once it takes connections.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn parent(namespace: &Namespace) -> Result<Self> {
        const POD: &str = "gateway";
        let port = ports::free()?;
        let address = format!("{POD}.{}.svc.cluster.local", namespace.name());
        let objects = [
            json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": POD, "labels": {
                    "app": POD,
                    // By which a plugin of the gateway finds its proxies.
                    "gateway.networking.k8s.io/gateway-name": "gateway",
                }},
                "spec": {"containers": [{"name": "envoy", "image": "envoy"}]},
            }),
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": POD},
                "spec": {
                    "selector": {"app": POD},
                    "ports": [{"name": "http", "port": 80, "targetPort": port}],
                },
            }),
            // With an address that is there, istiod deploys nothing.
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "metadata": {"name": "gateway"},
                "spec": {
                    "gatewayClassName": "istio",
                    "addresses": [{"type": "Hostname", "value": address}],
                    "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
                },
            }),
        ];
        for object in &objects {
            namespace.apply(&object.to_string()).await?;
        }
        let own =
            |pod: &Value| pod.pointer("/status/podIP").and_then(Value::as_str).map(str::to_owned);
        let ready = |pod: &Value| {
            own(pod).is_some() && pod.pointer("/status/phase").is_some_and(|it| it == "Running")
        };
        let pod = namespace.until("pod", POD, LIMIT, ready).await?;
        let own = own(&pod).unwrap_or_default();
        let role = Role::Parent { pod: POD, address: &own };
        Self::start("gateway", role, port, (namespace.access.discovery, &[]), namespace).await
    }

    /// Starts a sidecar beside a client with the label `app: client`, which sends its requests to
    /// [`port`](Self::port), by the host that they are for. It finds istiod at the port `discovery`.
    /// Ready once it takes connections.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn sidecar(namespace: &Namespace, discovery: u16) -> Result<Self> {
        let port = ports::free()?;
        Self::start("sidecar", Role::Sidecar(port), port, (discovery, &[]), namespace).await
    }

    async fn start(
        name: &str,
        role: Role<'_>,
        port: u16,
        (discovery, include): (u16, &[&str]),
        namespace: &Namespace,
    ) -> Result<Self> {
        let admin = ports::free()?;
        let template = &namespace.access.parts.envoy_bootstrap;
        let stats = stats_config(template, &mesh::extra_stat_tags()?, include)?;
        let bootstrap = bootstrap(role, namespace.name(), (discovery, admin), &stats);
        let folder = namespace.folder()?;
        let file = folder.join(format!("{name}.json"));
        std::fs::write(&file, format!("{bootstrap:#}"))?;
        let args = [
            "--config-path",
            &file.to_string_lossy(),
            "--use-dynamic-base-id",
            "--concurrency",
            WORKERS,
            // Connections of keep-alive clients would hold up the end of a test.
            "--drain-time-s",
            "1",
        ]
        .map(str::to_owned);
        let mut process = Process::start(name, &Setup::load()?.envoy, args, &folder)?;
        let ready = || async move {
            let live = http::get(admin, "/ready").await.is_ok_and(|answer| answer.status == 200);
            live && TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        };
        process.ready(LIMIT, ready).await?;
        Ok(Self { process, port, admin })
    }

    /// Where it takes requests.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its admin interface, which Prometheus scrapes.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::at(self.admin)
    }

    /// What it has written to its log so far, access logs among it.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process, for what a test does to it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
