//! A real Traefik that reads the objects of one namespace.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use serin_tests::process::Process;
use serin_tests::{http, ports};

use crate::namespace::Namespace;

/// It lists what there is first.
const START_LIMIT: Duration = Duration::from_mins(1);

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
        let (port, api) = (ports::free()?, ports::free()?);
        let args = [
            format!("--entrypoints.web.address=127.0.0.1:{port}"),
            format!("--entrypoints.traefik.address=127.0.0.1:{api}"),
            "--api.insecure=true".to_owned(),
            "--ping=true".to_owned(),
            "--global.checknewversion=false".to_owned(),
            "--global.sendanonymoususage=false".to_owned(),
            // By itself it takes changes over every two seconds at most.
            "--providers.providersthrottleduration=50ms".to_owned(),
            "--providers.kubernetescrd=true".to_owned(),
            "--providers.kubernetescrd.allowexternalnameservices=true".to_owned(),
            format!("--providers.kubernetescrd.namespaces={}", namespace.name()),
        ];
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

    /// What it makes of a `TraefikService` of this namespace; null where it has none of that name.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn service(&self, namespace: &Namespace, name: &str) -> Result<Value> {
        let path = format!("/api/http/services/{}-{name}@kubernetescrd", namespace.name());
        let answer = http::get(self.api, &path).await?;
        if answer.status == 404 { Ok(Value::Null) } else { answer.json() }
    }
}
