//! The objects of many releases, and what stands for the controllers that act on Deployments: each
//! Deployment is as it should be as soon as it is written.

use anyhow::{Context as _, Result};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use serde_json::{Value, json};
use serin_cluster::namespace::Namespace;
use serin_cluster::objects::{self, Shares};
use serin_cluster::released::{at, release};
use tokio::task::JoinHandle;

/// Requests to the API server at once.
const AT_ONCE: usize = 16;

/// All releases of a namespace.
pub(super) struct Fleet {
    namespace: Namespace,
    deployments: Api<DynamicObject>,
    releases: Api<DynamicObject>,
    player: JoinHandle<()>,
}

impl Fleet {
    /// Makes so many, each with two Deployments of one pod and a route; both sides run the same.
    pub(super) async fn make(
        namespace: &Namespace,
        number: usize,
        prometheus: &str,
    ) -> Result<Self> {
        let client = namespace.client().await?;
        let api = |group: &str, version: &str, kind: &str| -> Api<DynamicObject> {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            Api::namespaced_with(client.clone(), namespace.name(), &resource)
        };
        let deployments = api("apps", "v1", "Deployment");
        let routes = api("networking.istio.io", "v1", "VirtualService");
        let releases = api("serin.dev", "v1alpha1", "CanaryRelease");
        let player = tokio::spawn(play(deployments.clone()));
        let fleet = Self { namespace: namespace.clone(), deployments, releases, player };
        let made = (0..number).map(|number| {
            let (fleet, routes) = (&fleet, &routes);
            async move {
                let name = name(number);
                for role in ["stable", "canary"] {
                    create(&fleet.deployments, deployment(&name, role)).await?;
                }
                let host = format!("{name}.example.com");
                create(routes, objects::virtual_service(&name, &[&host], Shares::NOTHING)).await?;
                create(&fleet.releases, described(&name, fleet.namespace.name(), prometheus)?).await
            }
        });
        stream::iter(made).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(fleet)
    }

    /// Gives a canary another version.
    pub(super) async fn ship(&self, number: usize) -> Result<()> {
        let image = json!({"spec": {"template": {"spec": {
            "containers": [{"name": "app", "image": "shop:2.0"}],
        }}}});
        let name = format!("{}-canary", name(number));
        self.deployments.patch(&name, &PatchParams::default(), &Patch::Merge(image)).await?;
        Ok(())
    }

    /// How many releases are in this phase.
    pub(super) async fn in_phase(&self, phase: &str) -> Result<usize> {
        let all = self.releases.list(&kube::api::ListParams::default()).await?;
        let in_phase = |it: &&DynamicObject| at(&it.data, "/status/phase") == phase;
        Ok(all.items.iter().filter(in_phase).count())
    }

    /// How many canaries run no pod any more.
    pub(super) async fn empty(&self) -> Result<usize> {
        let all = self.deployments.list(&kube::api::ListParams::default()).await?;
        let is_empty = |it: &&DynamicObject| {
            let canary = it.metadata.name.as_ref().is_some_and(|name| name.ends_with("-canary"));
            canary && at(&it.data, "/spec/replicas") == 0
        };
        Ok(all.items.iter().filter(is_empty).count())
    }

    /// The rollout's name in the document.
    pub(super) fn rollout(&self, number: usize) -> String {
        format!("{}/{}", self.namespace.name(), name(number))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.player.abort();
    }
}

/// A release's name, which its route has too.
pub(super) fn name(number: usize) -> String {
    format!("r-{number:04}")
}

async fn create(api: &Api<DynamicObject>, object: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let name = object.metadata.name.clone().unwrap_or_default();
    api.create(&PostParams::default(), &object)
        .await
        .with_context(|| format!("creating {name}"))?;
    Ok(())
}

fn deployment(name: &str, role: &str) -> Value {
    let labels = json!({"app": name, "version": role});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": format!("{name}-{role}")},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "shop:1.0"}]},
            },
        },
    })
}

/// A release whose filters poll the controller: a plugin of a thousand rollouts would be rewritten as
/// a whole with each change.
fn described(name: &str, namespace: &str, prometheus: &str) -> Result<Value> {
    let mut release = release(name, name, namespace, prometheus);
    let spec = release.get_mut("spec").and_then(Value::as_object_mut).context("no spec")?;
    spec.insert("assignment".to_owned(), json!({"identity": [{"header": "x-user-id"}]}));
    let metrics = json!({
        "address": prometheus,
        "scrapeInterval": format!("{}s", super::SCRAPE),
        "timeout": format!("{}s", super::SCRAPE),
    });
    spec.insert("metrics".to_owned(), json!({"prometheus": metrics}));
    let steps = json!([{"weight": "10%", "bake": "1h"}, {"weight": "100%", "bake": "1h"}]);
    spec.insert("steps".to_owned(), steps);
    Ok(release)
}

/// Makes every Deployment what its `spec` says, as the controllers and a node would.
async fn play(api: Api<DynamicObject>) {
    let events = watcher(api.clone(), watcher::Config::default()).default_backoff();
    let objects = events.applied_objects().filter_map(|it| async { it.ok() });
    let stale = objects.filter(|it| {
        let observed = at(&it.data, "/status/observedGeneration").as_i64();
        std::future::ready(observed != it.metadata.generation)
    });
    stale
        .for_each_concurrent(AT_ONCE, |deployment| {
            let api = &api;
            async move {
                let pods = at(&deployment.data, "/spec/replicas").as_u64().unwrap_or(1);
                let status = json!({"status": {
                    "observedGeneration": deployment.metadata.generation,
                    "replicas": pods,
                    "updatedReplicas": pods,
                    "readyReplicas": pods,
                    "availableReplicas": pods,
                }});
                let name = deployment.metadata.name.unwrap_or_default();
                let options = PatchParams::default();
                // What is refused is written again with the next change.
                let _ = api.patch_status(&name, &options, &Patch::Merge(status)).await;
            }
        })
        .await;
}
