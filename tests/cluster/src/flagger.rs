//! Flagger, to compare with: its own definitions and account, at its own defaults.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serin_tests::process::Process;
use serin_tests::{artifacts, http, ports};

use crate::cluster::Cluster;
use crate::namespace::Namespace;

/// It lists what there is first.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Who it is for the API server, by its own manifest.
pub const ACCOUNT: &str = "system:serviceaccount:default:flagger";

/// What `cargo xtask flagger` built.
#[derive(Debug, Deserialize)]
struct Parts {
    flagger: PathBuf,
    #[serde(rename = "flagger-crd.yaml")]
    crd: PathBuf,
    #[serde(rename = "flagger-account.yaml")]
    account: PathBuf,
}

/// A running Flagger that looks after one namespace.
#[derive(Debug)]
pub struct Flagger {
    process: Process,
}

impl Flagger {
    /// Installs its definitions and its account and starts it as its manifest does, for a mesh of
    /// Istio and the Prometheus at this address.
    ///
    /// # Errors
    /// Where it was not built, or does not get ready; with the end of its log.
    pub async fn start(cluster: &Cluster, namespace: &Namespace, prometheus: &str) -> Result<Self> {
        let file = artifacts::root()?.join("target/flagger.json");
        let text = fs::read(&file)
            .with_context(|| format!("{} is missing: run `cargo xtask flagger`", file.display()))?;
        let parts: Parts = serde_json::from_slice(&text)
            .with_context(|| format!("{}: run `cargo xtask flagger` again", file.display()))?;
        for file in [&parts.crd, &parts.account] {
            let apply = ["apply", "--server-side", "--filename", &file.to_string_lossy()];
            cluster.kubectl().run(&apply).await?;
        }
        let kinds = ["crd/canaries.flagger.app", "crd/metrictemplates.flagger.app"];
        let wait = ["wait", "--for=condition=Established"];
        cluster.kubectl().run(&[&wait[..], &kinds[..]].concat()).await?;
        let account = cluster.service_account("default", "flagger").await?;
        let port = ports::free()?;
        let args = [
            format!("-kubeconfig={}", account.kubeconfig().display()),
            format!("-namespace={}", namespace.name()),
            "-mesh-provider=istio".to_owned(),
            format!("-metrics-server={prometheus}"),
            format!("-port={port}"),
            "-log-level=info".to_owned(),
        ];
        let mut process = Process::start("flagger", &parts.flagger, args, &namespace.folder()?)?;
        let ready = || async move {
            http::get(port, "/healthz").await.is_ok_and(|answer| answer.status == 200)
        };
        process.ready(START_LIMIT, ready).await?;
        Ok(Self { process })
    }

    /// Its process, for what it costs.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}
