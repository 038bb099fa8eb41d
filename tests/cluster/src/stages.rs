//! How kwok plays nodes and pods: by its own files, but that a pod may be stuck.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serin_tests::scratch::Scratch;

use crate::image::STUCK;
use crate::parts::Parts;

/// Where a stage lists what it wants of an object.
const WANTED: &str = "    matchExpressions:\n";

/// The files that kwok is given.
pub(crate) fn files(parts: &Parts, scratch: &Scratch) -> Result<[PathBuf; 4]> {
    let ready = &parts.pod_ready;
    let text = fs::read_to_string(ready).with_context(|| format!("{}", ready.display()))?;
    ensure!(text.contains(WANTED), "{} wants nothing of a pod", ready.display());
    let not_stuck = format!(
        "{WANTED}    - key: '.spec.containers.[].image | contains(\"{STUCK}\")'\n      \
           operator: NotIn\n      values: ['true']\n"
    );
    let ready = scratch.write("pod-ready.yaml", text.replacen(WANTED, &not_stuck, 1))?;
    let Parts { node_initialize, pod_complete, pod_delete, .. } = parts.clone();
    Ok([node_initialize, ready, pod_complete, pod_delete])
}
