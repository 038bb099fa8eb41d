//! Where the things under test lie, and which command makes a missing one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The programs that come from outside, as `make setup` found them.
#[derive(Clone, Debug, Deserialize)]
pub struct Setup {
    /// Envoy's binary.
    pub envoy: PathBuf,
    /// Prometheus' binary.
    pub prometheus: PathBuf,
    /// Prometheus' own tool, for making blocks of history and asking from a shell.
    pub promtool: PathBuf,
    /// Valgrind, for counting instructions.
    pub valgrind: PathBuf,
}

impl Setup {
    /// Reads what `make setup` left.
    ///
    /// # Errors
    /// Where it was not run, or what it found has gone since.
    pub fn load() -> Result<Self> {
        let file = made("target/setup.json", "make setup")?;
        let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let setup: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{}: run `make setup` again", file.display()))?;
        for program in [&setup.envoy, &setup.prometheus, &setup.promtool, &setup.valgrind] {
            if !program.exists() {
                bail!("{} has gone: run `make setup`", program.display());
            }
        }
        Ok(setup)
    }
}

/// A proxy that is not Envoy.
#[derive(Clone, Debug, Deserialize)]
pub struct Proxy {
    /// Its program.
    pub program: PathBuf,
    /// Where its libraries are, for `LD_LIBRARY_PATH`; empty where the system has them.
    pub libraries: String,
}

/// NGINX (`nginx`) or `HAProxy` (`haproxy`), as `make proxies` found them.
///
/// # Errors
/// Where it was not run, or what it found has gone since.
pub fn proxy(name: &str) -> Result<Proxy> {
    let file = made("target/proxies.json", "make proxies")?;
    let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let mut proxies: BTreeMap<String, Proxy> = serde_json::from_slice(&text)
        .with_context(|| format!("{}: run `make proxies` again", file.display()))?;
    let proxy = proxies.remove(name).filter(|proxy| proxy.program.exists());
    proxy.with_context(|| format!("{name} is not there: run `make proxies`"))
}

/// The binaries of earlier Envoy releases by version, as `cargo xtask releases` found them.
///
/// # Errors
/// Where it was not run.
pub fn releases() -> Result<BTreeMap<String, PathBuf>> {
    let file = made("target/releases.json", "cargo xtask releases")?;
    let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", file.display()))
}

/// The names of the example configurations in `envoy/`, sorted.
///
/// # Errors
/// Where the folder can't be read.
pub fn examples() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root()?.join("envoy"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The repository's root.
///
/// # Errors
/// Where this crate no longer lies inside of it.
pub fn root() -> Result<PathBuf> {
    // Cargo sets it for what it runs, so that a moved clone still finds itself; the path from the
    // build serves programs that are started without Cargo.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors()
        .find(|folder| folder.join("Cargo.lock").exists())
        .map(Path::to_path_buf)
        .with_context(|| format!("no Cargo.lock in {} or above", here.display()))
}

/// The filter's module.
///
/// # Errors
/// Where it was not built.
pub fn module() -> Result<PathBuf> {
    made("target/serin.wasm", "make wasm")
}

/// The filter's module with tripwires.
///
/// # Errors
/// Where it was not built.
pub fn module_with_tripwires() -> Result<PathBuf> {
    made("target/serin-tripwire.wasm", "make wasm")
}

/// The program that does nothing but decide.
///
/// # Errors
/// Where it was not built.
pub fn decisions() -> Result<PathBuf> {
    made("target/counted/examples/decisions", "make decisions")
}

/// A module that the filter is compared with, by its name in `tests/modules/examples`.
///
/// # Errors
/// Where it was not built.
pub fn compared(name: &str) -> Result<PathBuf> {
    made(&format!("target/modules/{name}.wasm"), "cargo xtask modules")
}

/// The controller's binary.
///
/// # Errors
/// Where it was not built.
pub fn serin() -> Result<PathBuf> {
    made("target/release/serin", "make build")
}

/// An image, by its name in `target/images`: a folder, or the tar of it.
///
/// # Errors
/// Where it was not built.
pub fn image(name: &str) -> Result<PathBuf> {
    made(&format!("target/images/{name}"), "make images")
}

/// Where the browser for the tests of the page is written down.
///
/// # Errors
/// Where it was not fetched.
pub fn browser() -> Result<PathBuf> {
    made("target/browser.json", "cargo xtask browser")
}

/// One of the example configurations, by its name in `envoy/`.
///
/// # Errors
/// Where there is none of that name.
pub fn example(name: &str) -> Result<PathBuf> {
    let file = root()?.join("envoy").join(name);
    if !file.exists() {
        bail!("there is no example {}", file.display());
    }
    Ok(file)
}

fn made(path: &str, command: &str) -> Result<PathBuf> {
    let file = root()?.join(path);
    if !file.exists() {
        bail!("{} is missing: run `{command}`", file.display());
    }
    Ok(file)
}
