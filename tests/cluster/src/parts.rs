//! Where the cluster's programs lie.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serin_tests::artifacts;

/// What makes what is missing here.
const COMMAND: &str = "cargo xtask cluster";

/// The programs and files, as `cargo xtask cluster` left them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Parts {
    /// The database of the API server.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// Deployments, endpoints, garbage collection.
    pub kube_controller_manager: PathBuf,
    /// Finds a node for each pod.
    pub kube_scheduler: PathBuf,
    /// The client.
    pub kubectl: PathBuf,
    /// Plays nodes and pods.
    pub kwok: PathBuf,
    /// Ingress-nginx's admission.
    pub ingress_nginx_admission: PathBuf,
    /// What ingress-nginx makes nginx's configuration of.
    #[serde(rename = "nginx.tmpl")]
    pub nginx_template: PathBuf,
    /// Istiod.
    pub pilot_discovery: PathBuf,
    /// What Istio has beside each proxy.
    pub pilot_agent: PathBuf,
    /// Traefik.
    pub traefik: PathBuf,
    /// Traefik's custom resources.
    #[serde(rename = "traefik-crds.yaml")]
    pub traefik_crds: PathBuf,
    /// The custom resources of Gateway API's standard channel.
    #[serde(rename = "gateway-api-crds.yaml")]
    pub gateway_api_crds: PathBuf,
    /// Istio's custom resources.
    #[serde(rename = "istio-crds.yaml")]
    pub istio_crds: PathBuf,
    /// What Istio's agent makes a proxy's bootstrap of.
    #[serde(rename = "envoy-bootstrap.json")]
    pub envoy_bootstrap: PathBuf,
    /// How a node gets ready.
    #[serde(rename = "node-initialize.yaml")]
    pub node_initialize: PathBuf,
    /// How a pod gets ready.
    #[serde(rename = "pod-ready.yaml")]
    pub pod_ready: PathBuf,
    /// How a job's pod ends.
    #[serde(rename = "pod-complete.yaml")]
    pub pod_complete: PathBuf,
    /// How a pod goes.
    #[serde(rename = "pod-delete.yaml")]
    pub pod_delete: PathBuf,
}

impl Parts {
    /// Reads what `cargo xtask cluster` left.
    ///
    /// # Errors
    /// Where it was not run, or what it built has gone since.
    pub fn load() -> Result<Self> {
        let file = artifacts::root()?.join("target/cluster.json");
        let text = fs::read(&file)
            .with_context(|| format!("{} is missing: run `{COMMAND}`", file.display()))?;
        let parts: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{}: run `{COMMAND}` again", file.display()))?;
        for program in [&parts.etcd, &parts.kube_apiserver, &parts.kwok, &parts.pilot_discovery] {
            if !program.exists() {
                bail!("{} has gone: run `{COMMAND}`", program.display());
            }
        }
        Ok(parts)
    }
}
