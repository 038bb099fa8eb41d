//! Argo CD: its own application controller, with a folder in the place of Git.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use serin_tests::process::Process;
use serin_tests::{http, ports};
use tokio::sync::OnceCell;

use super::parts::Parts;
use super::{Git, Tool, add, recipe};
use crate::namespace::Namespace;
use crate::released::at;

/// It lists what there is first.
const START_LIMIT: Duration = Duration::from_mins(1);
/// It takes a second or two on a quiet machine.
const SYNCED_LIMIT: Duration = Duration::from_mins(1);
/// How often it reads Git where nobody asks for it; two minutes are usual. What changes in the cluster it
/// hears of at once.
const RESYNC: &str = "2s";
/// The cluster that it runs in, as an Application names it.
const HERE: &str = "https://kubernetes.default.svc";
/// What it looks at: else it would watch all that there is.
const WATCHED: &str = "
- {apiGroups: [apps, networking.istio.io, extensions.istio.io, serin.dev], kinds: ['*'], clusters: ['*']}
";

/// The kinds are the whole cluster's.
static KINDS: OnceCell<()> = OnceCell::const_new();

/// The controller. Ends with the value.
#[derive(Debug)]
pub struct Argo {
    _process: Process,
    /// A folder for each revision, and the file that names the newest.
    folder: PathBuf,
    namespace: Namespace,
}

impl Tool for Argo {
    fn recipe() -> Result<Value> {
        recipe::with("ignoreDifferences:")
    }

    async fn start(namespace: &Namespace, git: &Git, added: &Value) -> Result<Self> {
        let parts = Parts::load()?;
        KINDS.get_or_try_init(|| kinds(namespace, &parts)).await?;
        for object in settings(namespace.name()) {
            namespace.apply(&object.to_string()).await?;
        }
        let folder = namespace.folder()?.join("git");
        write(&folder, git)?;
        let mut application = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop"},
            "spec": {
                "project": "default",
                "source": {"repoURL": "https://git.example.com/shop.git", "path": ".", "targetRevision": "HEAD"},
                "destination": {"server": HERE, "namespace": namespace.name()},
                "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
            },
        });
        add(&mut application, added);
        namespace.apply(&application.to_string()).await?;
        let process = controller(namespace, &parts.argo, &folder).await?;
        let argo = Self { _process: process, folder, namespace: namespace.clone() };
        argo.synced(git).await?;
        Ok(argo)
    }

    async fn commit(&self, git: &Git) -> Result<()> {
        self.push(git).await?;
        self.synced(git).await
    }
}

impl Argo {
    /// Puts this into Git, and has it read.
    ///
    /// # Errors
    /// Where the folder or the Application cannot be written.
    pub async fn push(&self, git: &Git) -> Result<()> {
        write(&self.folder, git)?;
        let refresh =
            json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}});
        self.namespace.kubectl().patch(&["application", "shop"], &refresh).await
    }

    /// Waits until it takes the cluster for what stands in Git.
    async fn synced(&self, git: &Git) -> Result<()> {
        self.compared(git, "Synced").await
    }

    /// Waits until it has compared the cluster with this and says so.
    ///
    /// # Errors
    /// Where it does not in time.
    pub async fn compared(&self, git: &Git, says: &str) -> Result<()> {
        let revision = git.revision();
        let compared = |object: &Value| {
            let sync = at(object, "/status/sync");
            at(sync, "/revision") == &*revision && at(sync, "/status") == says
        };
        self.namespace.until("application", "shop", SYNCED_LIMIT, compared).await.map(drop)
    }
}

/// Its process, for the Applications of one namespace.
async fn controller(namespace: &Namespace, program: &Path, git: &Path) -> Result<Process> {
    let port = ports::free()?;
    let args = [
        format!("--namespace={}", namespace.name()),
        format!("--manifests={}", git.display()),
        format!("--listen=127.0.0.1:{port}"),
        format!("--resync={RESYNC}"),
    ];
    let folder = namespace.folder()?;
    let kubeconfig = namespace.kubectl().kubeconfig().to_string_lossy();
    // By which the cluster that it runs in is the one of the kubeconfig.
    let variables = [
        ("KUBECONFIG", kubeconfig.as_ref()),
        ("ARGOCD_FAKE_IN_CLUSTER", "true"),
        // As its own manifest has it.
        ("ARGOCD_CONTROLLER_REPLICAS", "1"),
    ];
    let mut process = Process::start_with("argo", program, args, &variables, &folder)?;
    let ready = || async move {
        http::get(port, "/healthz").await.is_ok_and(|answer| answer.status == 200)
    };
    process.ready(START_LIMIT, ready).await?;
    Ok(process)
}

/// Leaves a revision in the folder, and names it the newest once it is whole.
fn write(folder: &Path, git: &Git) -> Result<()> {
    let revision = git.revision();
    let whole = folder.join(&revision);
    fs::create_dir_all(&whole).with_context(|| format!("making {}", whole.display()))?;
    for (name, text) in git.files() {
        fs::write(whole.join(name), text)?;
    }
    let (next, head) = (folder.join("NEXT"), folder.join("HEAD"));
    fs::write(&next, revision)?;
    fs::rename(next, head)?;
    Ok(())
}

/// What its installation brings beside the controller: what it looks at, the cluster and the namespace
/// in it that it may have, and the project that every Application is of.
fn settings(namespace: &str) -> [Value; 4] {
    let labelled = |kind: &str, name: &str, label: (&str, &str)| {
        json!({
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "labels": {label.0: label.1}},
        })
    };
    let part = ("app.kubernetes.io/part-of", "argocd");
    let mut settings = labelled("ConfigMap", "argocd-cm", part);
    add(&mut settings, &json!({"data": {"resource.inclusions": WATCHED}}));
    let mut secret = labelled("Secret", "argocd-secret", part);
    add(&mut secret, &json!({"stringData": {"server.secretkey": "of no server"}}));
    let mut cluster = labelled("Secret", "here", ("argocd.argoproj.io/secret-type", "cluster"));
    add(
        &mut cluster,
        &json!({"stringData": {
            "name": "here", "server": HERE, "namespaces": namespace, "config": "{}",
        }}),
    );
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
        },
    });
    [settings, secret, cluster, project]
}

/// Its kinds.
async fn kinds(namespace: &Namespace, parts: &Parts) -> Result<()> {
    let kubectl = namespace.kubectl();
    for file in [&parts.argo_application, &parts.argo_project] {
        let file = file.to_string_lossy();
        kubectl.run(&["apply", "--server-side", "--filename", &file]).await?;
    }
    let kinds = ["crd/applications.argoproj.io", "crd/appprojects.argoproj.io"];
    let wait = ["wait", "--for=condition=Established"];
    kubectl.run(&[&wait[..], &kinds[..]].concat()).await.map(drop)
}
