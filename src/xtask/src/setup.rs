//! Fetches what the build and the tests need from outside, and writes down where it is.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::repository::Repository;
use crate::toolchain::{self, Toolchain};
use crate::{binaryen, envoy, process, prometheus, valgrind};

/// What a set-up depends on: it is done anew when one of these changes.
const VARIABLES: [&str; 8] = [
    "ENVOY_BIN",
    "HOME",
    "PROMETHEUS_BIN",
    "RUSTUP_TOOLCHAIN",
    toolchain::OVERRIDE,
    binaryen::OVERRIDE,
    valgrind::OVERRIDE,
    "XDG_CACHE_HOME",
];

/// `target/setup.json`: the tests and the demo read the paths, the module build the toolchain.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    envoy: PathBuf,
    prometheus: PathBuf,
    promtool: PathBuf,
    pub(crate) wasm: Toolchain,
    pub(crate) wasm_opt: PathBuf,
    valgrind: PathBuf,
    made_for: Vec<String>,
}

impl Setup {
    fn is_current(&self, made_for: &[String]) -> bool {
        self.made_for == made_for
            && [&self.envoy, &self.prometheus, &self.promtool, &self.wasm_opt, &self.valgrind]
                .into_iter()
                .all(|program| process::is_executable(program))
            && self.wasm.exists()
    }
}

/// Gives the set-up, which is made when there is none or it no longer holds.
pub(crate) fn run(repository: &Repository) -> Result<Setup> {
    let file = repository.target("setup.json");
    let made_for = made_for();
    let known = fs::read(&file).ok().and_then(|text| serde_json::from_slice::<Setup>(&text).ok());
    if let Some(known) = known.filter(|known| known.is_current(&made_for)) {
        return Ok(known);
    }
    let wasm = toolchain::find()?;
    let wasm_opt = binaryen::find()?;
    let envoy = envoy::find()?;
    let prometheus = prometheus::find()?;
    let setup = Setup {
        envoy,
        prometheus: prometheus.server,
        promtool: prometheus.promtool,
        wasm,
        wasm_opt,
        valgrind: valgrind::find()?,
        made_for,
    };
    fs::create_dir_all(repository.target(""))?;
    fs::write(&file, serde_json::to_vec_pretty(&setup)?)
        .with_context(|| format!("unable to write \"{}\"", file.display()))?;
    println!(
        "setup: Envoy {} at {}, Prometheus at {}, Wasm standard library by {}",
        envoy::CURRENT.version,
        setup.envoy.display(),
        setup.prometheus.display(),
        setup.wasm.name(),
    );
    Ok(setup)
}

fn made_for() -> Vec<String> {
    let variables = VARIABLES.iter().map(|name| {
        let value = std::env::var_os(name).unwrap_or_default();
        format!("{name}={}", value.to_string_lossy())
    });
    std::iter::once(format!("envoy {}", envoy::CURRENT.version)).chain(variables).collect()
}
