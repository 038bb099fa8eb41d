//! Flux: its own kustomize-controller, which applies; the test stands for its source-controller, which
//! fetches.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use serin_tests::process::Process;
use serin_tests::serve::Server;
use serin_tests::{http, ports};
use tokio::sync::OnceCell;

use super::git::digest;
use super::parts::Parts;
use super::{Git, Tool, add, recipe};
use crate::namespace::Namespace;
use crate::released::at;

/// It lists what there is first.
const START_LIMIT: Duration = Duration::from_mins(1);
/// It takes a second on a quiet machine.
const APPLIED_LIMIT: Duration = Duration::from_mins(1);
/// How often it compares the cluster with Git where nothing has changed there; ten minutes are usual.
const INTERVAL: &str = "2s";
/// The kinds that it watches for what was fetched.
const SOURCES: [(&str, &str); 3] = [
    ("GitRepository", "gitrepositories"),
    ("OCIRepository", "ocirepositories"),
    ("Bucket", "buckets"),
];

/// The kinds are the whole cluster's.
static KINDS: OnceCell<()> = OnceCell::const_new();

/// The controller. Ends with the value.
#[derive(Debug)]
pub struct Flux {
    _process: Process,
    server: Server,
    /// What was fetched, by the path at which it is served.
    archives: Arc<Mutex<BTreeMap<String, Bytes>>>,
    namespace: Namespace,
}

impl Tool for Flux {
    fn recipe() -> Result<Value> {
        recipe::with("ignore:")
    }

    async fn start(namespace: &Namespace, git: &Git, added: &Value) -> Result<Self> {
        let parts = Parts::load()?;
        KINDS.get_or_try_init(|| kinds(namespace, &parts)).await?;
        let archives: Arc<Mutex<BTreeMap<String, Bytes>>> = Arc::default();
        let kept = Arc::clone(&archives);
        let server = Server::start(0, move |request| {
            let archives = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let found = archives.get(request.uri().path()).cloned();
            let mut response = Response::new(Full::new(found.clone().unwrap_or_default()));
            if found.is_none() {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            async { response }
        });
        let process = controller(namespace, &parts.flux).await?;
        let flux = Self {
            _process: process,
            server: server.await?,
            archives,
            namespace: namespace.clone(),
        };
        let source = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "shop"},
        });
        namespace.apply(&source.to_string()).await?;
        let mut kustomization = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "shop"},
            "spec": {
                "interval": INTERVAL,
                "retryInterval": INTERVAL,
                "prune": true,
                "sourceRef": {"kind": "GitRepository", "name": "shop"},
                "targetNamespace": namespace.name(),
            },
        });
        add(&mut kustomization, added);
        namespace.apply(&kustomization.to_string()).await?;
        flux.commit(git).await?;
        Ok(flux)
    }

    async fn commit(&self, git: &Git) -> Result<()> {
        self.push(git).await?;
        self.applied(git).await
    }
}

impl Flux {
    /// Puts this into Git, and has it fetched.
    ///
    /// # Errors
    /// Where the API server does not take what was fetched.
    pub async fn push(&self, git: &Git) -> Result<()> {
        let revision = git.revision();
        let path = format!("/{revision}.tar.gz");
        let archive = archive(&git.files())?;
        let status = json!({"status": {"artifact": {
            "url": format!("http://127.0.0.1:{}{path}", self.server.port()),
            "path": path,
            "revision": format!("main@sha1:{revision}"),
            "digest": format!("sha256:{}", digest(&archive)),
            "size": archive.len(),
            "lastUpdateTime": "2026-01-01T00:00:00Z",
        }}});
        self.archives.lock().unwrap_or_else(PoisonError::into_inner).insert(path, archive.into());
        let source = ["gitrepository", "shop", "--subresource", "status"];
        self.namespace.kubectl().patch(&source, &status).await
    }

    /// Waits until all of this is applied.
    ///
    /// # Errors
    /// Where it is not in time.
    pub async fn applied(&self, git: &Git) -> Result<()> {
        let revision = git.revision();
        let applied = |object: &Value| {
            let last = at(object, "/status/lastAppliedRevision");
            last.as_str().is_some_and(|last| last.ends_with(&revision))
        };
        self.namespace.until("kustomization", "shop", APPLIED_LIMIT, applied).await.map(drop)
    }

    /// What README says to add, for a Flux that is older, to the two objects themselves.
    ///
    /// # Errors
    /// Where README has it no more.
    pub fn older_recipe() -> Result<Value> {
        recipe::with("IfNotPresent")
    }
}

/// Its process, for the objects of one namespace.
async fn controller(namespace: &Namespace, program: &Path) -> Result<Process> {
    let (health, metrics) = (ports::free()?, ports::free()?);
    let args = [
        "--watch-all-namespaces=false".to_owned(),
        format!("--health-addr=127.0.0.1:{health}"),
        format!("--metrics-addr=127.0.0.1:{metrics}"),
    ];
    let folder = namespace.folder()?;
    let kubeconfig = namespace.kubectl().kubeconfig().to_string_lossy();
    let scratch = folder.to_string_lossy();
    let variables = [
        ("KUBECONFIG", kubeconfig.as_ref()),
        ("RUNTIME_NAMESPACE", namespace.name()),
        ("TMPDIR", scratch.as_ref()),
    ];
    let mut process = Process::start_with("flux", program, args, &variables, &folder)?;
    let ready = || async move {
        http::get(health, "/readyz").await.is_ok_and(|answer| answer.status == 200)
    };
    process.ready(START_LIMIT, ready).await?;
    Ok(process)
}

/// Its own kind, and those of the controller that the test stands for: of these it is enough that they
/// exist and have a status.
async fn kinds(namespace: &Namespace, parts: &Parts) -> Result<()> {
    let kubectl = namespace.kubectl();
    let own = parts.flux_kinds.to_string_lossy();
    kubectl.run(&["apply", "--server-side", "--filename", &own]).await?;
    let mut established = vec!["crd/kustomizations.kustomize.toolkit.fluxcd.io".to_owned()];
    for (kind, plural) in SOURCES {
        let name = format!("{plural}.source.toolkit.fluxcd.io");
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {
                "group": "source.toolkit.fluxcd.io",
                "names": {"kind": kind, "plural": plural},
                "scope": "Namespaced",
                "versions": [{
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }],
            },
        });
        kubectl.apply(&definition.to_string()).await?;
        established.push(format!("crd/{name}"));
    }
    let established = established.iter().map(String::as_str);
    let wait = ["wait", "--for=condition=Established"].into_iter().chain(established);
    kubectl.run(&wait.collect::<Vec<_>>()).await.map(drop)
}

/// What source-controller makes of a commit.
fn archive(files: &[(String, String)]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len())?);
        header.set_mode(0o644);
        tar.append_data(&mut header, Path::new(name), text.as_bytes())?;
    }
    let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
    archive.write_all(&tar.into_inner()?)?;
    Ok(archive.finish()?)
}
