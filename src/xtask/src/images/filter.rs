//! The filter's image, as Istio reads it for a `WasmPlugin` (`url: oci://…`).
//!
//! Of the two layouts that Istio takes this is the one that its specification calls "compat": an
//! ordinary image whose last layer, tar and gzip, holds `plugin.wasm`. Every registry and every
//! tool that copies, signs or scans images knows it. The other one, with media types of its own,
//! is refused by some, and Istio tries it only after this one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::image::{Image, Platform};
use super::layer::{self, Entry};

pub(super) fn image(module: &Path) -> Result<Image> {
    let module = fs::read(module).with_context(|| format!("reading \"{}\"", module.display()))?;
    Ok(Image {
        layer: layer::archive(vec![Entry::file("plugin.wasm", &module)])?,
        platform: Platform { architecture: "wasm", os: "wasip1" },
        config: json!({}),
        annotations: vec![("module.wasm.image/variant", "compat")],
        description: "Serin's filter, a proxy-wasm module",
    })
}
