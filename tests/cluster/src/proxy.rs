//! A real Envoy that istiod configures.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
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
        Self::start("gateway", Role::Gateway, port, discovery, namespace).await
    }

    /// Starts a sidecar beside a client with the label `app: client`, which sends its requests to
    /// [`port`](Self::port), by the host that they are for. It finds istiod at the port `discovery`.
    /// Ready once it takes connections.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn sidecar(namespace: &Namespace, discovery: u16) -> Result<Self> {
        let port = ports::free()?;
        Self::start("sidecar", Role::Sidecar(port), port, discovery, namespace).await
    }

    async fn start(
        name: &str,
        role: Role,
        port: u16,
        discovery: u16,
        namespace: &Namespace,
    ) -> Result<Self> {
        let admin = ports::free()?;
        let template = &namespace.access.parts.envoy_bootstrap;
        let stats = stats_config(template, &mesh::extra_stat_tags()?)?;
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

    /// Its process, for what a test does to it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
