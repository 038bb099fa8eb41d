//! Objects as the API server last told of them.

use core::time::Duration;
use std::sync::Arc;

use futures_util::StreamExt as _;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::kinds::{self, Key, Scope};

/// How soon a watch that was broken off begins again. The usual waits grow to half a minute, and a
/// person's abort would wait for the rest of it after the server is back; a few questions of each
/// replica are no load.
const AGAIN: Duration = Duration::from_secs(2);

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

/// All objects of one kind.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: Store<DynamicObject>,
    resource: ApiResource,
}

impl Objects {
    pub(super) fn get(&self, key: &Key) -> Option<Arc<DynamicObject>> {
        let object = ObjectRef::new_with(&key.name, self.resource.clone()).within(&key.namespace);
        self.store.get(&object)
    }

    pub(super) fn all(&self) -> Vec<Arc<DynamicObject>> {
        self.store.state()
    }
}

/// The kinds that are watched. Others are asked for when they are needed.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    pub(super) releases: Objects,
    pub(super) virtual_services: Objects,
    pub(super) deployments: Objects,
    /// Changes with every object that is told of.
    pub(super) news: watch::Receiver<u64>,
}

impl Caches {
    /// Starts to watch. The tasks end with the set.
    pub(super) fn start(client: &Client, scope: &Scope, tasks: &mut JoinSet<()>) -> Self {
        let (tell, news) = watch::channel(0);
        let tell = Arc::new(tell);
        let mut keep = |resource: ApiResource| {
            follow(scope.api(client, &resource), resource, Arc::clone(&tell), tasks)
        };
        Self {
            releases: keep(kinds::canary_release()),
            virtual_services: keep(kinds::virtual_service()),
            deployments: keep(kinds::deployment()),
            news,
        }
    }

    /// Waits until every kind was listed once.
    pub(super) async fn ready(&self) {
        for objects in [&self.releases, &self.virtual_services, &self.deployments] {
            if objects.store.wait_until_ready().await.is_err() {
                // Its task has ended, so that nothing will come any more.
                core::future::pending::<()>().await;
            }
        }
    }
}

fn follow(
    api: Api<DynamicObject>,
    resource: ApiResource,
    tell: Arc<watch::Sender<u64>>,
    tasks: &mut JoinSet<()>,
) -> Objects {
    let writer = reflector::store::Writer::new(resource.clone());
    let store = writer.as_reader();
    let kind = resource.kind.clone();
    tasks.spawn(async move {
        let events = watcher(api, watcher::Config::default())
            // An expired watch, or a server that is away, is waited for and begun again.
            .backoff(Steadily)
            .modify(|object: &mut DynamicObject| object.metadata.managed_fields = None)
            .reflect(writer);
        let mut events = core::pin::pin!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(_) => tell.send_modify(|count| *count = count.wrapping_add(1)),
                Err(error) => {
                    tracing::warn!(%kind, %error, "the watch was broken off and begins again");
                }
            }
        }
    });
    Objects { store, resource }
}
