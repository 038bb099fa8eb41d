//! Builds the controller to `target/release/serin`: one static program, in images too.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::repository::Repository;
use crate::{flags, process, toolchain};

const PACKAGE: &str = "serin-controller";

/// Where cargo itself would leave it, and where tests and people look for it.
pub(crate) const PLACE: &str = "release/serin";

/// How it is built.
const PROFILE: &str = "program";

/// Builds the program for this machine's kind of processor, and replaces the file only where its
/// bytes differ.
///
/// With glibc it has all that it needs inside, and runs on any Linux and in an empty image. Its
/// static library looks names up by files and DNS without loading anything (from 2.34 on), so the
/// target of the installed toolchain does, and no other libc has to be fetched.
pub(crate) fn run(repository: &Repository) -> Result<PathBuf> {
    let host = toolchain::host()?;
    let folder = repository.target("controller");
    let place = repository.target(PLACE);
    let mut cargo = repository.cargo();
    cargo.args(["build", "--quiet", "--locked", "--profile", PROFILE, "--package", PACKAGE]);
    // Named, so that the flags are the program's alone, and not those of what builds it.
    cargo.args(["--target", &host]).arg("--target-dir").arg(&folder);
    let linked: &[&str] = if is_static(&host) { &["-Ctarget-feature=+crt-static"] } else { &[] };
    let encoded = flags::encoded(linked, &flags::renamed(repository))?;
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", encoded);
    process::run(&mut cargo)?;
    let built = folder.join(&host).join(PROFILE).join("serin");
    let program =
        fs::read(&built).with_context(|| format!("the build left no \"{}\"", built.display()))?;
    if !fs::read(&place).is_ok_and(|present| present == program) {
        let folder = place.parent().context("a place without a folder")?;
        fs::create_dir_all(folder)?;
        // A program that runs cannot be written over; it can be replaced.
        let scratch = place.with_extension("part");
        fs::copy(&built, &scratch)?;
        fs::rename(&scratch, &place)
            .with_context(|| format!("unable to write \"{}\"", place.display()))?;
    }
    Ok(place)
}

/// Whether the program of this kind of machine needs nothing of the system that it runs on.
pub(crate) fn is_static(host: &str) -> bool {
    host.ends_with("-linux-gnu")
}
