//! What became of a route, from write to write: that nothing is moved twice.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::TryStreamExt as _;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use serin_cluster::namespace::Namespace;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The canary's shares in the three entries of `VirtualService` `web`: marked canary, marked stable,
/// not marked.
pub(crate) type Shares = [u64; 3];

/// How soon a watch begins again: sooner than a step is over.
const AGAIN: Duration = Duration::from_millis(200);

/// What was written is seen a moment later.
const SEEN: Duration = Duration::from_secs(5);

/// Before a rollout and after it.
pub(crate) const NOTHING: Shares = [0, 0, 0];

/// While the canary serves, and this share of what is not marked.
pub(crate) const fn serving(rest: u64) -> Shares {
    [100, 0, rest]
}

/// Follows the route from now on, by what is read of it.
pub(crate) struct Moves<T = Shares> {
    seen: Arc<Mutex<Vec<T>>>,
    task: JoinHandle<()>,
}

impl Moves {
    pub(crate) async fn follow(namespace: &Namespace) -> Result<Self> {
        Self::of(namespace, shares).await
    }
}

impl<T: Clone + PartialEq + Send + 'static> Moves<T> {
    /// What `read` gives of it; `None` where the object is not whole.
    pub(crate) async fn of(
        namespace: &Namespace,
        read: fn(&DynamicObject) -> Option<T>,
    ) -> Result<Self> {
        let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "VirtualService");
        let resource = ApiResource::from_gvk(&kind);
        let client = namespace.client().await?;
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace.name(), &resource);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let events = watcher(api, watcher::Config::default());
            let mut objects = std::pin::pin!(events.applied_objects());
            loop {
                let Ok(Some(object)) = objects.try_next().await else {
                    // It begins anew by itself where it was broken off.
                    sleep(AGAIN).await;
                    continue;
                };
                let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(found) = read(&object).filter(|it| seen.last() != Some(it)) {
                    seen.push(found);
                }
            }
        });
        Ok(Self { seen, task })
    }

    /// All that it has been, without repetitions.
    pub(crate) fn seen(&self) -> Vec<T> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T: Clone + PartialEq + fmt::Debug + Send + 'static> Moves<T> {
    /// # Errors
    /// Where it has not been just this.
    pub(crate) async fn are(&self, expected: &[T]) -> Result<()> {
        let start = Instant::now();
        while self.seen() != expected && start.elapsed() < SEEN {
            sleep(AGAIN).await;
        }
        ensure!(self.seen() == expected, "{:?} instead of {expected:?}", self.seen());
        Ok(())
    }
}

impl<T> Drop for Moves<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The weights of the three entries.
pub(crate) fn shares(service: &DynamicObject) -> Option<Shares> {
    let share = |entry: usize| {
        service.data.pointer(&format!("/spec/http/{entry}/route/1/weight"))?.as_u64()
    };
    Some([share(0)?, share(1)?, share(2)?])
}
