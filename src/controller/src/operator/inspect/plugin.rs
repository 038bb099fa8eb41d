//! Whether the plugin that a release names has its rollout.

use kube::api::DynamicObject;
use serde_json::Value;

use super::super::kinds::at;
use super::super::plugin::{ALLOW, lets_in};
use super::Finding;
use super::cluster::Looked;
use crate::release::PluginRef;
use crate::status::kubernetes::ObjectStatus;

const CHECK: &str = "plugin";

/// `key` names the release, `home` is the plugin's namespace.
pub(super) fn look(
    (key, namespace): (&str, &str),
    named: Option<&PluginRef>,
    (found, home): (&Looked, &Looked),
    status: &ObjectStatus,
) -> Finding {
    let Some(named) = named else {
        return Finding::good(CHECK, "it names no plugin: proxies ask the controller");
    };
    let name = format!("WasmPlugin {}/{}", named.namespace, named.name);
    let plugin = match found {
        Err(why) => return Finding::unknown(CHECK, why),
        Ok(None) => {
            return Finding::bad(CHECK, format!("there is no {name}")).mend(
                "make it (README, Kubernetes), or name another one in spec.assignment.plugin",
            );
        }
        Ok(Some(plugin)) => plugin,
    };
    if named.namespace != namespace {
        match home {
            Err(why) => return Finding::unknown(CHECK, why),
            Ok(home) if home.as_ref().is_some_and(|home| is_let_in(home, namespace)) => {}
            Ok(_) => {
                let home = &named.namespace;
                return Finding::bad(
                    CHECK,
                    format!("namespace {home} does not let {namespace} in"),
                )
                .mend(format!("kubectl label namespace {home} {ALLOW}={namespace}"));
            }
        }
    }
    if at(plugin, &["spec", "pluginConfig", "source"]).is_some() {
        return Finding::bad(
            CHECK,
            format!("{name} has a source, which takes the document's place"),
        )
        .mend("take spec.pluginConfig.source out, or spec.assignment.plugin of the release");
    }
    let shown = revision(plugin, key);
    match (shown, status.revision) {
        (None, None) => Finding::good(CHECK, format!("{name} is there; nothing is published yet")),
        (None, Some(_)) => {
            Finding::bad(CHECK, format!("{name} does not have this release's rollout"))
                .mend("the controller's log says why")
        }
        (Some(shown), Some(wanted)) if shown < wanted => {
            Finding::bad(CHECK, format!("{name} has revision {shown} where {wanted} is wanted"))
                .mend("the controller's log says why")
        }
        (Some(shown), _) => Finding::good(CHECK, format!("{name} has it at revision {shown}")),
    }
}

fn is_let_in(home: &DynamicObject, namespace: &str) -> bool {
    let label = home.metadata.labels.as_ref().and_then(|labels| labels.get(ALLOW));
    label.is_some_and(|label| lets_in(label, namespace))
}

/// The revision of a release's rollout in the plugin's document.
fn revision(plugin: &DynamicObject, key: &str) -> Option<u64> {
    let rollouts = at(plugin, &["spec", "pluginConfig", "rollouts"])?.as_array()?;
    let named = |it: &&Value| it.get("name").and_then(Value::as_str) == Some(key);
    rollouts.iter().find(named)?.get("revision")?.as_u64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Outcome::{self, Bad, Good};
    use super::*;

    fn found(config: &Value, allow: &str) -> Outcome {
        let object = |value: Value| Ok(Some(serde_json::from_value(value).unwrap()));
        let plugin = object(json!({"metadata": {}, "spec": {"pluginConfig": config}}));
        let home = object(json!({"metadata": {"labels": {"serin.dev/allow-from": allow}}}));
        let named = PluginRef { namespace: "mesh".to_owned(), name: "serin".to_owned() };
        let status = ObjectStatus { revision: Some(7), ..ObjectStatus::default() };
        look(("shop/web", "shop"), Some(&named), (&plugin, &home), &status).outcome
    }

    #[test]
    fn a_plugin_has_the_rollout_at_the_revision_that_is_published() {
        let at = |revision: u64| json!({"rollouts": [{"name": "shop/web", "revision": revision}]});
        assert_eq!(found(&at(7), "shop"), Good);
        assert_eq!(found(&at(6), "shop"), Bad);
        assert_eq!(found(&at(7), "pay"), Bad);
        assert_eq!(found(&json!({"rollouts": [{"name": "shop/api", "revision": 7}]}), "all"), Bad);
        assert_eq!(found(&json!({"source": {"cluster": "serin"}}), "all"), Bad);
    }

    #[test]
    fn without_a_plugin_proxies_ask_and_one_that_is_gone_is_bad() {
        let (none, status) = (Ok(None), ObjectStatus::default());
        let of = |named: Option<&PluginRef>| {
            look(("shop/web", "shop"), named, (&none, &none), &status).outcome
        };
        assert_eq!(of(None), Good);
        let named = PluginRef { namespace: "shop".to_owned(), name: "serin".to_owned() };
        assert_eq!(of(Some(&named)), Bad);
    }
}
