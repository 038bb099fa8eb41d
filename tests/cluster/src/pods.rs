//! A real process for each played pod, and the endpoints that lead to it.
//!
//! Nothing listens at a played pod's address. So one process for each Ready pod listens on a
//! loopback port, with the behaviour that the pod's image names (see [`crate::image`]), and a
//! `ServiceEntry`, which stands where a Service would, has one endpoint for each, with the labels of
//! its pod. When a pod goes, its endpoint is taken out at once and its process ends a moment later,
//! as an application does that lets the connections run out which it still has: whoever takes away
//! pods that are still sent requests fails them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use hyper::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_tests::process::Process;
use serin_tests::webapp::Behaviour;
use serin_tests::{http, ports};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::image;
use crate::namespace::Namespace;

/// How long a process goes on after its endpoint has gone, as `preStop: {sleep: {seconds: 2}}` does:
/// longer than the proxies take to hear of it.
const DRAIN: Duration = Duration::from_secs(2);
/// How often processes are ended whose time has come, and what failed is tried again.
const TICK: Duration = Duration::from_millis(200);
/// An application is up in milliseconds, more on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
/// The label that the applications give as their name, as do the loads' records.
const NAME_LABEL: &str = "version";

/// A pod's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The pod's name.
    pub pod: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its image.
    pub image: String,
    /// Where its process listens.
    pub port: u16,
    /// Its process' id.
    pub process: u32,
}

/// A service whose pods are run.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// Its name.
    pub name: &'a str,
    /// The value of its pods' label `app`.
    pub app: &'a str,
    /// The side that its applications say they are; by the pods' label `version` where not given.
    pub says: Option<Variant>,
}

/// The processes of the pods of one service.
#[derive(Debug)]
pub struct Pods {
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    running: Vec<Running>,
    fault: Option<String>,
}

impl Pods {
    /// Makes the `ServiceEntry` `service` (host `<service>.<namespace>.svc.cluster.local`, port 80)
    /// and keeps processes and endpoints in step with the pods labelled `app: <service>`. An
    /// application's name is the value of its pod's label `version`.
    ///
    /// # Errors
    /// Where the `ServiceEntry` is refused.
    pub async fn run(namespace: &Namespace, service: &str) -> Result<Self> {
        Self::behind(namespace, Service { name: service, app: service, says: None }).await
    }

    /// The same for a service whose pods have another label, or do not know their side.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn behind(namespace: &Namespace, service: Service<'_>) -> Result<Self> {
        namespace.apply(&entry(namespace.name(), service.name).to_string()).await?;
        let keeper = Keeper {
            client: namespace.client().await?,
            namespace: namespace.clone(),
            service: service.name.to_owned(),
            app: service.app.to_owned(),
            says: service.says.map(|side| side.to_string()),
            folder: namespace.folder()?,
            program: program()?,
            known: BTreeMap::new(),
            running: BTreeMap::new(),
            cut_off: Vec::new(),
            leaving: Vec::new(),
            written: Vec::new(),
            shared: Arc::default(),
        };
        let shared = Arc::clone(&keeper.shared);
        let task = tokio::spawn(keeper.keep());
        Ok(Self { shared, task })
    }

    /// What runs and has its endpoint.
    ///
    /// # Errors
    /// Where a process could not be kept in step with its pod.
    pub fn running(&self) -> Result<Vec<Running>> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match &shared.fault {
            Some(fault) => bail!("the pods' processes: {fault}"),
            None => Ok(shared.running.clone()),
        }
    }

    /// Changes how some of the applications behave from now on, from how their image has it; gives
    /// how many they are. A pod that comes later behaves as its image says.
    ///
    /// # Errors
    /// Where one does not take it.
    pub async fn behave(
        &self,
        of: impl Fn(&Running) -> bool,
        change: impl Fn(Behaviour) -> Behaviour,
    ) -> Result<usize> {
        let pods: Vec<Running> = self.running()?.into_iter().filter(of).collect();
        for pod in &pods {
            let body = serde_json::to_vec(&change(image::behaviour(&pod.image)?))?;
            let request = http::request(Method::PUT, "/control", &[], body)?;
            let answer = http::send(pod.port, request).await?;
            ensure!(answer.status == 200, "{}: {}", pod.pod, answer.text());
        }
        Ok(pods.len())
    }

    /// Waits until what runs is as the test wants it.
    ///
    /// # Errors
    /// Where it is not within `limit`; with what runs.
    pub async fn until(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Running]) -> bool,
    ) -> Result<Vec<Running>> {
        let start = Instant::now();
        loop {
            let running = self.running()?;
            if wanted(&running) {
                return Ok(running);
            }
            if start.elapsed() > limit {
                bail!("after {limit:?} these pods run: {running:#?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task's state.
struct Keeper {
    client: Client,
    namespace: Namespace,
    service: String,
    app: String,
    says: Option<String>,
    folder: PathBuf,
    program: PathBuf,
    /// The pods that should run, by their uid.
    known: BTreeMap<String, Wanted>,
    running: BTreeMap<String, (Running, Process)>,
    /// Those whose endpoint is still to be taken out.
    cut_off: Vec<Process>,
    /// Those that end at their time.
    leaving: Vec<(Instant, Process)>,
    /// The endpoints that the `ServiceEntry` has.
    written: Vec<Value>,
    shared: Arc<Mutex<Shared>>,
}

/// What of a pod decides on its process.
#[derive(Clone, Debug)]
struct Wanted {
    pod: String,
    labels: BTreeMap<String, String>,
    image: String,
}

impl Keeper {
    async fn keep(mut self) {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), self.namespace.name());
        let config = watcher::Config::default().labels(&format!("app={}", self.app));
        let mut events = std::pin::pin!(watcher(api, config).default_backoff());
        let mut first = BTreeMap::new();
        loop {
            // A watch that broke off begins anew by itself: while the API server is away, what runs
            // goes on.
            let event = tokio::select! {
                event = events.try_next() => event.ok().flatten(),
                () = tokio::time::sleep(TICK) => None,
            };
            match event {
                Some(Event::Init) => first.clear(),
                Some(Event::InitApply(pod)) => first.extend(wanted(&pod)),
                Some(Event::InitDone) => self.known = std::mem::take(&mut first),
                Some(Event::Apply(pod)) => {
                    self.known.remove(uid(&pod));
                    self.known.extend(wanted(&pod));
                }
                Some(Event::Delete(pod)) => {
                    self.known.remove(uid(&pod));
                }
                None => {}
            }
            let fault = self.step().await.err().map(|error| format!("{error:#}"));
            let running = self.running.values().map(|(running, _)| running.clone()).collect();
            *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Shared { running, fault };
        }
    }

    /// Starts what is missing, writes the endpoints, and ends what nobody is sent to any more.
    async fn step(&mut self) -> Result<()> {
        let missing = self.known.iter().filter(|(uid, _)| !self.running.contains_key(*uid));
        let started = missing.map(|(uid, wanted)| {
            let (program, folder, says) = (&self.program, &self.folder, self.says.as_deref());
            async move { anyhow::Ok((uid.clone(), start(wanted, says, program, folder).await?)) }
        });
        let started = try_join_all(started).await?;
        self.running.extend(started);
        let known = &self.known;
        let gone = self.running.extract_if(.., |uid, _| !known.contains_key(uid));
        self.cut_off.extend(gone.map(|(_, (_, process))| process));
        for (uid, (running, _)) in &mut self.running {
            if let Some(wanted) = self.known.get(uid) {
                running.labels.clone_from(&wanted.labels);
            }
        }
        let endpoints: Vec<Value> =
            self.running.values().map(|(running, _)| endpoint(running)).collect();
        if endpoints != self.written {
            self.write(&endpoints).await?;
            self.written = endpoints;
        }
        let now = Instant::now();
        self.leaving.extend(self.cut_off.drain(..).map(|process| (now + DRAIN, process)));
        self.leaving.retain(|(end, _)| *end > now);
        Ok(())
    }

    /// By one request, for proxies should hear of it as soon as they would of a real endpoint.
    async fn write(&self, endpoints: &[Value]) -> Result<()> {
        let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "ServiceEntry");
        let resource = ApiResource::from_gvk(&kind);
        let (client, namespace) = (self.client.clone(), self.namespace.name());
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let merge = Patch::Merge(json!({"spec": {"endpoints": endpoints}}));
        api.patch(&self.service, &PatchParams::default(), &merge).await?;
        Ok(())
    }
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// What runs for this pod, if it is Ready and stays.
fn wanted(pod: &Pod) -> Option<(String, Wanted)> {
    let status = pod.status.as_ref()?;
    let ready =
        status.conditions.as_ref()?.iter().any(|it| it.type_ == "Ready" && it.status == "True");
    if !ready || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let image = pod.spec.as_ref()?.containers.first()?.image.clone()?;
    let wanted = Wanted {
        pod: pod.metadata.name.clone()?,
        labels: pod.metadata.labels.clone().unwrap_or_default(),
        image,
    };
    Some((uid(pod).to_owned(), wanted))
}

async fn start(
    wanted: &Wanted,
    says: Option<&str>,
    program: &Path,
    folder: &Path,
) -> Result<(Running, Process)> {
    // What nobody knows should fail here and not in a log.
    image::behaviour(&wanted.image)?;
    let port = ports::free()?;
    let name = says.or_else(|| wanted.labels.get(NAME_LABEL).map(String::as_str)).unwrap_or("app");
    let args = [port.to_string(), name.to_owned(), wanted.image.clone()];
    let mut process = Process::start(&wanted.pod, program, args, folder)?;
    let listens = || async move { TcpStream::connect(("127.0.0.1", port)).await.is_ok() };
    process.ready(LIMIT, listens).await?;
    let running = Running {
        pod: wanted.pod.clone(),
        labels: wanted.labels.clone(),
        image: wanted.image.clone(),
        port,
        process: process.id(),
    };
    Ok((running, process))
}

fn entry(namespace: &str, service: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": service},
        "spec": {
            "hosts": [format!("{service}.{namespace}.svc.cluster.local")],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        },
    })
}

fn endpoint(running: &Running) -> Value {
    json!({"address": "127.0.0.1", "ports": {"http": running.port}, "labels": running.labels})
}

/// The program that runs for a pod, which is built beside whatever runs here.
fn program() -> Result<PathBuf> {
    let here = std::env::current_exe().context("where this program lies")?;
    let beside = here.ancestors().skip(1).take(2).map(|folder| folder.join("pod"));
    let mut found = beside.filter(|program| program.is_file());
    found.next().with_context(|| format!("no program `pod` beside {}", here.display()))
}
