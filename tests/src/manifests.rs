//! What is in `istio/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::artifacts;

/// All YAML files below `istio/`, by their path in it, each with its documents.
///
/// # Errors
/// Where one cannot be read, or holds no mapping.
pub fn all() -> Result<BTreeMap<PathBuf, Vec<Value>>> {
    let root = artifacts::root()?.join("istio");
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found)?;
    Ok(found)
}

/// The documents of one of these files.
///
/// # Errors
/// Where it cannot be read, or holds no mapping.
pub fn documents(file: &str) -> Result<Vec<Value>> {
    read(&artifacts::root()?.join("istio").join(file))
}

/// The object of this kind and name in one of these files.
///
/// # Errors
/// Where there is none.
pub fn object(file: &str, kind: &str, name: &str) -> Result<Value> {
    let mut documents = documents(file)?.into_iter();
    documents
        .find(|object| {
            let is = |path, text| object.pointer(path).and_then(Value::as_str) == Some(text);
            is("/kind", kind) && is("/metadata/name", name)
        })
        .with_context(|| format!("no {kind} {name} in istio/{file}"))
}

fn collect(folder: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<Value>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, root, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.insert(path.strip_prefix(root)?.to_path_buf(), read(&path)?);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&text).with_context(|| file.display().to_string())?;
    ensure!(!documents.is_empty(), "{} is empty", file.display());
    ensure!(documents.iter().all(Value::is_object), "{} holds no mapping", file.display());
    Ok(documents)
}
