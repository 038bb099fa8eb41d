//! While this process leads: one engine for each release, started, told of changes and ended as the
//! objects say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use kube::api::DynamicObject;
use serin_rollout::Side;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use super::cache::Caches;
use super::client::answer;
use super::commands;
use super::deletion::{self, FINALIZER};
use super::events;
use super::keep::{ObjectKeep, stored_text};
use super::kinds::{self, Key};
use super::leader::Term;
use super::look::Look;
use super::plugin::Plugins;
use super::refused::{NotRun, Refusals};
use super::resolve::{self, Fingerprint, Sources};
use super::route::Route;
use super::stored;
use super::workloads::Workloads;
use crate::engine::{Carry, Clock, Engine, Handle, Reload, Stop};
use crate::observe::Observer;
use crate::prometheus::Clients;
use crate::publish::Board;
use crate::release::{PluginRef, Release};
use crate::server::Releases;
use crate::store::{Folder, Record};
use crate::telemetry::Telemetry;

/// How long a look waits for further changes.
const TOGETHER: Duration = Duration::from_millis(50);

/// The longest time between two looks at all objects, for what no watch tells of.
const AT_LEAST: Duration = Duration::from_secs(10);

/// How long the document waits for releases of which nothing is stored when a process begins to lead.
/// One whose route cannot be read is known only once somebody mends it, and the others must be
/// rolled back meanwhile.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// How many objects are asked for at the same time.
const AT_ONCE: usize = 16;

/// How often a release's Deployments are made what its state asks for, beside each stored record.
const WORKLOADS: Duration = Duration::from_secs(2);

/// What all releases share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) client: kube::Client,
    pub(super) caches: Caches,
    pub(super) term: Term,
    pub(super) board: Arc<Board>,
    pub(super) releases: Releases,
    pub(super) plugins: Plugins,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clients: Arc<Clients>,
    pub(super) folder: Folder,
    pub(super) identity: String,
    /// The time between two passes; by each release's scrape interval where not given.
    pub(super) interval: Option<Duration>,
}

impl Shared {
    /// Takes a release out of the document, of its plugin and of what people are shown.
    pub(super) fn withdraw(&self, key: &Key) {
        self.plugins.set(key, None);
        self.releases.remove(&key.namespace, &key.name);
        if let Err(error) = self.board.withdraw(&key.to_string(), Clock::system().wall_ms()) {
            tracing::error!(release = %key, %error, "the document without the release is not accepted");
        }
    }
}

/// A release that is run.
struct Running {
    release: Arc<Release>,
    /// What it was read from; `None` where that is to be looked at again.
    seen: Option<Fingerprint>,
    about: watch::Sender<Arc<Release>>,
    handle: Handle,
    reload: mpsc::Sender<Reload<Look>>,
    look: Parts,
    /// What is stored of it.
    records: watch::Receiver<Option<Arc<Record>>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    keep: Arc<ObjectKeep>,
    commands: commands::Inbox,
}

/// What a new version of a release keeps of the one before.
#[derive(Clone)]
struct Parts {
    clients: Arc<Clients>,
    route: Arc<Route>,
    workloads: Arc<Workloads>,
}

/// Runs the releases until the term ends or the sign to stop is given.
pub(super) async fn lead(shared: &Shared, mut stop: Stop) {
    let mut term = shared.term.clone();
    let mut news = shared.caches.news.clone();
    let mut running: BTreeMap<Key, Running> = BTreeMap::new();
    let mut refusals = Refusals::default();
    shared.board.resign();
    let board = Arc::clone(&shared.board);
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        sleep(UNKNOWN_FOR).await;
        if let Err(error) = board.give_up_all() {
            tracing::error!(%error, "the document without unknown releases is not accepted");
        }
    });
    let mut first = true;
    let ended = loop {
        // What changes at the same time is looked at once.
        sleep(TOGETHER).await;
        news.borrow_and_update();
        look_after(shared, &mut running, &mut refusals, first).await;
        first = false;
        tokio::select! {
            biased;
            () = stop.given() => break true,
            () = term.ends() => break false,
            _ = timeout(AT_LEAST, news.changed()) => {}
        }
    };
    for one in running.values().filter(|_| ended) {
        // All of them store at once: the next controller waits for the last.
        one.stop.send_replace(true);
    }
    for (key, one) in running {
        shared.plugins.set(&key, None);
        shared.releases.remove(&key.namespace, &key.name);
        one.end(ended).await;
    }
}

/// Compares what is asked for with what is run.
async fn look_after(
    shared: &Shared,
    running: &mut BTreeMap<Key, Running>,
    refusals: &mut Refusals,
    first: bool,
) {
    let objects = shared.caches.releases.all();
    let resolved = resolve::all(&objects, &shared.caches, |object| serving(object, running));
    shared.board.made(objects.iter().map(|it| (Key::of(it).to_string(), kinds::made_ms(it))));
    let present: BTreeSet<Key> = objects.iter().map(|object| Key::of(object)).collect();
    let gone: Vec<Key> = running.keys().filter(|key| !present.contains(key)).cloned().collect();
    for key in gone {
        if let Some(one) = running.remove(&key) {
            shared.withdraw(&key);
            one.end(false).await;
        }
    }
    // Also those that were never run here: somebody may have taken their finalizer away.
    let names = present.iter().map(ToString::to_string).collect();
    if let Err(error) = shared.board.keep_only(&names, Clock::system().wall_ms()) {
        tracing::error!(%error, "the document without what is gone is not accepted");
    }
    await_parts(shared, &objects, &resolved, running, first);
    end_overtaken(running).await;
    let mut newest = newest(shared, &objects, running).await;
    for (object, sources) in objects.iter().zip(resolved) {
        let key = Key::of(object);
        let ends = object.metadata.deletion_timestamp.is_some();
        let is_others = matches!(sources, Err(NotRun::Conflict(_)));
        match (sources, running.get_mut(&key)) {
            // Nothing has to be put back for it.
            (_, None) if ends && deletion::is_over(object) => {}
            (Ok(sources), None) => match start(shared, object, &sources, newest.remove(&key)).await
            {
                Ok(one) => {
                    refusals.forget(&key);
                    running.insert(key.clone(), one);
                }
                // It is looked at again in a moment.
                Err(NotRun::Changed) => {}
                Err(why) => {
                    // The others must not wait for it.
                    if let Err(error) = shared.board.give_up(&key.to_string()) {
                        tracing::error!(release = %key, %error, "the document without the release is not accepted");
                    }
                    refusals.tell(shared, object, &why).await;
                }
            },
            (Ok(sources), Some(one)) => one.renew(object, &sources).await,
            (Err(why), None) => refusals.tell(shared, object, &why).await,
            // What was read before goes on; the route and the Deployments say for themselves what
            // they lack.
            (Err(why), Some(one)) => one.refuse(why.to_string()),
        }
        match running.get_mut(&key) {
            Some(one) if ends => deletion::go_on(shared, object, &one.handle).await,
            Some(one) => one.commands.take(object, &one.handle),
            None if ends => deletion::end_unrun(shared, object, is_others).await,
            None => {}
        }
    }
}

/// Which side of a release is stable's, by what is stored of it.
fn serving(object: &DynamicObject, running: &BTreeMap<Key, Running>) -> Side {
    let of = |record: &Record| record.state.traffic.serving;
    match running.get(&Key::of(object)) {
        Some(one) => one.records.borrow().as_deref().map(of),
        None => stored(object).ok().flatten().as_ref().map(of),
    }
    .unwrap_or_default()
}

/// Has the document, and each plugin's part of it, hold every release before the first of them
/// publishes: without one that was published before, filters would forget it. What nothing is stored
/// of may have been published only before this process led: later, it is new.
fn await_parts(
    shared: &Shared,
    objects: &[Arc<DynamicObject>],
    sources: &[Result<Sources, NotRun>],
    running: &BTreeMap<Key, Running>,
    first: bool,
) {
    for (object, sources) in objects.iter().zip(sources) {
        let key = Key::of(object);
        if running.contains_key(&key) {
            continue;
        }
        let record = stored(object).ok().flatten();
        match record.as_ref().and_then(stored::rollout) {
            Some(rollout) if !deletion::is_let_go(object) => {
                shared.plugins.set(&key, plugin_of(object).as_ref());
                shared.board.adopt(rollout);
            }
            None if first && sources.is_ok() && object.metadata.deletion_timestamp.is_none() => {
                shared.board.expect(key.to_string());
            }
            // It is in no document, and need not be now.
            Some(_) | None => {}
        }
    }
}

/// The plugin that an object names, also where the release as a whole cannot be read.
fn plugin_of(object: &DynamicObject) -> Option<PluginRef> {
    let named = |field| {
        kinds::at(object, &["spec", "assignment", "plugin", field])
            .and_then(|value| value.as_str().map(str::to_owned))
    };
    let namespace = named("namespace").or_else(|| object.metadata.namespace.clone())?;
    Some(PluginRef { name: named("name")?, namespace })
}

/// Ends what goes on from a state that is not the stored one any more; it begins anew from that.
async fn end_overtaken(running: &mut BTreeMap<Key, Running>) {
    let overtaken = running.iter().filter(|(_, one)| one.keep.is_overtaken());
    let overtaken: Vec<Key> = overtaken.map(|(key, _)| key.clone()).collect();
    for key in overtaken {
        tracing::warn!(release = %key, "its stored state is another one's: it begins anew from there");
        if let Some(one) = running.remove(&key) {
            one.end(false).await;
        }
    }
}

/// The objects that are not run yet, as the API server has them now. What the leader before has
/// stored last may not be in the cache, and whoever goes on from less undoes it.
async fn newest(
    shared: &Shared,
    objects: &[Arc<DynamicObject>],
    running: &BTreeMap<Key, Running>,
) -> BTreeMap<Key, Result<DynamicObject, String>> {
    let keys = objects.iter().map(|object| Key::of(object));
    let missing = keys.filter(|key| !running.contains_key(key));
    let asked: Vec<_> = missing.map(|key| ask(shared.client.clone(), key)).collect();
    stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

async fn ask(client: kube::Client, key: Key) -> (Key, Result<DynamicObject, String>) {
    let api = kinds::within(&client, &key.namespace, &kinds::canary_release());
    let object = answer(api.get(&key.name)).await;
    (key, object)
}

async fn start(
    shared: &Shared,
    object: &DynamicObject,
    sources: &Sources,
    newest: Option<Result<DynamicObject, String>>,
) -> Result<Running, NotRun> {
    let key = Key::of(object);
    let release = Arc::new(sources.release(object)?);
    let fingerprint = sources.fingerprint(object);
    // Only what was run a moment ago was not asked for.
    let object = &newest.ok_or(NotRun::Changed)??;
    deletion::claim(shared, object).await?;
    let stored = stored(object)?;
    let (about, told) = watch::channel(Arc::clone(&release));
    let journal =
        shared.folder.journal(&key.namespace, &key.name).map_err(|error| error.to_string())?;
    let api = kinds::within(&shared.client, &key.namespace, &kinds::canary_release());
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
    tasks.spawn(engine.run(stored, inbox, stopped));
    tasks.spawn(follow_workloads(Arc::clone(&parts.workloads), records.clone(), key.clone()));
    let kept = records.clone();
    tasks.spawn(events::tell(events::recorder(shared), events::reference(object), records));
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
    })
}

/// The record in an object's status.
fn stored(object: &DynamicObject) -> Result<Option<Record>, String> {
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
    let route = Route::of(shared, key, kubernetes);
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
    loop {
        let record = records.borrow_and_update().clone();
        if let Some(record) = record {
            let failed = workloads.follow(&record.state).await.err().unwrap_or_default();
            if !failed.is_empty() && failed != told {
                tracing::warn!(release = %key, "{failed}");
            }
            told = failed;
        }
        if let Ok(Err(_)) = timeout(WORKLOADS, records.changed()).await {
            return;
        }
    }
}

impl Running {
    /// Takes over what the release says now, where that is something new.
    async fn renew(&mut self, object: &DynamicObject, sources: &Sources) {
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
        if self.reload.try_send(news).is_err() {
            // The engine has not heard the last news yet: again at the next look.
            return;
        }
        self.seen = Some(seen);
        if let Some(release) = release {
            self.about.send_replace(Arc::clone(&release));
            self.release = release;
        }
    }

    /// Tells the engine that something which the release names is gone. It is looked at again once
    /// that is back.
    fn refuse(&mut self, why: String) {
        if self.seen.take().is_some() && self.reload.try_send(Reload::Refused(why)).is_err() {
            tracing::debug!("the engine has not heard the last news yet");
        }
    }

    /// Ends what runs. `last`: the engine may store its counters first.
    async fn end(mut self, last: bool) {
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

/// Whether an object carries the controller's finalizer.
pub(super) fn is_claimed(object: &DynamicObject) -> bool {
    object.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER)
}
