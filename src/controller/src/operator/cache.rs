//! Objects as the API server last told of them.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::StreamExt as _;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::kept::Kept;
use super::kinds::{self, Key, Scope};
use super::left;
use super::routes::Routes;

/// How soon a watch that was broken off begins again. The usual waits grow to half a minute, and a
/// person's abort would wait for the rest of it after the server is back; a few questions of each
/// replica are no load.
pub(super) const AGAIN: Duration = Duration::from_secs(2);

/// How many objects are listed at a time. Read as trees, before they are kept as text, the usual 500 of
/// three kinds would take up more than a thousand releases do ever after.
const PAGE: u32 = 100;

/// Waits as long each time.
struct Steadily;

impl Iterator for Steadily {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(AGAIN)
    }
}

impl Backoff for Steadily {
    fn reset(&mut self) {}
}

/// All objects of one kind. Copies share what they hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects(Arc<Cached>);

#[derive(Debug, Default)]
struct Cached {
    objects: RwLock<BTreeMap<Key, Arc<Kept>>>,
    /// The newest revision at which a release left that was deleted meanwhile; 0 before the first.
    left_at: AtomicU64,
}

impl Objects {
    /// The object as text, of which only the head can be told without reading it.
    pub(super) fn kept(&self, key: &Key) -> Option<Arc<Kept>> {
        self.0.objects.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The revision of the first document without all those that were seen to be deleted.
    pub(super) fn left_at(&self) -> Option<u64> {
        Some(self.0.left_at.load(Ordering::Acquire)).filter(|revision| *revision > 0)
    }

    pub(super) fn get(&self, key: &Key) -> Option<DynamicObject> {
        self.kept(key)?.read()
    }

    pub(super) fn all(&self) -> Vec<Arc<Kept>> {
        self.0.objects.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<Key, Arc<Kept>>)) {
        change(&mut self.0.objects.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The kinds that are watched. Others are asked for when they are needed.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    pub(super) releases: Objects,
    pub(super) routes: Routes,
    pub(super) deployments: Objects,
    /// Changes with every object that is told of.
    pub(super) news: watch::Receiver<u64>,
    /// Of each kind but the routes', whether it was listed once.
    listed: [Listed; 2],
}

impl Caches {
    /// Starts to watch. The tasks end with the set.
    pub(super) fn start(client: &Client, scope: &Scope, tasks: &mut JoinSet<()>) -> Self {
        let (tell, news) = watch::channel(0);
        let mut keep = |resource: ApiResource| {
            let (watched, objects, listed) = Watched::new(&tell);
            tasks.spawn(watched.follow(scope.api(client, &resource), resource.kind.clone()));
            (objects, listed)
        };
        let (releases, one) = keep(kinds::canary_release());
        let (deployments, two) = keep(kinds::deployment());
        let routes = Routes::start(client, scope, (&releases, &tell), tasks);
        Self { releases, routes, deployments, news, listed: [one, two] }
    }

    /// Waits until every kind was listed once, of the routes' kinds those that releases name.
    pub(super) async fn ready(&self) {
        for listed in &self.listed {
            listed.ready().await;
        }
        self.routes.ready(&self.releases).await;
    }
}

/// Whether a kind was listed once.
#[derive(Clone, Debug)]
pub(super) struct Listed(watch::Receiver<bool>);

impl Listed {
    pub(super) fn is_ready(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for it.
    pub(super) async fn ready(&self) {
        if self.0.clone().wait_for(|listed| *listed).await.is_err() {
            // Its task has ended, so that nothing will come any more.
            core::future::pending::<()>().await;
        }
    }
}

/// Keeps the objects of one kind up to date.
pub(super) struct Watched {
    objects: Objects,
    list: watch::Sender<bool>,
    tell: watch::Sender<u64>,
}

impl Watched {
    /// What keeps the objects of a kind, those objects, and whether they were listed.
    pub(super) fn new(tell: &watch::Sender<u64>) -> (Self, Objects, Listed) {
        let objects = Objects::default();
        let (list, listed) = watch::channel(false);
        let watched = Self { objects: objects.clone(), list, tell: tell.clone() };
        (watched, objects, Listed(listed))
    }

    /// Follows them; never ends.
    pub(super) async fn follow(self, api: Api<DynamicObject>, kind: String) {
        // An expired watch, or a server that is away, is waited for and begun again.
        let listed = watcher::Config::default().page_size(PAGE);
        let events = watcher(api, listed).backoff(Steadily);
        let mut events = core::pin::pin!(events);
        let mut listing = BTreeMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.take(event, &mut listing),
                Err(error) => {
                    tracing::warn!(%kind, %error, "the watch was broken off and begins again");
                }
            }
        }
    }

    /// What a list holds takes the place of what was there once the list is whole.
    fn take(&self, event: Event<DynamicObject>, listing: &mut BTreeMap<Key, Arc<Kept>>) {
        match event {
            Event::Init => listing.clear(),
            Event::InitApply(object) => {
                listing.extend(entry(object));
                return;
            }
            Event::InitDone => {
                self.objects.change(|objects| *objects = core::mem::take(listing));
                self.list.send_replace(true);
            }
            Event::Apply(object) => self.objects.change(|objects| objects.extend(entry(object))),
            Event::Delete(object) => {
                self.objects.change(|objects| {
                    objects.remove(&Key::of(&object));
                });
                if let Some(revision) = left::left_at(&object) {
                    self.objects.0.left_at.fetch_max(revision, Ordering::AcqRel);
                }
            }
        }
        self.tell.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn entry(object: DynamicObject) -> Option<(Key, Arc<Kept>)> {
    let kept = Kept::of(object)?;
    Some((kept.key().clone(), Arc::new(kept)))
}
