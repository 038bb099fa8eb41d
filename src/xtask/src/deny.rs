//! `cargo-deny`: licences, sources and bans of the dependencies, and known holes in them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cache;
use crate::process;
use crate::repository::Repository;

const VERSION: &str = "0.20.2";

/// What can be checked without fetching anything but the dependencies themselves.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    run(repository, &["bans", "licenses", "sources"])
        .context("a dependency breaks a rule of deny.toml")
}

/// Apart from the rest: it fetches a database, and its verdict changes while the code doesn't.
pub(crate) fn advisories(repository: &Repository) -> Result<()> {
    run(repository, &["advisories"])
        .context("there is an advisory for a dependency, or the database is out of reach")
}

/// The workspace, and the fuzz targets, which are one of their own.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "tests/fuzz/Cargo.toml"];

fn run(repository: &Repository, checks: &[&str]) -> Result<()> {
    let program = find()?;
    for workspace in WORKSPACES {
        let mut deny = Command::new(&program);
        deny.current_dir(repository.root());
        // Duplicates are warnings, and none that a run that succeeds need repeat.
        deny.args(["--log-level", "error", "--manifest-path", workspace, "--config", "deny.toml"]);
        deny.args(["check", "--hide-inclusion-graph"]).args(checks);
        process::output(&mut deny).with_context(|| workspace.to_owned())?;
    }
    Ok(())
}

fn find() -> Result<PathBuf> {
    let place = cache::get_or_fill(&format!("cargo-deny-{VERSION}"), |folder| {
        println!("lint: installing cargo-deny {VERSION} (about 3 minutes, once)");
        let mut install = Command::new("cargo");
        install.args(["install", "--quiet", "--locked", "--root"]).arg(folder);
        // Not in the repository's target folder: these files are of no use once it is installed.
        install.arg("--target-dir").arg(folder.join("build"));
        process::output(install.arg(format!("cargo-deny@{VERSION}")))?;
        Ok(std::fs::remove_dir_all(folder.join("build"))?)
    })?;
    Ok(place.join("bin/cargo-deny"))
}
