//! `serin run`: one process, one document, one task a release.

mod files;
pub(crate) mod open_files;
mod weights_file;

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use crate::engine::{Carry, Clock, Engine, Handle, Reload, Stop};
use crate::notify::Receivers;
use crate::observe::Observer;
use crate::publish::Board;
use crate::server::{Access, App, Deciding, Limits, Ready, Releases, serve};
use crate::serving;
use crate::store::{Folder, Record, StateFile};
use crate::telemetry::Telemetry;
use files::Loaded;
use weights_file::{Look, Route};

/// What the command line says.
#[derive(Debug)]
pub struct Settings {
    /// The release files.
    pub files: Vec<PathBuf>,
    /// Where to serve.
    pub listen: SocketAddr,
    /// The folder of the state files.
    pub state_dir: PathBuf,
    /// The file with the token that commands from other machines need.
    pub token_file: Option<PathBuf>,
    /// Who is told of decisions.
    pub receivers: Receivers,
    /// The time between two passes; by each release's scrape interval where not given.
    pub interval: Option<Duration>,
}

/// A release file and the engine that runs it.
struct Place {
    loaded: Loaded,
    route: Option<Arc<Route>>,
    reload: mpsc::Sender<Box<Reload<Look>>>,
}

/// A release with its state file, which is this process's own from here on.
struct Owned {
    loaded: Loaded,
    route: Option<Arc<Route>>,
    look: Arc<Look>,
    file: Arc<StateFile>,
    stored: Option<Record>,
}

/// Why the process ends.
enum Ended {
    /// A person or the system asked for it.
    Asked,
    /// The server has failed.
    Server(Result<(), JoinError>),
    /// A release is not run any more: better to be started again than to serve its last state.
    Engine(Result<(), JoinError>),
}

/// Runs the releases until SIGTERM or SIGINT.
///
/// # Errors
/// Before anything is published: where a file, the state, the token or the address cannot be used;
/// [`crate::store::StoreError::Held`] where another controller has the state. Later: where the
/// server or a release's task fails.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let limits = Limits::for_open_files(open_files::raise());
    let loaded = files::load(&settings.files)?;
    let access = Access::new(settings.token_file.clone())?;
    let folder = Folder::create(&settings.state_dir)?;
    let mut owned = Vec::new();
    for loaded in loaded {
        owned.push(own(loaded, &folder).await?);
    }
    let (listener, address) = serving::listen(settings.listen).await?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut asked = serving::Asked::to_end()?;

    announce(&owned, address, &folder);
    let (give, stop) = Stop::new();
    let board =
        Arc::new(Board::new(owned.iter().map(|owned| owned.loaded.release.key().to_owned())));
    let telemetry = Arc::new(Telemetry::default());
    let mut tasks = JoinSet::new();
    let (mut places, mut releases) = (Vec::new(), Vec::new());
    for owned in owned {
        let shared = (&board, &telemetry, &stop);
        let (place, handle) = start(owned, &settings, shared, &mut tasks);
        places.push(place);
        releases.push(handle);
    }
    let releases = Releases::from_iter(releases);
    let ready = Ready::WithDocument;
    let deciding = Deciding::default();
    let app =
        App { releases, board, telemetry, deciding, access, ready, limits, stop: stop.clone() };
    let mut serving = tokio::spawn(serve(listener, app));
    let ended = loop {
        tokio::select! {
            biased;
            () = asked.come() => break Ended::Asked,
            served = &mut serving => break Ended::Server(served),
            Some(ended) = tasks.join_next() => break Ended::Engine(ended),
            () = received(&mut hangup) => reload(&mut places).await,
        }
    };
    tracing::info!("ending");
    end(&give, tasks).await;
    match ended {
        Ended::Asked => Ok(serving.await?),
        Ended::Server(served) => {
            served?;
            bail!("the server ended though nobody asked it to")
        }
        Ended::Engine(ended) => {
            ended?;
            bail!("the task of a release ended though nobody asked it to")
        }
    }
}

/// Takes a release's state file and reads it.
async fn own(loaded: Loaded, folder: &Folder) -> anyhow::Result<Owned> {
    let release = &loaded.release;
    let file = Arc::new(folder.open(&release.namespace, &release.name)?);
    let stored = file.load()?;
    let observer = Observer::new(release).await.with_context(|| {
        format!("{}: cannot set up the connection to Prometheus", loaded.path.display())
    })?;
    let route = release.traffic.file.clone().map(|file| Arc::new(Route::new(file)));
    let look = Arc::new(Look::new(observer, route.clone()));
    Ok(Owned { loaded, route, look, file, stored })
}

/// Says at the start what this process does.
fn announce(owned: &[Owned], address: SocketAddr, folder: &Folder) {
    for Owned { loaded, file, stored, .. } in owned {
        let release = &loaded.release;
        let steps: Vec<String> =
            release.plan.steps.iter().map(|step| step.weight.to_string()).collect();
        tracing::info!(
            release = %release.key(),
            version = %release.version,
            file = %loaded.path.display(),
            state = %file.path().display(),
            stored = stored.is_some(),
            steps = %steps.join(" "),
            gates = %release.plan.gates.join(" "),
            "running release"
        );
        for warning in release.warnings() {
            tracing::warn!(release = %release.key(), "{warning}");
        }
    }
    tracing::info!(%address, state_dir = %folder.path().display(), "serving on http://{address}");
}

fn start(
    owned: Owned,
    settings: &Settings,
    (board, telemetry, stop): (&Arc<Board>, &Arc<Telemetry>, &Stop),
    tasks: &mut JoinSet<()>,
) -> (Place, Handle) {
    let Owned { loaded, route, look, file, stored } = owned;
    let engine = Engine {
        release: Arc::clone(&loaded.release),
        observer: look,
        keep: file,
        route: route.clone().map(|route| route as Arc<dyn Carry>),
        board: Arc::clone(board),
        telemetry: Arc::clone(telemetry),
        receivers: settings.receivers.clone(),
        clock: Clock::system(),
        interval: settings.interval,
    };
    let (inbox, handle, reload) = engine.inbox();
    tasks.spawn(engine.run(stored.map(Box::new), inbox, stop.clone()));
    (Place { loaded, route, reload }, handle)
}

/// Lets every engine store what it has to.
async fn end(give: &watch::Sender<bool>, mut tasks: JoinSet<()>) {
    give.send_replace(true);
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a release's task ended early");
        }
    }
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        // The stream has ended, so that no signal will come any more.
        core::future::pending::<()>().await;
    }
}

/// Reads the release files again. What cannot be used is reported and changes nothing.
async fn reload(places: &mut [Place]) {
    let present: Vec<Loaded> = places.iter().map(|place| place.loaded.clone()).collect();
    let anew = files::reload(&present);
    for (place, read) in places.iter_mut().zip(anew) {
        let file = place.loaded.path.display().to_string();
        let change = match read {
            Ok(None) => Ok(None),
            Ok(Some(release)) => match Observer::new(&release).await {
                Ok(observer) => Ok(Some((release, Look::new(observer, place.route.clone())))),
                Err(error) => Err(error.to_string()),
            },
            Err(why) => Err(why),
        };
        let message = match change {
            Ok(None) => Reload::Unchanged,
            Ok(Some((release, look))) => {
                place.loaded.release = Arc::clone(&release);
                if let Some((route, file)) = place.route.as_ref().zip(release.traffic.file.clone())
                {
                    route.set(file);
                }
                Reload::Release(release, Arc::new(look))
            }
            Err(why) => {
                tracing::error!(%file, "the release file cannot be used, the one before goes on: {why}");
                Reload::Refused(why)
            }
        };
        // An engine that has ended needs no news.
        drop(place.reload.send(Box::new(message)).await);
    }
}
