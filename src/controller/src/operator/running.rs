//! One release that is run: its engine, what looks after its Deployments, and who tells of it.

use std::sync::Arc;

use kube::api::DynamicObject;
use serin_rollout::{MirrorFields, Side, State};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use super::client::answer;
use super::deletion::NotBack;
use super::keep::{ObjectKeep, stored_text};
use super::kept::Kept;
use super::kinds::{self, Key};
use super::look::Look;
use super::refused::NotRun;
use super::resolve::{Fingerprint, Sources};
use super::route::Route;
use super::supervise::Shared;
use super::workloads::Workloads;
use super::{commands, deletion, events};
use crate::engine::{Carry, Change, Clock, Engine, Handle, Load, Reload, Stop};
use crate::observe::Observer;
use crate::prometheus::Clients;
use crate::release::Release;
use crate::store::Record;

/// How often a release's Deployments are made what its state asks for, beside each stored record.
const WORKLOADS: Duration = Duration::from_secs(2);

/// A release that is run.
pub(super) struct Running {
    release: Arc<Release>,
    /// What it was read from; `None` where that is to be looked at again.
    seen: Option<Fingerprint>,
    about: watch::Sender<Arc<Release>>,
    pub(super) handle: Handle,
    reload: mpsc::Sender<Box<Reload<Look>>>,
    look: Parts,
    /// What is stored of it.
    pub(super) records: watch::Receiver<Option<Arc<Record>>>,
    pub(super) stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    pub(super) keep: Arc<ObjectKeep>,
    commands: commands::Inbox,
    /// The object's version when its command was looked at.
    version: Option<String>,
}

/// What a new version of a release keeps of the one before.
#[derive(Clone)]
struct Parts {
    clients: Arc<Clients>,
    route: Arc<Route>,
    workloads: Arc<Workloads>,
}

/// Begins to run a release that `object` asks for. It goes on from the object as the API server has it
/// now: what the leader before has stored last may not be in the cache, and whoever goes on from less
/// undoes it.
///
/// # Errors
/// Why it is not run.
pub(super) async fn start(
    shared: &Shared,
    object: &Kept,
    sources: &Sources,
) -> Result<Running, NotRun> {
    let key = object.key().clone();
    let release = Arc::new(sources.release(object)?);
    let fingerprint = sources.fingerprint(object);
    let api = kinds::within(&shared.client, &key.namespace, &kinds::canary_release());
    let object = &answer(api.get(&key.name)).await?;
    deletion::claim(shared, object).await?;
    let stored = record(object)?;
    let (about, told) = watch::channel(Arc::clone(&release));
    let journal =
        shared.folder.journal(&key.namespace, &key.name).map_err(|error| error.to_string())?;
    let keep = Arc::new(ObjectKeep::new(
        api,
        object,
        (shared.term.clone(), Arc::new(journal)),
        told,
        stored.clone(),
    ));
    let parts = parts(shared, &key, &release)?;
    let look = look(&release, &parts).await?;
    let plugin = release.kubernetes.as_ref().and_then(|kubernetes| kubernetes.plugin.as_ref());
    shared.plugins.set(&key, plugin);
    let route: Arc<dyn Carry> = Arc::clone(&parts.route) as _;
    let engine = Engine {
        release: Arc::clone(&release),
        observer: Arc::new(look),
        keep: Arc::clone(&keep),
        route: Some(route),
        board: Arc::clone(&shared.board),
        telemetry: Arc::clone(&shared.telemetry),
        receivers: shared.receivers.clone(),
        clock: Clock::system(),
        interval: shared.interval,
    };
    for warning in release.warnings() {
        tracing::warn!(release = %key, "{warning}");
    }
    let (inbox, handle, reload) = engine.inbox();
    keep.follow(handle.status.clone());
    let (stop, stopped) = Stop::new();
    let mut tasks = JoinSet::new();
    let records = keep.records();
    tasks.spawn(engine.run(stored.map(Box::new), inbox, stopped));
    tasks.spawn(follow_workloads(Arc::clone(&parts.workloads), records.clone(), key.clone()));
    let kept = records.clone();
    tasks.spawn(Arc::clone(&shared.events).follow(events::reference(object), records));
    shared.releases.insert(handle.clone());
    tracing::info!(release = %key, version = %release.version, "running release");
    let commands = commands::Inbox::new(Arc::clone(&keep), object);
    // Of what the release was read from; what is newer is taken over as any change is.
    let seen = Some(fingerprint);
    Ok(Running {
        release,
        seen,
        about,
        handle,
        reload,
        look: parts,
        records: kept,
        stop,
        tasks,
        keep,
        commands,
        version: None,
    })
}

/// The record in an object's status.
pub(super) fn record(object: &DynamicObject) -> Result<Option<Record>, String> {
    stored_text(object).map(Record::parse).transpose().map_err(|why| {
        format!(
            "status.record cannot be understood ({why}) and stays as it is; where it cannot be \
             mended, remove it: the weight in force is then the route's, and a release that has \
             weight waits for a person before any rise"
        )
    })
}

/// What looks at the release's objects and writes them; each takes the roles of the sides from the
/// state that it is asked about.
fn parts(shared: &Shared, key: &Key, release: &Release) -> Result<Parts, String> {
    let as_named = release.clone().with_serving(Side::First);
    let kubernetes = as_named.kubernetes.as_ref().ok_or("the release names no target")?;
    let of = |name: &str| Key { namespace: key.namespace.clone(), name: name.to_owned() };
    let api = |resource| kinds::within(&shared.client, &key.namespace, &resource);
    let route = Route::of(shared, key, kubernetes)?;
    let workloads = Workloads {
        cached: shared.caches.deployments.clone(),
        api: api(kinds::deployment()),
        autoscalers: api(kinds::autoscaler()),
        first: of(&kubernetes.target.stable),
        second: of(&kubernetes.target.canary),
        capacity: kubernetes.target.capacity,
        term: shared.term.clone(),
        written: std::sync::Mutex::default(),
    };
    let (route, workloads) = (Arc::new(route), Arc::new(workloads));
    Ok(Parts { clients: Arc::clone(&shared.clients), route, workloads })
}

async fn look(release: &Arc<Release>, parts: &Parts) -> Result<Look, String> {
    let metrics = Observer::sharing(release, &parts.clients).await;
    let metrics =
        metrics.map_err(|error| format!("cannot set up the connection to Prometheus: {error}"))?;
    Ok(Look {
        release: Arc::clone(release),
        metrics,
        route: Arc::clone(&parts.route),
        workloads: Arc::clone(&parts.workloads),
    })
}

/// Makes the Deployments what each stored record asks for, and looks after them in between.
async fn follow_workloads(
    workloads: Arc<Workloads>,
    mut records: watch::Receiver<Option<Arc<Record>>>,
    key: Key,
) {
    let mut told = String::new();
    // As they were when nothing was to be done.
    let (mut settled, mut news) = (None, true);
    loop {
        let record = records.borrow_and_update().clone();
        let versions = workloads.versions();
        if let Some(record) = record.filter(|_| news || settled.as_ref() != Some(&versions)) {
            // On the heap, since it takes up much and is hardly ever under way.
            let followed = Box::pin(workloads.follow(&record.state)).await;
            settled = matches!(followed, Ok(true)).then_some(versions);
            let failed = followed.err().unwrap_or_default();
            if !failed.is_empty() && failed != told {
                tracing::warn!(release = %key, "{failed}");
            }
            told = failed;
        }
        news = match timeout(WORKLOADS, records.changed()).await {
            Ok(Ok(())) => true,
            Ok(Err(_)) => return,
            Err(_) => false,
        };
    }
}

impl Running {
    /// Takes over what the release says now, where that is something new.
    pub(super) async fn renew(&mut self, object: &Kept, sources: &Sources) {
        let seen = sources.fingerprint(object);
        if self.seen.as_ref() == Some(&seen) {
            return;
        }
        let news = match sources.release(object).map(Arc::new) {
            Err(why) => Reload::Refused(why),
            Ok(release) if self.release == release => Reload::Unchanged,
            Ok(release) if !names_the_same(&self.release, &release) => Reload::Refused(
                "target, route and destinations of a release stay: delete it and create it anew"
                    .to_owned(),
            ),
            Ok(release) => match look(&release, &self.look).await {
                Ok(look) => Reload::Release(release, Arc::new(look)),
                Err(why) => Reload::Refused(why),
            },
        };
        let release = match &news {
            Reload::Release(release, _) => Some(Arc::clone(release)),
            Reload::Unchanged | Reload::Refused(_) => None,
        };
        if self.reload.try_send(Box::new(news)).is_err() {
            // The engine has not heard the last news yet: again at the next look.
            return;
        }
        self.seen = Some(seen);
        if let Some(release) = release {
            self.about.send_replace(Arc::clone(&release));
            self.release = release;
        }
    }

    /// Takes up the command that stands on the object, where it is a new one.
    pub(super) fn take_command(&mut self, object: &Kept) {
        if self.version.as_deref() == object.version() {
            return;
        }
        if let Some(object) = object.head() {
            self.commands.take(&object, &self.handle);
        }
        self.version = object.version().map(str::to_owned);
    }

    /// Has nothing mirrored to the canary, before the release is let go.
    ///
    /// # Errors
    /// Why that is not so yet, or never will be.
    pub(super) async fn unmirror(&self) -> Result<(), NotBack> {
        let state = self.records.borrow().as_deref().map(|record| record.state.clone());
        let mirrors =
            |state: &State| state.kept_mirrors.is_some() || self.release.plan.mirror.is_some();
        let Some(state) = state.filter(mirrors) else { return Ok(()) };
        if let Some(why) = self.look.route.fault(state.traffic) {
            return Err(NotBack::Impossible(why));
        }
        if state.kept_mirrors.is_some() {
            return Err(NotBack::NotYet("it is not back yet".to_owned()));
        }
        // Of a mirror that a lost state has left the engine knows only once another rollout begins.
        let load = Load { kept_mirrors: Some(MirrorFields::new()), ..Load::of(&state) };
        deletion::bring(&self.look.route, load, Change::Back).await
    }

    /// The part of its route that is its own.
    pub(super) fn route(&self) -> &Route {
        &self.look.route
    }

    /// Tells the engine that something which the release names is gone. It is looked at again once
    /// that is back.
    pub(super) fn refuse(&mut self, why: String) {
        let news = Box::new(Reload::Refused(why));
        if self.seen.take().is_some() && self.reload.try_send(news).is_err() {
            tracing::debug!("the engine has not heard the last news yet");
        }
    }

    /// Ends what runs. `last`: the engine may store its counters first.
    pub(super) async fn end(mut self, last: bool) {
        if last {
            self.stop.send_replace(true);
            // The engine is the first of them; the others wait for its records.
            drop(self.tasks.join_next().await);
        }
        self.tasks.shutdown().await;
    }
}

/// Whether two versions of a release name the same objects, whatever the roles of the sides are.
fn names_the_same(one: &Release, other: &Release) -> bool {
    let other = other.clone().with_serving(one.serving);
    one.kubernetes == other.kubernetes
}
