//! Who speaks to the API server, in the form that all its clients read.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;
use serin_tests::scratch::Scratch;

/// Writes the file for whoever reaches the API server through another port on loopback, which knows
/// who it is.
pub(crate) fn write_plain(folder: &Path, name: &str, port: u16) -> Result<PathBuf> {
    let text = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "relay", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": "relay", "user": name}}],
        "current-context": name,
    });
    let file = folder.join(format!("{name}.kubeconfig"));
    std::fs::write(&file, format!("{text:#}"))?;
    Ok(file)
}

/// Writes the file for somebody with this token, and gives its path.
pub(crate) fn write(
    scratch: &Scratch,
    name: &str,
    server: &str,
    authority: &Path,
    token: &str,
    namespace: &str,
) -> Result<PathBuf> {
    // JSON is YAML as well.
    let text = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "serin",
            "cluster": {"server": server, "certificate-authority": authority},
        }],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{
            "name": name,
            "context": {"cluster": "serin", "user": name, "namespace": namespace},
        }],
        "current-context": name,
    });
    scratch.write(&format!("{name}.kubeconfig"), format!("{text:#}"))
}
