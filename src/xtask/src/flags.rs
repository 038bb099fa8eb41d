//! The compiler's flags for what others install: its bytes are the same wherever it is built.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::repository::Repository;

/// The folders of this machine that panic messages would name, and what they name instead.
pub(crate) fn renamed(repository: &Repository) -> Vec<(PathBuf, &'static str)> {
    let mut renamed = vec![(repository.root().to_path_buf(), "serin")];
    renamed.extend(cargo_home().map(|home| (home, "cargo")));
    renamed
}

fn cargo_home() -> Option<PathBuf> {
    let home = |name| std::env::var_os(name).map(PathBuf::from);
    home("CARGO_HOME").or_else(|| home("HOME").map(|home| home.join(".cargo")))
}

/// What `CARGO_ENCODED_RUSTFLAGS` takes: these flags, and those that rename the folders.
pub(crate) fn encoded(flags: &[&str], renamed: &[(PathBuf, &str)]) -> Result<String> {
    let renaming = renamed.iter().map(|(from, to)| {
        let from = from.to_str().with_context(|| format!("\"{}\" is no UTF-8", from.display()))?;
        Ok(format!("--remap-path-prefix={from}={to}"))
    });
    let flags = flags.iter().map(|flag| Ok((*flag).to_owned()));
    // The unit separator is what cargo splits on: a path may hold a space.
    Ok(flags.chain(renaming).collect::<Result<Vec<_>>>()?.join("\u{1f}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_space_stays_one_flag() {
        let flags = encoded(&["-Cx"], &[("/a b".into(), "serin"), ("/c".into(), "cargo")]).unwrap();
        assert_eq!(
            flags,
            "-Cx\u{1f}--remap-path-prefix=/a b=serin\u{1f}--remap-path-prefix=/c=cargo"
        );
    }
}
