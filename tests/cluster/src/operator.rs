//! The controller as a cluster runs it: with the rights of `istio/`, and no others.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::process::Process;
use serin_tests::{artifacts, http, manifests, ports};

use crate::cluster::Cluster;
use crate::kubectl::Kubectl;
use crate::namespace::Namespace;
use crate::relay::Relay;
use crate::released::at;

/// Who it is for the API server, by `istio/`.
pub const ACCOUNT: &str = "system:serviceaccount:serin-system:serin";
/// It has to list what there is first.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Where the file of those who are told of decisions is, in a test's folder, if it has one.
pub(crate) const RECEIVERS: &str = "receivers.yaml";

/// A replica that looks after one namespace.
#[derive(Debug)]
pub struct Operator {
    process: Process,
    port: u16,
}

impl Operator {
    /// Installs what the controller needs, and starts a replica of this name that looks after the
    /// namespace, with its lease there.
    ///
    /// # Errors
    /// Where something of it is refused, or the process does not get ready; with the end of its log.
    pub async fn start(cluster: &Cluster, namespace: &Namespace, name: &str) -> Result<Self> {
        let account = account(cluster, namespace).await?;
        Self::launch(namespace, account.kubeconfig(), name).await
    }

    /// Starts a replica where one has been started before.
    ///
    /// # Errors
    /// Where the process does not get ready; with the end of its log.
    pub async fn start_again(namespace: &Namespace, name: &str) -> Result<Self> {
        let account = namespace.access.service_account("serin-system", "serin").await?;
        Self::launch(namespace, account.kubeconfig(), name).await
    }

    /// A way to the API server for the replica of this name, with the rights that it is given.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn relay(cluster: &Cluster, namespace: &Namespace, name: &str) -> Result<Relay> {
        let account = account(cluster, namespace).await?;
        Relay::start(namespace, &account, name).await
    }

    /// Starts a replica of this name that reaches the API server by this way.
    ///
    /// # Errors
    /// Where the process does not get ready; with the end of its log.
    pub async fn through(relay: &Relay, namespace: &Namespace, name: &str) -> Result<Self> {
        Self::launch(namespace, relay.kubeconfig(), name).await
    }

    async fn launch(namespace: &Namespace, kubeconfig: &Path, name: &str) -> Result<Self> {
        let port = ports::free()?;
        let folder = namespace.folder()?;
        let args = [
            "operate".to_owned(),
            format!("--namespace={}", namespace.name()),
            format!("--lease-namespace={}", namespace.name()),
            format!("--identity={name}"),
            format!("--listen=127.0.0.1:{port}"),
            format!("--work-dir={}", folder.join(format!("{name}-work")).display()),
        ];
        let receivers = folder.join(RECEIVERS);
        let told = receivers.exists().then(|| format!("--receivers={}", receivers.display()));
        let args = args.into_iter().chain(told);
        let kubeconfig = kubeconfig.to_string_lossy();
        let settings = settings()?;
        let mut variables = vec![("KUBECONFIG", kubeconfig.as_ref())];
        variables.extend(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut process =
            Process::start_with(name, &artifacts::serin()?, args, &variables, &folder)?;
        process
            .ready(START_LIMIT, || async move {
                http::get(port, "/readyz").await.is_ok_and(|answer| answer.status == 200)
            })
            .await?;
        Ok(Self { process, port })
    }

    /// The document that it answers, where it has one.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn document(&self) -> Result<Option<String>> {
        let answer = http::get(self.port, "/v1/assignment").await?;
        ensure!(matches!(answer.status, 200 | 503), "{} {}", answer.status, answer.text());
        Ok((answer.status == 200).then(|| answer.text()))
    }

    /// The releases that it shows, whether it runs them or not.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn releases(&self) -> Result<Vec<Value>> {
        http::get(self.port, "/v1/releases").await?.json()
    }

    /// Where it answers.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, for what a test does to it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// The controller's account, as `istio/` has it, with a lease in a test's own namespace.
async fn account(cluster: &Cluster, namespace: &Namespace) -> Result<Kubectl> {
    let account = cluster.account.get_or_try_init(|| install(cluster)).await?;
    lease_in(namespace).await?;
    Ok(account.clone())
}

/// What all namespaces share: the kind, the account and its rights.
async fn install(cluster: &Cluster) -> Result<Kubectl> {
    let folder = artifacts::root()?.join("istio");
    for file in ["namespace.yaml", "crd.yaml", "rbac.yaml"] {
        let file = folder.join(file);
        let file = file.to_str().context("a path that is not UTF-8")?;
        let namespace = ["--namespace", "serin-system"];
        let apply = ["apply", "--server-side", "--filename", file];
        cluster.kubectl().run(&[&apply[..], &namespace[..]].concat()).await?;
    }
    let wait = ["wait", "--for=condition=Established", "crd/canaryreleases.serin.dev"];
    cluster.kubectl().run(&wait).await?;
    cluster.service_account("serin-system", "serin").await
}

/// The right to a lease in a test's own namespace, as `istio/rbac.yaml` gives it in the controller's.
async fn lease_in(namespace: &Namespace) -> Result<()> {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "serin"},
        "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "verbs": ["get", "create", "update"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "serin"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "serin"},
        "subjects": [{"kind": "ServiceAccount", "name": "serin", "namespace": "serin-system"}],
    });
    namespace.apply(&role.to_string()).await?;
    namespace.apply(&binding.to_string()).await
}

/// The environment that `istio/` gives it, but for what names its pod.
fn settings() -> Result<Vec<(String, String)>> {
    let deployment = manifests::object("deployment.yaml", "Deployment", "serin")?;
    let variables = at(&deployment, "/spec/template/spec/containers/0/env").as_array();
    let variables = variables.context("istio/deployment.yaml has no variables")?;
    let text = |variable: &Value, field| at(variable, field).as_str().map(str::to_owned);
    let set = |it| Some((text(it, "/name")?, text(it, "/value")?));
    Ok(variables.iter().filter_map(set).collect())
}
