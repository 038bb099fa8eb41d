//! A whole control plane.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use kube::Client;
use serde_json::json;
use serin_tests::process::Process;
use serin_tests::scratch::Scratch;
use serin_tests::{artifacts, ports};
use tokio::sync::OnceCell;

use crate::audit::{AuditLog, Call};
use crate::certificates::Certificates;
use crate::control::{self, ApiServer, Etcd, Istiod};
use crate::kubeconfig;
use crate::kubectl::Kubectl;
use crate::namespace::Namespace;
use crate::parts::Parts;

/// How long the control plane may take for what it does by itself.
const LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// What a mesh is given before anything runs in it. Without certificates nobody can demand mutual
/// TLS: sidecars would wait for theirs for ever.
const FIRST: &str = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: plain, namespace: istio-system}
spec: {mtls: {mode: DISABLE}}
";

/// The cluster that all tests of a program share.
static SHARED: OnceCell<Cluster> = OnceCell::const_new();

/// A running control plane. All its parts end with it.
#[derive(Debug)]
pub struct Cluster {
    access: Arc<Access>,
    api_server: ApiServer,
    _controllers: Vec<Process>,
    istiod: Istiod,
    _etcd: Etcd,
    audit: Option<AuditLog>,
    /// The controller's, once it is there with all that it needs.
    pub(crate) account: OnceCell<Kubectl>,
}

/// Who acts on what the API server holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acting {
    /// The controllers that roll out, the scheduler, and kwok, which plays a node and pods.
    All,
    Nobody,
}

/// What the parts of a test need of the cluster.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) scratch: Scratch,
    pub(crate) parts: Parts,
    pub(crate) admin: Kubectl,
    /// Istiod's port for proxies.
    pub(crate) discovery: u16,
    server: String,
    authority: PathBuf,
    /// The administrator's.
    token: String,
}

impl Cluster {
    /// The one that all tests of a program share, each in a namespace of its own; started by the
    /// first that asks. It ends with the program.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn shared() -> Result<&'static Self> {
        let cluster = SHARED.get_or_try_init(Self::start).await?;
        // A test that fails shows what it printed.
        println!("the logs are in {}", cluster.logs().display());
        Ok(cluster)
    }

    /// Starts one that is no other test's, for a test that harms it.
    ///
    /// # Errors
    /// Where a part does not start or does not get ready; with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts one that also keeps the [account](Self::calls) of what these users ask of the API
    /// server.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(watched: &[&str]) -> Result<Self> {
        Self::launch(watched, Acting::All).await
    }

    /// The same without anybody who acts on Deployments or pods: what stands in an object is what
    /// was written there.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_still(watched: &[&str]) -> Result<Self> {
        Self::launch(watched, Acting::Nobody).await
    }

    async fn launch(watched: &[&str], acting: Acting) -> Result<Self> {
        let scratch = Scratch::named(&folder()?)?;
        let (place, start) = (scratch.path().to_owned(), Instant::now());
        let started = Self::start_in(scratch, watched, acting).await.with_context(|| {
            format!("the cluster did not start; its logs are in {}", place.display())
        })?;
        println!(
            "a cluster is up after {:?}; its logs are in {}",
            start.elapsed(),
            place.display()
        );
        Ok(started)
    }

    async fn start_in(scratch: Scratch, watched: &[&str], acting: Acting) -> Result<Self> {
        let parts = Parts::load()?;
        let certificates = Certificates::make(&scratch)?;
        let port = ports::free()?;
        let server = format!("https://127.0.0.1:{port}");
        let token = random()?;
        let tokens =
            scratch.write("tokens.csv", format!("{token},admin,admin,system:masters\n"))?;
        let authority = certificates.authority.clone();
        let admin = kubeconfig::write(&scratch, "admin", &server, &authority, &token, "default")?;
        let kubectl = Kubectl::new(&parts.kubectl, &admin);

        let etcd = Etcd::start(&parts, &scratch).await?;
        let at = (port, tokens.as_path(), admin.as_path());
        let audit = match watched {
            [] => None,
            users => Some(AuditLog::new(users, &scratch)?),
        };
        let api_server =
            ApiServer::start(&parts, &scratch, &certificates, &etcd, at, audit.as_ref()).await?;
        let controllers = match acting {
            Acting::All => {
                control::controllers(&parts, &scratch, &certificates.accounts_key, &admin)?
            }
            Acting::Nobody => Vec::new(),
        };
        // Server-side, since the annotation that the other way leaves would be too long.
        for crds in [&parts.istio_crds, &parts.gateway_api_crds, &parts.traefik_crds] {
            let crds = crds.to_string_lossy();
            kubectl.run(&["apply", "--server-side", "--filename", &crds]).await?;
        }
        kubectl.run(&["create", "namespace", "istio-system"]).await?;
        let mut istiod = Istiod::start(&parts, &scratch, &admin)?;
        kubectl.run(&["wait", "--for=condition=Established", "crd", "--all"]).await?;
        kubectl.apply(FIRST).await?;
        if acting == Acting::All {
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}});
            kubectl.apply(&node.to_string()).await?;
            kubectl.run(&["wait", "--for=condition=Ready", "node", "--all"]).await?;
        }
        istiod.ready().await?;
        let access = Access {
            scratch,
            parts,
            admin: kubectl,
            discovery: istiod.discovery,
            server,
            authority,
            token,
        };
        let cluster = Self {
            access: Arc::new(access),
            api_server,
            _controllers: controllers,
            istiod,
            _etcd: etcd,
            audit,
            account: OnceCell::new(),
        };
        if acting == Acting::All {
            cluster.schedules().await?;
        }
        Ok(cluster)
    }

    /// Waits until a pod may go onto the node.
    async fn schedules(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let node = self.kubectl().get(&["node", "node-1"]).await?;
            let taints = node.pointer("/spec/taints");
            if taints.is_none() {
                return Ok(());
            }
            if start.elapsed() > LIMIT {
                bail!("the node keeps {taints:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// A new namespace, for one test.
    ///
    /// # Errors
    /// Where there is one of that name.
    pub async fn namespace(&self, name: &str) -> Result<Namespace> {
        Namespace::make(Arc::clone(&self.access), name).await
    }

    /// Kubectl as the administrator, in the namespace `default`.
    #[must_use]
    pub fn kubectl(&self) -> &Kubectl {
        &self.access.admin
    }

    /// A client as the administrator. Each test makes its own: it ends with the test's runtime.
    ///
    /// # Errors
    /// Where the kubeconfig cannot be read.
    pub async fn client(&self) -> Result<Client> {
        control::client(self.access.admin.kubeconfig()).await
    }

    /// Kubectl as a service account that exists, with a token that the API server gave out for it.
    /// Its kubeconfig serves any other client.
    ///
    /// # Errors
    /// Where there is no such account.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<Kubectl> {
        self.access.service_account(namespace, name).await
    }

    /// Its programs.
    pub(crate) fn parts(&self) -> &Parts {
        &self.access.parts
    }

    /// Where istiod has its configuration for proxies.
    #[must_use]
    pub fn discovery(&self) -> u16 {
        self.access.discovery
    }

    /// Where all logs are. The folder stays until the next start.
    #[must_use]
    pub fn logs(&self) -> &std::path::Path {
        self.access.scratch.path()
    }

    /// What was asked of the API server, in its order, by those whom it was to watch.
    ///
    /// # Errors
    /// Where the cluster was started without, or the log cannot be read.
    pub fn calls(&self) -> Result<Vec<Call>> {
        self.audit.as_ref().context("the API server keeps no log of calls")?.calls()
    }

    /// Kills the API server.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn kill_api_server(&mut self) -> Result<()> {
        self.api_server.kill()
    }

    /// Starts the API server again, at the same address and with what it had stored.
    ///
    /// # Errors
    /// Where it does not get ready.
    pub async fn restart_api_server(&mut self) -> Result<()> {
        let Access { parts, scratch, admin, .. } = &*self.access;
        self.api_server.again(parts, scratch, admin.kubeconfig()).await
    }

    /// Istiod's process, for what a test does to it.
    pub fn istiod(&mut self) -> &mut Process {
        self.istiod.process()
    }
}

impl Access {
    /// The administrator in a namespace.
    pub(crate) fn admin_in(&self, namespace: &str) -> Result<Kubectl> {
        self.kubectl(&format!("{namespace}-admin"), &self.token, namespace)
    }

    pub(crate) async fn service_account(&self, namespace: &str, name: &str) -> Result<Kubectl> {
        let create = ["create", "token", name, "--namespace", namespace, "--duration", "24h"];
        let token = self.admin.run(&create).await?;
        self.kubectl(&format!("{namespace}-{name}"), token.trim(), namespace)
    }

    fn kubectl(&self, user: &str, token: &str, namespace: &str) -> Result<Kubectl> {
        let Self { scratch, server, authority, parts, .. } = self;
        let file = kubeconfig::write(scratch, user, server, authority, token, namespace)?;
        Ok(Kubectl::new(&parts.kubectl, &file))
    }
}

/// A folder of its own below `target/cluster`. Those of programs that have ended are removed first.
fn folder() -> Result<PathBuf> {
    let all = artifacts::root()?.join("target/cluster");
    fs::create_dir_all(&all).with_context(|| format!("making {}", all.display()))?;
    for entry in fs::read_dir(&all)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let process = name.split('-').next().unwrap_or_default();
        if !PathBuf::from("/proc").join(process).exists() {
            // Another program may be at the same.
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(all.join(format!("{}-{}", std::process::id(), random()?.get(..4).unwrap_or_default())))
}

/// A secret that nobody guesses.
fn random() -> Result<String> {
    let (first, second) = (getrandom::u64()?, getrandom::u64()?);
    Ok(format!("{first:016x}{second:016x}"))
}
