//! The processes of the control plane: how each is started, and when it is ready.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serin_tests::process::Process;
use serin_tests::scratch::Scratch;
use serin_tests::{http, ports};

use crate::audit::AuditLog;
use crate::certificates::Certificates;
use crate::mesh;
use crate::parts::Parts;
use crate::stages;

/// Each takes a few seconds, more on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);
/// The controllers that tests see the work of.
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,endpointslice-controller,\
    endpoints-controller,garbage-collector-controller,namespace-controller,\
    horizontal-pod-autoscaler-controller,disruption-controller,serviceaccount-controller,\
    node-lifecycle-controller";

/// What everything else is stored in.
#[derive(Debug)]
pub(crate) struct Etcd {
    _process: Process,
    pub(crate) port: u16,
}

impl Etcd {
    pub(crate) async fn start(parts: &Parts, scratch: &Scratch) -> Result<Self> {
        let (port, peers) = (ports::free()?, ports::free()?);
        let (client, peer) =
            (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peers}"));
        let args = [
            "--name=serin".to_owned(),
            format!("--data-dir={}", scratch.folder("etcd")?.display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=serin={peer}"),
            // A machine that loses its power loses the test as well.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        let mut process = Process::start("etcd", &parts.etcd, args, scratch.path())?;
        process.ready(LIMIT, || answers(port, "/health")).await?;
        Ok(Self { _process: process, port })
    }
}

/// The API server.
#[derive(Debug)]
pub(crate) struct ApiServer {
    process: Process,
    args: Vec<String>,
}

impl ApiServer {
    pub(crate) async fn start(
        parts: &Parts,
        scratch: &Scratch,
        certificates: &Certificates,
        etcd: &Etcd,
        (port, tokens, admin): (u16, &Path, &Path),
        audit: Option<&AuditLog>,
    ) -> Result<Self> {
        let mut args = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", etcd.port),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}", certificates.server.display()),
            format!("--tls-private-key-file={}", certificates.server_key.display()),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", certificates.accounts_public.display()),
            format!("--service-account-signing-key-file={}", certificates.accounts_key.display()),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", tokens.display()),
            // It would let no pod in before the controllers have made the namespace's account.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            // Its own endpoint would be a loopback address, which it refuses.
            "--endpoint-reconciler-type=none".to_owned(),
        ];
        args.extend(audit.map(AuditLog::args).into_iter().flatten());
        let mut server = Self { process: Self::process(parts, scratch, &args)?, args };
        server.ready(admin).await?;
        Ok(server)
    }

    /// Starts it again after it was killed.
    pub(crate) async fn again(
        &mut self,
        parts: &Parts,
        scratch: &Scratch,
        admin: &Path,
    ) -> Result<()> {
        self.process = Self::process(parts, scratch, &self.args)?;
        self.ready(admin).await
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    fn process(parts: &Parts, scratch: &Scratch, args: &[String]) -> Result<Process> {
        let args = args.iter().cloned();
        Process::start("kube-apiserver", &parts.kube_apiserver, args, scratch.path())
    }

    async fn ready(&mut self, admin: &Path) -> Result<()> {
        let client = &client(admin).await?;
        let ready = || async move {
            let request = http_request("/readyz").map(|request| client.request_text(request));
            match request {
                Ok(answer) => answer.await.is_ok(),
                Err(_) => false,
            }
        };
        self.process.ready(LIMIT, ready).await
    }
}

/// A client for whoever the file names.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    // What an outage fails should fail at once: whoever asks decides whether to ask again.
    config.default_retry = false;
    Client::try_from(config).with_context(|| format!("{}", kubeconfig.display()))
}

fn http_request(path: &str) -> Result<hyper::Request<Vec<u8>>> {
    Ok(hyper::Request::get(path).body(Vec::new())?)
}

/// Those who act on what the API server holds: rolling out, scheduling, playing nodes and pods.
pub(crate) fn controllers(
    parts: &Parts,
    scratch: &Scratch,
    accounts_key: &Path,
    admin: &Path,
) -> Result<Vec<Process>> {
    let kubeconfig = format!("--kubeconfig={}", admin.display());
    let manager = [
        kubeconfig.clone(),
        format!("--controllers={CONTROLLERS}"),
        format!("--service-account-private-key-file={}", accounts_key.display()),
        "--leader-elect=false".to_owned(),
        // Autoscalers look every 15 s by themselves, which tests would wait for.
        "--horizontal-pod-autoscaler-sync-period=1s".to_owned(),
        // While the API server is away nobody renews the node's lease; its pods go on.
        "--node-monitor-grace-period=10m".to_owned(),
        // They serve nothing that is needed.
        "--secure-port=0".to_owned(),
    ];
    let scheduler =
        [kubeconfig.clone(), "--leader-elect=false".to_owned(), "--secure-port=0".to_owned()];
    let mut kwok = vec![
        kubeconfig,
        "--manage-all-nodes=true".to_owned(),
        // Without a lease the node is given up after 40 s, and its pods with it.
        "--node-lease-duration-seconds=40".to_owned(),
        "--cidr=10.244.0.0/16".to_owned(),
    ];
    kwok.extend(
        stages::files(parts, scratch)?.map(|stage| format!("--config={}", stage.display())),
    );
    let start = |name, program: &Path, args: Vec<String>| {
        Process::start(name, program, args, scratch.path())
    };
    Ok(vec![
        start("kube-controller-manager", &parts.kube_controller_manager, manager.to_vec())?,
        start("kube-scheduler", &parts.kube_scheduler, scheduler.to_vec())?,
        start("kwok", &parts.kwok, kwok)?,
    ])
}

/// Istiod.
#[derive(Debug)]
pub(crate) struct Istiod {
    process: Process,
    http: u16,
    /// Where proxies get their configuration.
    pub(crate) discovery: u16,
}

impl Istiod {
    pub(crate) fn start(parts: &Parts, scratch: &Scratch, admin: &Path) -> Result<Self> {
        let (http, discovery, monitoring) = (ports::free()?, ports::free()?, ports::free()?);
        let mesh = scratch.write("mesh.yaml", mesh::config()?)?;
        let args = [
            "discovery".to_owned(),
            format!("--kubeconfig={}", admin.display()),
            format!("--meshConfig={}", mesh.display()),
            "--networksConfig=/dev/null".to_owned(),
            format!("--httpAddr=127.0.0.1:{http}"),
            format!("--grpcAddr=127.0.0.1:{discovery}"),
            "--secureGRPCAddr=".to_owned(),
            "--httpsAddr=".to_owned(),
            format!("--monitoringAddr=127.0.0.1:{monitoring}"),
        ];
        let variables = [
            // Neither certificates nor injected sidecars: the proxies are started by the tests.
            ("ENABLE_CA_SERVER", "false"),
            ("INJECT_ENABLED", "false"),
            ("VALIDATION_WEBHOOK_CONFIG_NAME", ""),
            // What Istio's own build of Envoy has and this one has not.
            ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
            ("PILOT_ENABLE_ALPN_FILTER", "false"),
            // A gateway of one test is not another's.
            ("PILOT_SCOPE_GATEWAY_TO_NAMESPACE", "true"),
            ("POD_NAME", "istiod-0"),
            ("POD_NAMESPACE", "istio-system"),
        ];
        let process = Process::start_with(
            "istiod",
            &parts.pilot_discovery,
            args,
            &variables,
            scratch.path(),
        )?;
        Ok(Self { process, http, discovery })
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub(crate) async fn ready(&mut self) -> Result<()> {
        let port = self.http;
        self.process.ready(LIMIT, || answers(port, "/ready")).await
    }
}

async fn answers(port: u16, path: &str) -> bool {
    http::get(port, path).await.is_ok_and(|answer| answer.status == 200)
}
