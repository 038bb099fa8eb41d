//! Where the tools' own programs lie.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serin_tests::artifacts;

/// The programs and files, as `cargo xtask gitops` left them.
#[derive(Debug, Deserialize)]
pub(super) struct Parts {
    /// Flux's controller that applies.
    #[serde(rename = "kustomize-controller")]
    pub(super) flux: PathBuf,
    /// Its custom resource.
    #[serde(rename = "flux-crds.yaml")]
    pub(super) flux_kinds: PathBuf,
    /// Argo CD's application controller.
    pub(super) argo: PathBuf,
    /// The custom resource for what it keeps as Git has it.
    #[serde(rename = "argo-application-crd.yaml")]
    pub(super) argo_application: PathBuf,
    /// The custom resource that says what it may.
    #[serde(rename = "argo-project-crd.yaml")]
    pub(super) argo_project: PathBuf,
}

impl Parts {
    /// Reads what `cargo xtask gitops` left.
    ///
    /// # Errors
    /// Where it was not run.
    pub(super) fn load() -> Result<Self> {
        let file = artifacts::root()?.join("target/gitops.json");
        let text = fs::read(&file)
            .with_context(|| format!("{} is missing: run `cargo xtask gitops`", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{}: run `cargo xtask gitops` again", file.display()))
    }
}
