//! `serin operate`: the releases of a cluster, whose objects say what is asked for and hold what is
//! remembered.
//!
//! Several replicas run; one of them leads and is the only one that writes. Every one answers the
//! assignment document: the leader as it publishes it, the others as it is stored.

mod cache;
mod capacity;
mod client;
mod commands;
mod deletion;
mod events;
mod inspect;
mod keep;
mod kept;
mod kinds;
mod leader;
mod lease;
mod left;
mod look;
mod memory;
mod mirrors;
mod plugin;
mod refused;
mod resolve;
mod route;
mod routes;
mod running;
mod shown;
mod status;
mod stored;
mod supervise;
mod template;
mod workloads;

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use kube::Api;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) use client::connect;
pub(crate) use commands::COMMAND;
pub(crate) use inspect::{Asked, Finding, Outcome, Section, installation};
pub use kinds::Scope;
pub(crate) use kinds::{annotation, canary_release};
pub(crate) use resolve::shown_serving;

use crate::engine::Stop;
use crate::notify::Receivers;
use crate::publish::Board;
use crate::server::{Access, App, Deciding, Limits, Ready, Releases, serve};
use crate::serving;
use crate::store::Folder;
use crate::telemetry::Telemetry;
use cache::Caches;
use events::Teller;
use leader::{Candidate, Term};
use supervise::Shared;

/// What the command line says.
#[derive(Debug)]
pub struct Settings {
    /// Which namespaces to look after.
    pub scope: Scope,
    /// Where to serve.
    pub listen: SocketAddr,
    /// The namespace of the lease.
    pub lease_namespace: String,
    /// Names this process in the lease; unique among the replicas.
    pub identity: String,
    /// Where the intervals of the evidence are noted; nothing else depends on it.
    pub work_dir: PathBuf,
    /// The file with the token that commands from other machines need.
    pub token_file: Option<PathBuf>,
    /// Who is told of decisions.
    pub receivers: Receivers,
    /// The time between two passes; by each release's scrape interval where not given.
    pub interval: Option<Duration>,
}

/// Looks after the cluster's releases until SIGTERM or SIGINT.
///
/// # Errors
/// Where the API server's address, the work folder, the token or the address to serve on cannot be
/// used, or the server fails later.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let limits = Limits::for_open_files(crate::run::open_files::raise());
    let access = Access::new(settings.token_file.clone())?;
    let folder = Folder::create(&settings.work_dir)?;
    let client = client::connect().await?;
    let (listener, address) = serving::listen(settings.listen).await?;
    let mut asked = serving::Asked::to_end()?;
    tracing::info!(%address, identity = %settings.identity, "serving on http://{address}");

    let mut background = JoinSet::new();
    let (give_term, term) = Term::new();
    let caches = Caches::start(&client, &settings.scope, &mut background);
    background.spawn(memory::give_back());
    let releases = Releases::beside(Arc::new(shown::FromObjects(caches.releases.clone())));
    let events = Teller::new(client.clone(), term.clone(), settings.identity.clone());
    let shared = Shared {
        caches,
        term,
        board: Arc::new(Board::new([])),
        releases,
        plugins: plugin::Plugins::default(),
        telemetry: Arc::new(Telemetry::default()),
        receivers: settings.receivers.clone(),
        clients: Arc::default(),
        folder,
        events: Arc::new(events),
        interval: settings.interval,
        client: client.clone(),
    };
    let (tell_known, known) = watch::channel(false);
    let (give_stop, stop) = Stop::new();
    let (resign, resigned) = Stop::new();
    let leases = Api::namespaced(client, &settings.lease_namespace);
    let candidate = Candidate::new(leases, settings.identity, give_term);
    let campaign = tokio::spawn(candidate.run(resigned));
    let app = App {
        releases: shared.releases.clone(),
        board: Arc::clone(&shared.board),
        telemetry: Arc::clone(&shared.telemetry),
        deciding: Deciding::default(),
        access,
        ready: Ready::Once(known),
        limits,
        stop: stop.clone(),
    };
    let mut serving = tokio::spawn(serve(listener, app));
    let mut work = tokio::spawn(work(shared, tell_known, stop));
    let served = tokio::select! {
        biased;
        () = asked.come() => None,
        served = &mut serving => Some(served),
        worked = &mut work => {
            worked?;
            anyhow::bail!("the work ended though nobody asked it to")
        }
    };
    tracing::info!("ending");
    // First the writes end, then somebody else may begin to write.
    give_stop.send_replace(true);
    work.await?;
    resign.send_replace(true);
    campaign.await?;
    match served {
        None => Ok(serving.await?),
        Some(served) => {
            served?;
            anyhow::bail!("the server ended though nobody asked it to")
        }
    }
}

/// Leads where this process may, else shows what is stored.
async fn work(shared: Shared, known: watch::Sender<bool>, mut stop: Stop) {
    tokio::select! {
        biased;
        () = stop.given() => return,
        () = shared.caches.ready() => {}
    }
    known.send_replace(true);
    loop {
        stored::mirror(&shared, stop.clone()).await;
        if stop.is_given() {
            return;
        }
        let mut plugins = JoinSet::new();
        plugins.spawn(plugin::keep(shared.clone()));
        supervise::lead(&shared, stop.clone()).await;
        plugins.shutdown().await;
        if stop.is_given() {
            return;
        }
    }
}
