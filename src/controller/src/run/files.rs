//! The release files of one process, as a set: no two may claim the same requests, unless they
//! share the users out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use serin_assignment::Weight;
use serin_document::{Compiled, Document, Environment, LeftOut, Revision};
use serin_rollout::Traffic;

use crate::release::Release;

/// A release and the file that it came from.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) path: PathBuf,
    pub(super) release: Arc<Release>,
}

/// Loads all files, and tells all that is wrong with them.
pub(super) fn load(paths: &[PathBuf]) -> anyhow::Result<Vec<Loaded>> {
    let (mut loaded, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match load_one(path) {
            Ok(release) => loaded.push(Loaded { path: path.clone(), release: Arc::new(release) }),
            Err(why) => faults.push(why),
        }
    }
    faults.extend(conflicts(&loaded).into_iter().map(|conflict| conflict.why));
    if faults.is_empty() { Ok(loaded) } else { Err(anyhow!(faults.join("\n"))) }
}

fn load_one(path: &Path) -> Result<Release, String> {
    let release = Release::load(path).map_err(|error| error.to_string())?;
    if release.kubernetes.is_some() {
        return Err(format!(
            "{}: {} names Kubernetes objects: it is run by `serin operate`",
            path.display(),
            release.key()
        ));
    }
    Ok(release)
}

/// Reads the files again: for each what it holds now (`None` where that is what it held), or why
/// that cannot be used.
pub(super) fn reload(present: &[Loaded]) -> Vec<Result<Option<Arc<Release>>, String>> {
    let mut read: Vec<_> = present.iter().map(read_again).collect();
    // Those that cannot be used stay as they are and keep what they claim.
    let wanted: Vec<Loaded> = present
        .iter()
        .zip(&read)
        .map(|(present, read)| match read {
            Ok(Some(release)) => {
                Loaded { path: present.path.clone(), release: Arc::clone(release) }
            }
            Ok(None) | Err(_) => present.clone(),
        })
        .collect();
    for conflict in conflicts(&wanted) {
        for (at, read) in read.iter_mut().enumerate() {
            let changed = matches!(read, Ok(Some(_)));
            if changed && [conflict.first, conflict.second].contains(&at) {
                *read = Err(conflict.why.clone());
            }
        }
    }
    read
}

fn read_again(present: &Loaded) -> Result<Option<Arc<Release>>, String> {
    let release = load_one(&present.path)?;
    let (was, is) = (present.release.key(), release.key());
    if was != is {
        return Err(format!(
            "{}: it named the release {was} and names {is} now; a release is added or taken away by \
             starting `serin run` anew",
            present.path.display()
        ));
    }
    if release.traffic.file.is_some() != present.release.traffic.file.is_some() {
        return Err(format!(
            "{}: `traffic.file` is added or taken away by starting `serin run` anew",
            present.path.display()
        ));
    }
    Ok((release != *present.release).then(|| Arc::new(release)))
}

/// Two releases that get in each other's way.
struct Conflict {
    first: usize,
    second: usize,
    why: String,
}

fn conflicts(loaded: &[Loaded]) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (second, later) in loaded.iter().enumerate() {
        for (first, earlier) in loaded.iter().enumerate().take(second) {
            if let Some(what) = common(&earlier.release, &later.release) {
                let why = told(&earlier.path, &later.path, &what);
                conflicts.push(Conflict { first, second, why });
            }
        }
    }
    conflicts
}

fn told(earlier: &Path, later: &Path, what: &str) -> String {
    format!("{} and {} both {what}", earlier.display(), later.display())
}

/// What both releases claim.
fn common(earlier: &Release, later: &Release) -> Option<String> {
    if earlier.key() == later.key() {
        return Some(format!("name the release {}", earlier.key()));
    }
    let files =
        [earlier, later].map(|release| release.traffic.file.as_ref().map(|file| &file.path));
    if let [Some(one), Some(other)] = files
        && one == other
    {
        return Some(format!("write the file {}", one.display()));
    }
    let host = earlier.traffic.hosts.iter().find(|host| later.traffic.hosts.contains(host))?;
    let path = earlier.traffic.paths.iter().find(|path| later.traffic.paths.contains(path))?;
    let why = in_the_way(earlier, later)?;
    Some(format!("claim the requests to {host} below {path}: {why}"))
}

/// Why a filter would leave the later release out where it has both.
fn in_the_way(earlier: &Release, later: &Release) -> Option<String> {
    let traffic = Traffic::new(Weight::ZERO, false, 0);
    let both = [earlier, later].map(|release| release.rollout(&traffic, &BTreeMap::new()));
    let document = Document::new(Revision::new(0), both.into());
    let parsed = serin_document::parse(document.to_json().as_bytes());
    match parsed.map(|parsed| Compiled::compile(parsed, None, &Environment::default())) {
        Ok(compiled) => compiled.left_out().first().map(|left_out| {
            let LeftOut { field, value, rule, .. } = left_out;
            format!("{field}: {value}: {rule}")
        }),
        Err(refused) => Some(refused.to_string()),
    }
}

#[cfg(test)]
mod tests;
