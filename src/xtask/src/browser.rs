//! The browser for the tests of the page, and what finds barriers in one: Chromium, and axe-core.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::repository::Repository;
use crate::{apt, cache, pip, process};

/// Overrides the choice.
const OVERRIDE: &str = "CHROMIUM_BIN";

const MANUAL: &str = "install Chromium (`apt-get install chromium`), or set CHROMIUM_BIN to it";

/// The wheel that has axe-core 4.12.1 in it, and its SHA-256 sum.
const AXE: (&str, &str) = (
    "axe-playwright-python==0.1.8",
    "fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8",
);

/// The script inside the wheel.
const AXE_MEMBER: &str = "axe_playwright_python/axe.min.js";

/// `target/browser.json`, which the tests read.
#[derive(Debug, Serialize)]
struct Browser {
    chromium: PathBuf,
    /// Where its shared libraries lie if not where the system looks.
    libraries: Vec<PathBuf>,
    axe: PathBuf,
}

/// Fetches what is missing and writes `target/browser.json`.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let (chromium, libraries) = chromium()?;
    let browser = Browser { chromium, libraries, axe: axe()? };
    let file = repository.target("browser.json");
    fs::create_dir_all(repository.target(""))?;
    fs::write(&file, serde_json::to_vec_pretty(&browser)?)
        .with_context(|| format!("unable to write \"{}\"", file.display()))
}

/// `CHROMIUM_BIN`, else what is on `PATH`, else Debian's package in the cache folder with the
/// folders of its libraries.
fn chromium() -> Result<(PathBuf, Vec<PathBuf>)> {
    let own = process::named_by(OVERRIDE)?.or_else(|| process::find_on_path("chromium"));
    if let Some(path) = own {
        return Ok((path, Vec::new()));
    }
    let root = apt::unpack("chromium", &["chromium"], MANUAL)?;
    let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    // Its own start script would look for the program where an installation puts it.
    let program = root.join("usr/lib/chromium/chromium");
    let libraries = vec![libraries.clone(), libraries.join("pulseaudio")];
    runs(&program, &libraries)?;
    Ok((program, libraries))
}

fn runs(program: &Path, libraries: &[PathBuf]) -> Result<()> {
    let mut ask = Command::new(program);
    ask.arg("--version").env("LD_LIBRARY_PATH", std::env::join_paths(libraries)?);
    process::output(&mut ask).with_context(|| format!("this Chromium does not run: {MANUAL}"))?;
    Ok(())
}

fn axe() -> Result<PathBuf> {
    let (package, sum) = AXE;
    let folder = cache::get_or_fill(&package.replace("==", "-"), |folder| {
        println!("setup: fetching axe-core");
        pip::unpack(package, sum, folder).with_context(|| format!("unable to fetch {package}"))
    })?;
    Ok(folder.join(AXE_MEMBER))
}
