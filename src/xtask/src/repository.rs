//! Where the repository is, and the places in it that the steps share.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The root of the working copy that the command was started in.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// Asks cargo at run time: a path compiled in would be wrong after the folder has moved.
    pub(crate) fn find() -> Result<Self> {
        let manifest = process::output(cargo().args([
            "locate-project",
            "--workspace",
            "--message-format",
            "plain",
        ]))?;
        let root = Path::new(&manifest)
            .parent()
            .with_context(|| format!("no folder above \"{manifest}\""))?
            .to_path_buf();
        Ok(Self { root })
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below `target/`, where every step leaves what others read. It stays there even if
    /// `CARGO_TARGET_DIR` is set, so that the tests need to look at one place only.
    pub(crate) fn target(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// A cargo command that runs at the root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }
}

/// The cargo that started this program, so that a `+toolchain` holds for the steps too. What that one says
/// of this program, it is not told: a package that asks for such a variable (ring) would be built anew, and
/// all above it, each time that it is another way that the program is started.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let said = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(said)) {
        command.env_remove(name);
    }
    command
}
