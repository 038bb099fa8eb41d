//! Valgrind, for counting instructions: the machine's own, or Debian's package.

use std::path::PathBuf;

use anyhow::Result;

use crate::{apt, process};

const MANUAL: &str = "install Valgrind (`apt-get install valgrind`), or set VALGRIND_BIN to it";

/// Overrides the choice.
pub(crate) const OVERRIDE: &str = "VALGRIND_BIN";

/// `VALGRIND_BIN`, else what is on `PATH`, else Debian's package in the cache folder.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(path) = process::named_by(OVERRIDE)? {
        return Ok(path);
    }
    if let Some(path) = process::find_on_path("valgrind") {
        return Ok(path);
    }
    Ok(apt::unpack("valgrind", &["valgrind"], MANUAL)?.join("usr/bin/valgrind"))
}
