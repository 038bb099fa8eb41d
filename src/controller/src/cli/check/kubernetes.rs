//! What a release says of Kubernetes objects.

use serde_json::{Value, json};
use serin_routes::{Destination, Reference};

use crate::release::{CapacityRule, Kubernetes, PluginRef, Target};

/// The version goes by what a file cannot know.
pub(super) fn release(key: &str, objects: &Kubernetes) -> String {
    let canary = &objects.target.canary;
    let named = objects.stated_version.as_ref().map(|stated| format!("{stated} and "));
    let named = named.unwrap_or_default();
    format!("{key} version {named}the hash of {canary}'s pod template")
}

pub(super) fn told(objects: &Kubernetes) -> Vec<(&'static str, String)> {
    let Kubernetes { target, virtual_service, reference, plugin, .. } = objects;
    let Target { stable, canary, capacity } = target;
    let scaled = match capacity {
        CapacityRule::Scale => "is scaled before each rise",
        CapacityRule::Ignore => "is scaled by its owner",
    };
    let entries = &reference.entries;
    let (canary_entry, stable_entry, rest) = (&entries.canary, &entries.stable, &entries.rest);
    vec![
        ("deployments", format!("stable {stable}, canary {canary}, which {scaled}")),
        (
            "weights",
            format!(
                "VirtualService {virtual_service}, entries {canary_entry}, {stable_entry}, {rest}"
            ),
        ),
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
    let Kubernetes { target, virtual_service, reference, plugin, .. } = objects;
    let Reference { entries, stable, canary, .. } = reference;
    let destination = |Destination { host, subset, port }: &Destination| json!({ "host": host, "subset": subset, "port": port });
    json!({
        "target": {
            "stable": target.stable,
            "canary": target.canary,
            "capacity": match target.capacity {
                CapacityRule::Scale => "scale",
                CapacityRule::Ignore => "ignore",
            },
        },
        "virtualService": virtual_service,
        "entries": { "canary": entries.canary, "stable": entries.stable, "rest": entries.rest },
        "stable": destination(stable),
        "canary": destination(canary),
        "plugin": plugin.as_ref().map(|plugin| {
            json!({ "name": plugin.name, "namespace": plugin.namespace })
        }),
    })
}
