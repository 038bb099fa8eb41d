//! The mesh's configuration: what users merge into theirs, and what a mesh without certificates
//! and injection needs.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use serin_tests::{artifacts, ports};

/// What `istio/mesh-config.yaml` has users merge into theirs.
fn ours() -> Result<Value> {
    let file = artifacts::root()?.join("istio/mesh-config.yaml");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let ours: Value = serde_saphyr::from_str(&text).with_context(|| file.display().to_string())?;
    let mesh = ours.get("meshConfig").cloned();
    mesh.with_context(|| format!("{} has no meshConfig", file.display()))
}

/// The parts of metrics' names that it turns into labels.
pub(crate) fn extra_stat_tags() -> Result<Vec<String>> {
    let ours = ours()?;
    let tags = ours.pointer("/defaultConfig/extraStatTags").context("no extraStatTags")?;
    Ok(serde_json::from_value(tags.clone())?)
}

/// `istio/mesh-config.yaml` with what this cluster needs besides.
pub(crate) fn config() -> Result<String> {
    let mut mesh = ours()?;
    let needed = json!({
        "enableAutoMtls": false,
        "ingressControllerMode": "OFF",
        // Where iptables would lead a sidecar's connections: nothing does here, but each proxy
        // listens there.
        "proxyListenPort": ports::free()?,
        "proxyInboundListenPort": ports::free()?,
    });
    let fields = mesh.as_object_mut().context("meshConfig is no object")?;
    fields.extend(needed.as_object().cloned().unwrap_or_default());
    Ok(format!("{mesh:#}"))
}
