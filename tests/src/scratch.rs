//! A test's own folder for logs, configurations and state.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// A folder that is removed with the value, unless it was named.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Removes the folder when it is dropped; absent for a named one.
    _temporary: Option<TempDir>,
}

impl Scratch {
    /// A new folder, removed at the end.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("serin-").context("making a scratch folder")?;
        Ok(Self { path: folder.path().to_path_buf(), _temporary: Some(folder) })
    }

    /// An emptied folder at `path` that stays, for people to look into.
    ///
    /// # Errors
    /// Where it cannot be emptied or made.
    pub fn named(path: &Path) -> Result<Self> {
        if path.exists() {
            fs::remove_dir_all(path).with_context(|| format!("emptying {}", path.display()))?;
        }
        fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self { path: path.to_path_buf(), _temporary: None })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file into it and gives its path.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let file = self.path.join(name);
        fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
        Ok(file)
    }

    /// A folder inside of it.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }
}
