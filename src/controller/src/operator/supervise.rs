//! While this process leads: which releases are run, started, told of changes and ended as the objects
//! say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use kube::api::DynamicObject;
use serin_document::{Revision, Rollout};
use serin_rollout::Side;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use super::cache::Caches;
use super::deletion;
use super::events::Teller;
use super::kept::Kept;
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
use crate::store::Folder;
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
    pub(super) events: Arc<Teller>,
    /// The time between two passes; by each release's scrape interval where not given.
    pub(super) interval: Option<Duration>,
}

impl Shared {
    /// Takes a release out of the document, of its plugin and of what people are shown. Gives the
    /// revision of the document without it, where one is shown.
    pub(super) async fn withdraw(&self, key: &Key) -> Option<Revision> {
        self.plugins.set(key, None);
        self.releases.remove(&key.namespace, &key.name);
        let withdrawn = self.board.withdraw(&key.to_string(), Clock::system().wall_ms()).await;
        withdrawn.unwrap_or_else(|error| {
            tracing::error!(release = %key, %error, "the document without the release is not accepted");
            None
        })
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
        if let Err(error) = board.give_up_all().await {
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
    end_overtaken(running).await;
    let objects = shared.caches.releases.all();
    let stored = stored_of(&objects, running);
    let resolved = resolve::all(&objects, &shared.caches, |key| serving(key, running, &stored));
    shared.board.made(objects.iter().map(|it| (it.key().to_string(), it.made_ms())));
    let present: BTreeSet<Key> = objects.iter().map(|it| it.key().clone()).collect();
    let gone: Vec<Key> = running.keys().filter(|key| !present.contains(key)).cloned().collect();
    for key in gone {
        if let Some(one) = running.remove(&key) {
            shared.withdraw(&key).await;
            one.end(false).await;
        }
    }
    // Also those that were never run here: somebody may have taken their finalizer away.
    let names = present.iter().map(ToString::to_string).collect();
    if let Err(error) = shared.board.keep_only(&names, Clock::system().wall_ms()).await {
        tracing::error!(%error, "the document without what is gone is not accepted");
    }
    await_parts(shared, &objects, &resolved, running, &stored, first);
    start(shared, &objects, &resolved, running, refusals).await;
    for (object, sources) in objects.iter().zip(resolved) {
        let key = object.key();
        let (one, is_others) = (running.get_mut(key), matches!(sources, Err(NotRun::Conflict(_))));
        match (sources, one) {
            // Nothing has to be put back for it.
            (_, None) if is_over(object) => {}
            // It was not started, and will be tried again.
            (Ok(_), None) => {}
            (Ok(sources), Some(one)) => one.renew(object, &sources).await,
            (Err(why), None) => refusals.tell(shared, object, &why).await,
            // What was read before goes on; the route and the Deployments say for themselves what
            // they lack.
            (Err(why), Some(one)) => one.refuse(why.to_string()),
        }
        match running.get_mut(key) {
            Some(one) if object.ends() => {
                if let Some(object) = object.head() {
                    deletion::go_on(shared, &object, one).await;
                }
            }
            Some(one) => one.take_command(object),
            None if object.ends() => {
                if let Some(object) = object.read() {
                    deletion::end_unrun(shared, &object, is_others).await;
                }
            }
            None => {}
        }
    }
}

/// Whether an object is to be deleted and nothing has to be put back for it.
fn is_over(object: &Kept) -> bool {
    object.ends() && object.read().is_some_and(|object| deletion::is_over(&object))
}

/// Starts what can be run and is not run yet, many at the same time: each waits for the API server.
async fn start(
    shared: &Shared,
    objects: &[Arc<Kept>],
    resolved: &[Result<Sources, NotRun>],
    running: &mut BTreeMap<Key, Running>,
    refusals: &mut Refusals,
) {
    let mut starting: Vec<BoxFuture<'_, (&Kept, Result<Running, NotRun>)>> = Vec::new();
    for (object, sources) in objects.iter().zip(resolved) {
        if let (Ok(sources), false) = (sources, running.contains_key(object.key()))
            && !is_over(object)
        {
            let start = running::start(shared, object, sources);
            starting.push(start.map(move |started| (&**object, started)).boxed());
        }
    }
    let mut started = stream::iter(starting).buffer_unordered(AT_ONCE);
    while let Some((object, started)) = started.next().await {
        let key = object.key();
        match started {
            Ok(one) => {
                refusals.forget(key);
                running.insert(key.clone(), one);
            }
            // It is looked at again in a moment.
            Err(NotRun::Changed) => {}
            Err(why) => {
                // The others must not wait for it.
                if let Err(error) = shared.board.give_up(&key.to_string()).await {
                    tracing::error!(release = %key, %error, "the document without the release is not accepted");
                }
                refusals.tell(shared, object, &why).await;
            }
        }
    }
}

/// What is stored of a release that is not run yet.
struct Stored {
    serving: Side,
    /// Its part of the document as it was published last.
    rollout: Option<Rollout>,
}

/// What is stored of the releases that are not run yet, as far as it can be read.
fn stored_of(kept: &[Arc<Kept>], running: &BTreeMap<Key, Running>) -> BTreeMap<Key, Stored> {
    let waiting = kept.iter().filter(|kept| !running.contains_key(kept.key()));
    let stored = |kept: &Arc<Kept>| {
        let record = kept.record()?;
        let serving = record.state.traffic.serving;
        Some((kept.key().clone(), Stored { serving, rollout: stored::rollout(&record) }))
    };
    waiting.filter_map(stored).collect()
}

/// Which side of a release is stable's, by what is stored of it.
fn serving(key: &Key, running: &BTreeMap<Key, Running>, stored: &BTreeMap<Key, Stored>) -> Side {
    match running.get(key) {
        Some(one) => one.records.borrow().as_deref().map(|it| it.state.traffic.serving),
        None => stored.get(key).map(|it| it.serving),
    }
    .unwrap_or_default()
}

/// Has the document, and each plugin's part of it, hold every release before the first of them
/// publishes: without one that was published before, filters would forget it. What nothing is stored
/// of may have been published only before this process led: later, it is new.
fn await_parts(
    shared: &Shared,
    objects: &[Arc<Kept>],
    sources: &[Result<Sources, NotRun>],
    running: &BTreeMap<Key, Running>,
    stored: &BTreeMap<Key, Stored>,
    first: bool,
) {
    for (object, sources) in objects.iter().zip(sources) {
        let key = object.key();
        if running.contains_key(key) {
            continue;
        }
        let head = || object.head();
        match stored.get(key).and_then(|stored| stored.rollout.clone()) {
            Some(rollout) if !head().is_some_and(|it| deletion::is_let_go(&it)) => {
                shared.plugins.set(key, head().and_then(|it| plugin_of(&it)).as_ref());
                shared.board.adopt(rollout);
            }
            None if first && sources.is_ok() && !object.ends() => {
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
