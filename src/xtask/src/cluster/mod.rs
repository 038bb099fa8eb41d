//! The real Kubernetes, Istio and Traefik, and ingress-nginx's admission, for `make test-cluster`, built from
//! Go modules.
//!
//! Nobody publishes all of these programs as files for a machine without containers, but all are Go
//! modules. `tests/cluster/go` pins them; each part is built once into the user's cache folder,
//! under a name that follows from its pins.

mod build;
mod go;
mod lock;
mod part;
mod pins;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repository::Repository;
use crate::{cache, process};
use part::{FLAGGER, GITOPS, PARTS, Part};
use pins::Pins;

/// Builds what is missing and writes `target/cluster.json`: each program and file with its path.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    build_all(repository, &PARTS, "cluster.json")
}

/// The same for Flagger, with which a benchmark compares; writes `target/flagger.json`.
pub(crate) fn flagger(repository: &Repository) -> Result<()> {
    build_all(repository, &[FLAGGER], "flagger.json")
}

/// The same for Argo CD and Flux, by which README's recipes are run; writes `target/gitops.json`.
pub(crate) fn gitops(repository: &Repository) -> Result<()> {
    build_all(repository, &GITOPS, "gitops.json")
}

fn build_all(repository: &Repository, parts: &[Part], list: &str) -> Result<()> {
    let sources: Vec<(&Part, PathBuf)> =
        parts.iter().map(|part| (part, source(repository, part))).collect();
    let pins = sources.iter().map(|(_, source)| Pins::read(source)).collect::<Result<Vec<_>>>()?;
    // One Go for all, so that nobody fetches a newer one after each part.
    let needed = go::newest(pins.iter().filter_map(Pins::go)).context("no go.mod names its Go")?;
    let mut found = BTreeMap::new();
    for ((part, source), pins) in sources.iter().zip(&pins) {
        let folder = get(part, source, pins, needed)?;
        for name in part.leaves() {
            found.insert(name, folder.join(name));
        }
    }
    let file = repository.target(list);
    fs::create_dir_all(repository.target(""))?;
    fs::write(&file, serde_json::to_vec_pretty(&found)?)
        .with_context(|| format!("unable to write \"{}\"", file.display()))
}

/// Where a part's pins are.
fn source(repository: &Repository, part: &Part) -> PathBuf {
    repository.root().join("tests/cluster/go").join(part.folder)
}

/// The part's folder in the cache, built when it is missing.
fn get(part: &Part, source: &Path, pins: &Pins, needed: &str) -> Result<PathBuf> {
    let name = format!("cluster-{}-{}", part.folder, pins.key(part));
    if let Some(ready) = cache::get(&name)? {
        return Ok(ready);
    }
    let go = go::find(source, needed)?;
    // Two builds side by side would take twice as long for the same.
    let _lock = lock::wait("cluster", || {
        println!("cluster: waiting for another build of these parts");
    })?;
    cache::get_or_fill(&name, |folder| {
        build::programs(&go, source, part, pins, folder)?;
        for file in part.files {
            let mut list = go.command(source);
            list.args(["list", "-m", "-f", "{{.Dir}}", file.module]);
            let from = PathBuf::from(process::output(&mut list)?).join(file.path);
            // Read and written, not copied: files of the module cache are read-only.
            let text =
                read(&from).with_context(|| format!("unable to read \"{}\"", from.display()))?;
            fs::write(folder.join(file.name), text)?;
        }
        Ok(())
    })
}

/// A file, or the YAML documents of all files of a folder by their names.
fn read(from: &Path) -> Result<String> {
    if !from.is_dir() {
        return Ok(fs::read_to_string(from)?);
    }
    let paths = fs::read_dir(from)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut paths: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    paths.sort();
    let texts = paths.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("\n---\n"))
}
