//! The file with the keys: the JSON that the filter takes as `testerKeys` or from its environment.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serin_document::TesterKeys;

/// Where the keys are.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct KeyFile {
    /// File with the keys, as `serin token key` prints them.
    #[arg(long, env = "SERIN_TESTER_KEY_FILE", value_name = "FILE")]
    key_file: PathBuf,
}

impl KeyFile {
    pub(super) fn read(&self) -> anyhow::Result<TesterKeys> {
        read(&self.key_file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.key_file
    }
}

/// Reads the keys; no error shows one.
pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<TesterKeys> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    TesterKeys::read(&text, "keys").map_err(|fault| anyhow!("{}: {fault}", path.display()))
}
