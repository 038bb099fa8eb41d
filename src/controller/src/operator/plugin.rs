//! The document in a `WasmPlugin`'s `pluginConfig`, for proxies that do not poll the controller.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::client::{CONFLICTS, answer};
use super::kinds::{self, Key};
use super::supervise::Shared;
use crate::publish::Published;
use crate::release::PluginRef;

/// The label by which a plugin's namespace lets releases of other namespaces in: their names with
/// dots between, or `all`.
pub(super) const ALLOW: &str = "serin.dev/allow-from";

/// How often plugins are looked at though nothing was published: somebody may have changed one.
const AGAIN: Duration = Duration::from_mins(1);

/// How soon a plugin that could not be written is tried again.
const SOON: Duration = Duration::from_millis(500);

/// Which releases each plugin carries. A plugin that has lost its last one stays, so that it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Plugins(Arc<Mutex<BTreeMap<Key, Carried>>>);

/// The releases of one plugin.
#[derive(Clone, Debug, Default)]
struct Carried {
    now: BTreeSet<Key>,
    /// Those too that it has lost.
    ever: BTreeSet<Key>,
}

impl Plugins {
    /// Notes which plugin, if any, a release has.
    pub(super) fn set(&self, release: &Key, plugin: Option<&PluginRef>) {
        let mut plugins = self.map();
        for carried in plugins.values_mut() {
            carried.now.remove(release);
        }
        if let Some(PluginRef { name, namespace }) = plugin {
            let plugin = Key { namespace: namespace.clone(), name: name.clone() };
            let carried = plugins.entry(plugin).or_default();
            carried.now.insert(release.clone());
            carried.ever.insert(release.clone());
        }
    }

    fn all(&self) -> BTreeMap<Key, Carried> {
        self.map().clone()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Key, Carried>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the plugins whenever the document changes.
pub(super) async fn keep(shared: Shared) {
    let mut shown = shared.board.watch();
    let mut told: BTreeMap<Key, String> = BTreeMap::new();
    loop {
        let published = shown.borrow_and_update().clone();
        let mut wait = AGAIN;
        if let Some(published) = published {
            for (plugin, carried) in shared.plugins.all() {
                match bring(&shared, &plugin, &carried, &published).await {
                    Ok(()) => {
                        told.remove(&plugin);
                    }
                    Err(why) => {
                        wait = SOON;
                        if told.insert(plugin.clone(), why.clone()).as_ref() != Some(&why) {
                            tracing::error!(%plugin, "WasmPlugin not written: {why}");
                        }
                    }
                }
            }
        }
        if let Ok(Err(_)) = timeout(wait, shown.changed()).await {
            sleep(wait).await;
        }
    }
}

/// Brings the releases' part of the document into the plugin; writes nothing where it is there.
async fn bring(
    shared: &Shared,
    plugin: &Key,
    carried: &Carried,
    published: &Published,
) -> Result<(), String> {
    let allowed = allowed(shared, plugin, &carried.now).await?;
    let names: BTreeSet<String> = allowed.iter().map(ToString::to_string).collect();
    let ours = published.rollouts.iter().filter(|rollout| names.contains(rollout.name.as_str()));
    let rollouts: Vec<Value> =
        ours.map(|it| serde_json::to_value(&**it).unwrap_or_default()).collect();
    let api = kinds::within(&shared.client, &plugin.namespace, &kinds::wasm_plugin());
    for _ in 0..CONFLICTS {
        let object = answer(api.get_opt(&plugin.name)).await?;
        let mut object = object.ok_or("it does not exist")?;
        // Who was never let in takes nothing out either: what stands there is its owner's.
        if rollouts.is_empty() && !carries(&object, &carried.ever) {
            return Ok(());
        }
        if !put(&mut object, &rollouts, published.revision.get())? {
            return Ok(());
        }
        let options = PostParams::default();
        let write = api.replace(&plugin.name, &options, &object);
        match shared.term.write(write).await {
            Ok(_) => {
                tracing::info!(%plugin, revision = %published.revision, "WasmPlugin written");
                return Ok(());
            }
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(format!("{CONFLICTS} writes in a row met another one"))
}

/// The releases that the plugin's namespace lets in.
async fn allowed(
    shared: &Shared,
    plugin: &Key,
    releases: &BTreeSet<Key>,
) -> Result<BTreeSet<Key>, String> {
    let (ours, others): (BTreeSet<Key>, BTreeSet<Key>) =
        releases.iter().cloned().partition(|key| key.namespace == plugin.namespace);
    if others.is_empty() {
        return Ok(ours);
    }
    let api = kube::Api::<DynamicObject>::all_with(shared.client.clone(), &kinds::namespace());
    let namespace = answer(api.get(&plugin.namespace)).await?;
    let label = namespace.metadata.labels.as_ref().and_then(|labels| labels.get(ALLOW));
    let may = |key: &Key| label.is_some_and(|label| lets_in(label, &key.namespace));
    let (guests, refused): (Vec<Key>, Vec<Key>) = others.into_iter().partition(may);
    if let Some(release) = refused.first() {
        tracing::warn!(
            %plugin,
            "release {release} is not in the plugin's document: label namespace {} with {ALLOW}={}",
            plugin.namespace,
            release.namespace
        );
    }
    Ok(ours.into_iter().chain(guests).collect())
}

/// Whether the label's value lets releases of a namespace in.
pub(super) fn lets_in(label: &str, namespace: &str) -> bool {
    label == "all" || label.split('.').any(|name| name == namespace)
}

/// Whether the plugin's configuration holds a rollout of one of these releases.
fn carries(object: &DynamicObject, releases: &BTreeSet<Key>) -> bool {
    let rollouts = kinds::at(object, &["spec", "pluginConfig", "rollouts"]);
    let names = rollouts.and_then(Value::as_array).into_iter().flatten();
    let mut names = names.filter_map(|rollout| rollout.get("name")?.as_str());
    names.any(|name| releases.iter().any(|release| release.to_string() == name))
}

/// Puts the document's fields into the plugin's configuration, and says whether it differs. All
/// other fields are their owner's.
fn put(object: &mut DynamicObject, rollouts: &[Value], revision: u64) -> Result<bool, String> {
    let no_object = || "its spec is no object".to_owned();
    let spec = object.data.get_mut("spec").and_then(Value::as_object_mut).ok_or_else(no_object)?;
    let config = spec.entry("pluginConfig").or_insert_with(|| json!({}));
    let config = config.as_object_mut().ok_or("its pluginConfig is no object")?;
    if config.contains_key("source") {
        return Err("its pluginConfig has a source, which takes the document's place".to_owned());
    }
    if config.get("rollouts").and_then(Value::as_array).is_some_and(|has| has == rollouts) {
        return Ok(false);
    }
    config.insert("formatVersion".to_owned(), json!("1.0"));
    config.insert("revision".to_owned(), json!(revision));
    config.insert("rollouts".to_owned(), json!(rollouts));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(config: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "serin"},
            "spec": {"url": "file:///serin.wasm", "pluginConfig": config},
        }))
        .unwrap()
    }

    #[test]
    fn only_the_documents_fields_are_written_and_only_where_they_differ() {
        let mut object = plugin(&json!({"count": false, "mark": "x-mark"}));
        let rollouts = [json!({"name": "shop/checkout", "revision": 7})];
        assert_eq!(put(&mut object, &rollouts, 9), Ok(true));
        let expected = json!({"count": false, "mark": "x-mark", "formatVersion": "1.0", "revision": 9,
            "rollouts": rollouts});
        assert_eq!(object.data["spec"]["pluginConfig"], expected);
        assert_eq!(object.data["spec"]["url"], "file:///serin.wasm");
        // Another release's change is none of this plugin's.
        assert_eq!(put(&mut object, &rollouts, 12), Ok(false));
        assert_eq!(object.data["spec"]["pluginConfig"], expected);
    }

    #[test]
    fn a_plugin_is_emptied_only_of_what_it_carried() {
        let release = |name: &str| Key { namespace: "shop".to_owned(), name: name.to_owned() };
        let releases = BTreeSet::from([release("checkout")]);
        let config = json!({"rollouts": [{"name": "pay/web"}]});
        for config in [config, json!({}), json!({"rollouts": []})] {
            assert!(!carries(&plugin(&config), &releases), "{config}");
        }
        let ours = json!({"rollouts": [{"name": "shop/checkout"}]});
        assert!(carries(&plugin(&ours), &releases));
        // Also after the release is gone.
        let plugins = Plugins::default();
        let named = PluginRef { name: "serin".to_owned(), namespace: "mesh".to_owned() };
        plugins.set(&release("checkout"), Some(&named));
        plugins.set(&release("checkout"), None);
        let carried = plugins.all().into_values().next().unwrap();
        assert!(carried.now.is_empty() && carries(&plugin(&ours), &carried.ever));
    }

    #[test]
    fn a_plugin_that_polls_is_left_alone() {
        let mut object = plugin(&json!({"source": {"cluster": "serin"}}));
        let before = object.clone();
        assert!(put(&mut object, &[], 9).is_err());
        assert_eq!(object.data, before.data);
    }

    #[test]
    fn a_label_lets_namespaces_in_by_name_or_all() {
        assert!(lets_in("shop", "shop") && lets_in("pay.shop", "shop") && lets_in("all", "shop"));
        assert!(!lets_in("shop2", "shop") && !lets_in("", "shop"));
    }
}
