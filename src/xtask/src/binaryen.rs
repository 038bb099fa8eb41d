//! wasm-opt of Binaryen: the machine's own, or Debian's package. It takes a tenth off the module
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

/// What makes it smaller, in this order; measured to take no more of the processor's time per request
/// than what optimises for speed.
const PASSES: [&str; 12] = [
    // Additions to an address go into the loads and stores: none can wrap around to the first
    // kilobyte, which is the far end of a stack that is nowhere near as deep.
    "--low-memory-unused",
    // Takes control flow apart and builds it anew, which the passes after it make more of.
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    // What is called most gets the lowest numbers, which are the shortest.
    "--reorder-functions",
    // What a function names often, such as where a table lies, it names by a local.
    "--const-hoisting",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
    // What is set and read at once need not go through a local. Any pass after these undoes it.
    "--generate-stack-ir",
    "--optimize-stack-ir",
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

/// What a module is made smaller by: the program's version, and what it is told.
pub(crate) fn recipe(wasm_opt: &Path) -> Result<String> {
    let version = process::output(Command::new(wasm_opt).arg("--version"))?;
    Ok(format!("{version}\n{}\n{}\n", FEATURES.join(" "), PASSES.join(" ")))
}

/// Writes a smaller module that does the same.
pub(crate) fn shrink(wasm_opt: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new(wasm_opt);
    command.args(FEATURES).args(PASSES);
    process::output(command.arg(from).arg("-o").arg(to))
        .with_context(|| format!("wasm-opt can't take \"{}\"", from.display()))?;
    Ok(())
}
