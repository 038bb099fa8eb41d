//! How the fuzz targets are compiled.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repository::Repository;

/// What `cargo fuzz` gives the compiler, the sanitizers apart: a counter for each branch, the table
/// that says where it is, and a look at what is compared.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

pub(super) fn manifest(repository: &Repository) -> PathBuf {
    repository.root().join("tests/fuzz/Cargo.toml")
}

/// A cargo command on the targets, in a target folder of their own: others would be thrown away.
pub(super) fn cargo(repository: &Repository, subcommand: &str) -> Result<Command> {
    let mut cargo = repository.cargo();
    cargo.args([subcommand, "--quiet", "--release", "--target", &host()?]);
    cargo.arg("--manifest-path").arg(manifest(repository));
    cargo.arg("--target-dir").arg(repository.target("fuzz"));
    cargo.env_remove("RUSTFLAGS");
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    Ok(cargo)
}

/// Where the built targets lie.
pub(super) fn folder(repository: &Repository) -> Result<PathBuf> {
    Ok(repository.target("fuzz").join(host()?).join("release"))
}

/// Named, so that the flags are not for build scripts and macros, which run without libFuzzer.
fn host() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}
