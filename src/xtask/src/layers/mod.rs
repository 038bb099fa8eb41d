//! Proves that dependencies point down only, and that the pure crates stay pure.

mod purity;
mod rules;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;
use crate::repository::Repository;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A workspace member, as `cargo metadata` tells of it.
#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for an ordinary dependency, else `build` or `dev`.
    kind: Option<String>,
}

/// Collects all faults before it fails, so that one run shows them all.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let text = process::output(repository.cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
    ]))?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("unable to read what `cargo metadata` printed")?;
    let mut faults = rules::check(&metadata.packages);
    for package in metadata.packages.iter().filter(|package| rules::is_pure(&package.name)) {
        let folder = package.manifest_path.with_file_name("src");
        for file in sources(&folder)? {
            let text = fs::read_to_string(&file)?;
            let shown = file.strip_prefix(repository.root()).unwrap_or(&file).display();
            faults.extend(purity::faults(&text).into_iter().map(|fault| {
                format!("{shown}:{}: {} is pure, but uses {}", fault.line, package.name, fault.path)
            }));
        }
    }
    if !faults.is_empty() {
        bail!("the layers don't hold:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// The Rust files below a folder, except those that only tests are made of.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("unable to read \"{}\"", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if is_for_tests(&path) {
            continue;
        }
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The names that a module under `#[cfg(test)]` has here when it is a file of its own.
fn is_for_tests(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem == "tests" || stem.ends_with("_tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_tests_are_known_by_name() {
        for name in ["tests.rs", "tests", "rules_tests.rs"] {
            assert!(is_for_tests(Path::new(name)), "{name}");
        }
        assert!(!is_for_tests(Path::new("attests.rs")));
    }
}
