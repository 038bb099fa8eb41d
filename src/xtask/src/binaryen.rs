//! wasm-opt of Binaryen: the machine's own, or Debian's package. It takes a twentieth off the module
//! that the compiler leaves.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{apt, process};

const MANUAL: &str = "install Binaryen (`apt-get install binaryen`), \
    or set WASM_OPT_BIN to its wasm-opt";

/// Overrides the choice.
pub(crate) const OVERRIDE: &str = "WASM_OPT_BIN";

/// What the compiler takes for granted in a proxy. Older releases of wasm-opt refuse a module that
/// uses what they were not told of.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// `WASM_OPT_BIN`, else what is on `PATH`, else Debian's package in the cache folder.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(path) = process::named_by(OVERRIDE)? {
        return Ok(path);
    }
    if let Some(path) = process::find_on_path("wasm-opt") {
        return Ok(path);
    }
    let package = apt::unpack("binaryen", &["binaryen"], MANUAL)?;
    let path = package.join("usr/bin/wasm-opt");
    process::output(Command::new(&path).arg("--version"))
        .with_context(|| format!("this machine can't run Debian's wasm-opt: {MANUAL}"))?;
    Ok(path)
}

/// Writes a smaller module that does the same.
pub(crate) fn shrink(wasm_opt: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new(wasm_opt);
    command.args(FEATURES).args(["-Oz", "--strip-debug", "--strip-producers"]);
    process::output(command.arg(from).arg("-o").arg(to))
        .with_context(|| format!("wasm-opt can't take \"{}\"", from.display()))?;
    Ok(())
}
