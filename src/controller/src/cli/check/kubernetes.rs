//! What a release says of Kubernetes objects.

use serde_json::{Value, json};
use serin_routes::{Destination, Entries, Reference};

use crate::release::{CapacityRule, Kubernetes, PluginRef, RouteRef, Target};

/// The version goes by what a file cannot know.
pub(super) fn release(key: &str, objects: &Kubernetes) -> String {
    let canary = &objects.target.canary;
    let named = objects.stated_version.as_ref().map(|stated| format!("{stated} and "));
    let named = named.unwrap_or_default();
    format!("{key} version {named}the hash of {canary}'s pod template")
}

pub(super) fn told(objects: &Kubernetes) -> Vec<(&'static str, String)> {
    let Kubernetes { target, route, reference, plugin, .. } = objects;
    let Target { stable, canary, capacity } = target;
    let scaled = match capacity {
        CapacityRule::Scale => "is scaled before each rise",
        CapacityRule::Ignore => "is scaled by its owner",
    };
    vec![
        ("deployments", format!("stable {stable}, canary {canary}, which {scaled}")),
        ("weights", format!("{route}, {}", reference.entries)),
        ("", format!("stable {}, canary {}", reference.stable, reference.canary)),
        (
            "document",
            match plugin {
                Some(PluginRef { namespace, name }) => {
                    format!("in WasmPlugin {namespace}/{name}")
                }
                None => "proxies ask the controller".to_owned(),
            },
        ),
    ]
}

pub(super) fn json(objects: &Kubernetes) -> Value {
    let Kubernetes { target, route, reference, plugin, .. } = objects;
    let Reference { entries, stable, canary, .. } = reference;
    let destination = |Destination { host, subset, port }: &Destination| json!({ "host": host, "subset": subset, "port": port });
    let entries = match entries {
        Entries::ByMark { canary, stable, rest } => {
            json!({ "canary": canary, "stable": stable, "rest": rest })
        }
        Entries::One(only) => json!({ "only": only }),
        Entries::Whole => Value::Null,
    };
    json!({
        "target": {
            "stable": target.stable,
            "canary": target.canary,
            "capacity": match target.capacity {
                CapacityRule::Scale => "scale",
                CapacityRule::Ignore => "ignore",
            },
        },
        RouteRef::field(route.kind): route.name,
        "entries": entries,
        "stable": destination(stable),
        "canary": destination(canary),
        "plugin": plugin.as_ref().map(|plugin| {
            json!({ "name": plugin.name, "namespace": plugin.namespace })
        }),
    })
}
