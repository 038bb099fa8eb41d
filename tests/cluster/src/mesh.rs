//! The mesh's configuration: what users merge into theirs, and what a mesh without certificates
//! and injection needs.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use serin_tests::{artifacts, ports};

/// `istio/mesh-config.yaml` with what this cluster needs besides.
pub(crate) fn config() -> Result<String> {
    let file = artifacts::root()?.join("istio/mesh-config.yaml");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let ours: Value = serde_saphyr::from_str(&text).with_context(|| file.display().to_string())?;
    let mut mesh = ours
        .get("meshConfig")
        .cloned()
        .with_context(|| format!("{} has no meshConfig", file.display()))?;
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
