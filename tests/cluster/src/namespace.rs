//! One test's part of the cluster.

use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use kube::Client;
use serde_json::{Value, json};
use serin_tests::artifacts;
use tokio::process::Command;
use tokio::time::timeout;

use crate::cluster::Access;
use crate::control;
use crate::kubectl::Kubectl;
use crate::objects;
use crate::watched::Watched;

/// A namespace. What a test puts there touches no other test.
#[derive(Clone, Debug)]
pub struct Namespace {
    pub(crate) access: Arc<Access>,
    name: String,
    kubectl: Kubectl,
}

impl Namespace {
    pub(crate) async fn make(access: Arc<Access>, name: &str) -> Result<Self> {
        access.admin.run(&["create", "namespace", name]).await?;
        let kubectl = access.admin_in(name)?;
        Ok(Self { access, name: name.to_owned(), kubectl })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kubectl as the administrator, in this namespace.
    #[must_use]
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// A client as the administrator.
    ///
    /// # Errors
    /// Where the kubeconfig cannot be read.
    pub async fn client(&self) -> Result<Client> {
        control::client(self.kubectl.kubeconfig()).await
    }

    /// Kubectl as a service account of this namespace.
    ///
    /// # Errors
    /// Where there is no such account.
    pub async fn service_account(&self, name: &str) -> Result<Kubectl> {
        self.access.service_account(&self.name, name).await
    }

    /// Applies objects to this namespace, unless they name another.
    ///
    /// # Errors
    /// Where the API server refuses one.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        self.kubectl.apply(yaml).await
    }

    /// Gives an object.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Value> {
        self.kubectl.get(&[kind, name]).await
    }

    /// Applies a Deployment whose pods carry `labels` and run `image` (see [`crate::image`]), with
    /// the strategy that Kubernetes takes by itself.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn deployment(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        image: &str,
        replicas: u32,
    ) -> Result<()> {
        let deployment = objects::deployment(name, labels, image, Some(replicas));
        self.apply(&deployment.to_string()).await
    }

    /// Gives a Deployment's container another image, as people do, and waits until it is rolled
    /// out.
    ///
    /// # Errors
    /// Where it is not.
    pub async fn set_image(&self, deployment: &str, image: &str) -> Result<()> {
        let (what, to) = (format!("deployment/{deployment}"), format!("app={image}"));
        self.kubectl.run(&["set", "image", &what, &to]).await?;
        self.rolled_out(deployment).await
    }

    /// Waits until a Deployment is rolled out.
    ///
    /// # Errors
    /// Where it is not within two minutes.
    pub async fn rolled_out(&self, deployment: &str) -> Result<()> {
        let what = format!("deployment/{deployment}");
        self.kubectl.run(&["rollout", "status", &what, "--timeout=100s"]).await.map(drop)
    }

    /// Makes a pod not ready, as one is whose container crashes again and again. It stays so, and is
    /// not replaced.
    ///
    /// # Errors
    /// Where there is no such pod.
    pub async fn crash(&self, pod: &str) -> Result<()> {
        let condition =
            |name: &str| json!({"type": name, "status": "False", "reason": "CrashLoop"});
        let conditions = json!([condition("Ready"), condition("ContainersReady")]);
        let merge = json!({"status": {"conditions": conditions}});
        self.kubectl.patch(&["pod", pod, "--subresource", "status"], &merge).await
    }

    /// Waits until an object is as the test wants it, and gives it.
    ///
    /// # Errors
    /// Where it is not within `limit`; with the object.
    pub async fn until(
        &self,
        kind: &str,
        name: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let mut last = Value::Null;
        let found = timeout(limit, async {
            loop {
                let mut watched = Watched::start(&self.kubectl, kind, name)?;
                while let Some(object) = watched.next().await? {
                    if wanted(&object) {
                        return anyhow::Ok(object);
                    }
                    last = object;
                }
            }
        });
        if let Ok(found) = found.await {
            return found.with_context(|| format!("{kind}/{name}"));
        }
        // Pages of numbers, of which a reader of the failure wants none.
        last.pointer_mut("/status/record").map(Value::take);
        bail!("{kind}/{name} after {limit:?}: {last:#}")
    }

    /// What `kubectl serin` says to the administrator, whatever its exit code.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub async fn ask_serin(&self, args: &[&str]) -> Result<Output> {
        let mut serin = Command::new(artifacts::serin()?);
        // As kubectl calls its plugin.
        serin.arg0("kubectl-serin").args(args).args(["--namespace", &self.name]);
        Ok(serin.env("KUBECONFIG", self.kubectl.kubeconfig()).output().await?)
    }

    /// A folder for this test's files, among the cluster's logs.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn folder(&self) -> Result<PathBuf> {
        self.access.scratch.folder(&self.name).context("making a test's folder")
    }
}
