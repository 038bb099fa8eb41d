//! While this process leads: which releases are run, started, told of changes and ended as the objects
//! say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use kube::api::DynamicObject;
use serin_rollout::Side;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use super::cache::Caches;
use super::client::answer;
use super::deletion;
use super::kinds::{self, Key};
use super::leader::Term;
use super::plugin::Plugins;
use super::refused::{NotRun, Refusals};
use super::resolve::{self, Sources};
use super::running::{self, Running};
use super::stored;
use crate::engine::{Clock, Stop};
use crate::notify::Receivers;
use crate::prometheus::Clients;
use crate::publish::Board;
use crate::release::PluginRef;
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
    pub(super) receivers: Receivers,
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
    let stored = stored_of(&objects, running);
    let resolved =
        resolve::all(&objects, &shared.caches, |object| serving(object, running, &stored));
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
    await_parts(shared, &objects, &resolved, running, &stored, first);
    end_overtaken(running).await;
    let mut newest = newest(shared, &objects, &resolved, running).await;
    for (object, sources) in objects.iter().zip(resolved) {
        let key = Key::of(object);
        let ends = object.metadata.deletion_timestamp.is_some();
        let is_others = matches!(sources, Err(NotRun::Conflict(_)));
        match (sources, running.get_mut(&key)) {
            // Nothing has to be put back for it.
            (_, None) if ends && deletion::is_over(object) => {}
            (Ok(sources), None) => {
                match running::start(shared, object, &sources, newest.remove(&key)).await {
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
                }
            }
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

/// What is stored of the releases that are not run yet, as far as it can be read.
fn stored_of(
    objects: &[Arc<DynamicObject>],
    running: &BTreeMap<Key, Running>,
) -> BTreeMap<Key, Record> {
    let keyed = objects.iter().map(|object| (Key::of(object), object));
    let waiting = keyed.filter(|(key, _)| !running.contains_key(key));
    waiting.filter_map(|(key, object)| Some((key, running::record(object).ok()??))).collect()
}

/// Which side of a release is stable's, by what is stored of it.
fn serving(
    object: &DynamicObject,
    running: &BTreeMap<Key, Running>,
    stored: &BTreeMap<Key, Record>,
) -> Side {
    let of = |record: &Record| record.state.traffic.serving;
    let key = Key::of(object);
    match running.get(&key) {
        Some(one) => one.records.borrow().as_deref().map(of),
        None => stored.get(&key).map(of),
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
    stored: &BTreeMap<Key, Record>,
    first: bool,
) {
    for (object, sources) in objects.iter().zip(sources) {
        let key = Key::of(object);
        if running.contains_key(&key) {
            continue;
        }
        match stored.get(&key).and_then(stored::rollout) {
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

/// The objects that are about to be run, as the API server has them now. What the leader before has
/// stored last may not be in the cache, and whoever goes on from less undoes it.
async fn newest(
    shared: &Shared,
    objects: &[Arc<DynamicObject>],
    resolved: &[Result<Sources, NotRun>],
    running: &BTreeMap<Key, Running>,
) -> BTreeMap<Key, Result<DynamicObject, String>> {
    let able = objects.iter().zip(resolved).filter(|(_, sources)| sources.is_ok());
    let keys = able.map(|(object, _)| Key::of(object));
    let missing = keys.filter(|key| !running.contains_key(key));
    let asked: Vec<_> = missing.map(|key| ask(shared.client.clone(), key)).collect();
    stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

async fn ask(client: kube::Client, key: Key) -> (Key, Result<DynamicObject, String>) {
    let api = kinds::within(&client, &key.namespace, &kinds::canary_release());
    let object = answer(api.get(&key.name)).await;
    (key, object)
}
