//! When the weights of `VirtualService`s were written, as the API server tells of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures_util::TryStreamExt as _;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use serde_json::Value;
use serin_cluster::namespace::Namespace;
use serin_tests::clock::now_us;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How often what was heard is looked at; when it was heard is noted with it.
const POLL: Duration = Duration::from_millis(2);

/// All that was written in a namespace.
#[derive(Debug)]
pub(crate) struct Routes {
    heard: Arc<Mutex<Vec<Written>>>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Written {
    at_us: u64,
    name: String,
    /// The highest weight that any entry gives the canary.
    canary: u64,
}

impl Routes {
    pub(crate) async fn watch(namespace: &Namespace) -> Result<Self> {
        let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "VirtualService");
        let resource = ApiResource::from_gvk(&kind);
        let (client, name) = (namespace.client().await?, namespace.name().to_owned());
        let heard: Arc<Mutex<Vec<Written>>> = Arc::default();
        let noted = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let api: Api<DynamicObject> = Api::namespaced_with(client, &name, &resource);
            let events = watcher(api, watcher::Config::default()).default_backoff();
            let mut objects = std::pin::pin!(events.applied_objects());
            loop {
                // One that broke off begins anew.
                let Ok(Some(object)) = objects.try_next().await else { continue };
                let written = Written {
                    at_us: now_us(),
                    name: object.metadata.name.clone().unwrap_or_default(),
                    canary: canary(&object.data),
                };
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(written);
            }
        });
        Ok(Self { heard, task })
    }

    /// Waits for a write after `since_us` that gives the canary something, or nothing, and gives the
    /// time of the first.
    pub(crate) async fn until(
        &self,
        name: &str,
        since_us: u64,
        serves: bool,
        limit: Duration,
    ) -> Result<u64> {
        let start = Instant::now();
        loop {
            let found = {
                let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                let fits = |it: &&Written| {
                    it.at_us >= since_us && it.name == name && (it.canary > 0) == serves
                };
                heard.iter().find(fits).map(|it| it.at_us)
            };
            if let Some(at_us) = found {
                return Ok(at_us);
            }
            if start.elapsed() > limit {
                bail!("no weight of VirtualService {name} with canary {serves} in {limit:?}");
            }
            sleep(POLL).await;
        }
    }
}

impl Drop for Routes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The highest weight of a destination that is a canary, by its subset or by its name.
fn canary(route: &Value) -> u64 {
    let entries = route.pointer("/spec/http").and_then(Value::as_array);
    let destinations = entries.into_iter().flatten().filter_map(|it| it.get("route")?.as_array());
    let weight = |it: &Value| {
        let of = |field| it.get("destination")?.get(field)?.as_str();
        let canary = of("subset") == Some("canary")
            || of("host").is_some_and(|host| host.ends_with("-canary"));
        canary.then(|| it.get("weight").and_then(Value::as_u64).unwrap_or(0))
    };
    destinations.flatten().filter_map(weight).max().unwrap_or(0)
}
