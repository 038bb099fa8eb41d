//! The Envoy releases of the last year, for the tests that run the module on each.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::envoy;
use crate::repository::Repository;

/// Fetches what is missing and writes `target/releases.json`: each version with its binary.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let binaries: BTreeMap<&str, PathBuf> = envoy::EARLIER
        .iter()
        .map(|release| Ok((release.version, envoy::cached(release)?)))
        .collect::<Result<_>>()?;
    let file = repository.target("releases.json");
    fs::create_dir_all(repository.target(""))?;
    fs::write(&file, serde_json::to_vec_pretty(&binaries)?)
        .with_context(|| format!("unable to write \"{}\"", file.display()))
}
