//! A real Traefik that reads the objects of one namespace.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_tests::load::{Load, Profile};
use serin_tests::process::Process;
use serin_tests::webapp::{Behaviour, WebApp};
use serin_tests::{http, ports};

use crate::namespace::Namespace;

/// It lists what there is first.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How often it is asked.
const POLL: Duration = Duration::from_millis(20);

/// Traefik. Ends with the value.
#[derive(Debug)]
pub struct Traefik {
    port: u16,
    api: u16,
    _process: Process,
}

impl Traefik {
    /// Starts it for Traefik's own kinds, with Services of the type `ExternalName` allowed: played
    /// pods have no addresses that anything listens at.
    ///
    /// # Errors
    /// Where it does not get ready; with the end of its log.
    pub async fn start(namespace: &Namespace) -> Result<Self> {
        let provider = "--providers.kubernetescrd";
        let allow = format!("{provider}.allowexternalnameservices=true");
        Self::start_with(namespace, provider, &[allow]).await
    }

    /// Starts it for Gateway API, with the port that it takes requests at as its only entry point.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_for_gateways(namespace: &Namespace) -> Result<Self> {
        Self::start_with(namespace, "--providers.kubernetesgateway", &[]).await
    }

    async fn start_with(namespace: &Namespace, provider: &str, more: &[String]) -> Result<Self> {
        let (port, api) = (ports::free()?, ports::free()?);
        let args = [
            format!("--entrypoints.web.address=127.0.0.1:{port}"),
            format!("--entrypoints.traefik.address=127.0.0.1:{api}"),
            "--api.insecure=true".to_owned(),
            "--ping=true".to_owned(),
            "--metrics.prometheus=true".to_owned(),
            "--global.checknewversion=false".to_owned(),
            "--global.sendanonymoususage=false".to_owned(),
            // By itself it takes changes over every two seconds at most.
            "--providers.providersthrottleduration=50ms".to_owned(),
            format!("{provider}=true"),
            format!("{provider}.namespaces={}", namespace.name()),
        ]
        .into_iter()
        .chain(more.iter().cloned());
        let program = &namespace.access.parts.traefik;
        let kubeconfig = namespace.kubectl().kubeconfig().to_string_lossy().into_owned();
        let env = [("KUBECONFIG", kubeconfig.as_str())];
        let mut process =
            Process::start_with("traefik", program, args, &env, &namespace.folder()?)?;
        let ready = || async move {
            http::get(api, "/ping").await.is_ok_and(|answer| answer.status == 200)
        };
        process.ready(START_LIMIT, ready).await?;
        Ok(Self { port, api, _process: process })
    }

    /// Where it takes requests.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until a host's requests are answered.
    ///
    /// # Errors
    /// Where they are not in time.
    pub async fn serves(&self, host: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            let request = http::request(Method::GET, "/", &[("host", host)], "")?;
            let answered = http::send(self.port, request).await;
            if answered.as_ref().is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            ensure!(start.elapsed() < START_LIMIT, "after {START_LIMIT:?}: {answered:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// A load of so many requests a second for the host, by so many users.
    #[must_use]
    pub fn load(&self, host: &str, users: u32, rate: u32) -> Load {
        Load::start(&Profile {
            port: self.port,
            host: host.to_owned(),
            identity: "x-user-id".to_owned(),
            users,
            first_user: 0,
            broken: false,
            rate,
            connections: 4,
        })
    }

    /// Where it serves `/metrics`.
    #[must_use]
    pub fn admin(&self) -> u16 {
        self.api
    }

    /// What it makes of a `TraefikService` of this namespace; null where it has none of that name.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn service(&self, namespace: &Namespace, name: &str) -> Result<Value> {
        let path = format!("/api/http/services/{}-{name}@kubernetescrd", namespace.name());
        let answer = http::get(self.api, &path).await?;
        if answer.status == 404 { Ok(Value::Null) } else { answer.json() }
    }

    /// All services that it has, of all providers.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn services(&self) -> Result<Value> {
        http::get(self.api, "/api/http/services?per_page=1000").await?.json()
    }
}

/// The application of a side, and the Service `web-<side>` that leads to it.
///
/// # Errors
/// Where it does not start, or the Service is refused.
pub async fn side(namespace: &Namespace, side: Variant) -> Result<WebApp> {
    let app = WebApp::start(side.as_str(), ports::free()?, Behaviour::healthy("1.0")).await?;
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": format!("web-{side}")},
        "spec": {
            "type": "ExternalName",
            "externalName": "localhost",
            "ports": [{"name": "http", "port": app.port()}],
        },
    });
    namespace.apply(&service.to_string()).await?;
    Ok(app)
}

/// The `TraefikService` `web` between both sides at these ports, at 100 to 0, and the `IngressRoute` that
/// sends it a host's requests.
#[must_use]
pub fn weighted(host: &str, [stable, canary]: [u16; 2]) -> [Value; 2] {
    let one =
        |name: &str, port: u16, weight: u32| json!({"name": name, "port": port, "weight": weight});
    let weighted = json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {"name": "web"},
        "spec": {"weighted": {
            "services": [one("web-stable", stable, 100), one("web-canary", canary, 0)],
        }},
    });
    let route = json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "IngressRoute",
        "metadata": {"name": "web"},
        "spec": {
            "entryPoints": ["web"],
            "routes": [{
                "kind": "Rule",
                "match": format!("Host(`{host}`)"),
                "services": [{"kind": "TraefikService", "name": "web"}],
            }],
        },
    });
    [weighted, route]
}
