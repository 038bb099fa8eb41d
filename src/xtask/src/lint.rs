//! All checks that run no code of the product.

use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repository::Repository;
use crate::toolchain::Toolchain;
use crate::wasm::{self, Flavour, Warnings};
use crate::{deny, fuzz, layers, setup};

/// Runs the checks, the quick ones first.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    component("rustfmt", "fmt")?;
    component("clippy", "clippy")?;
    process::run(repository.cargo().args(["fmt", "--all", "--check"]))
        .context("the formatting differs: run `cargo fmt --all`")?;
    layers::run(repository)?;
    println!("lint: clippy on all crates (minutes the first time, then seconds)");
    process::run(
        repository
            .cargo()
            .args(["clippy", "--quiet", "--workspace", "--all-targets", "--locked"])
            .args(["--", "--deny", "warnings"]),
    )?;
    module(repository)?;
    fuzz::lint(repository)?;
    deny::check(repository)
}

/// The filter again, for the target it is made for: code for that target alone is not seen above.
fn module(repository: &Repository) -> Result<()> {
    let toolchain = setup::run(repository)?.wasm;
    match toolchain {
        Toolchain::Rustup { .. } => Flavour::ALL.into_iter().try_for_each(|flavour| {
            process::run(
                wasm::cargo(repository, &toolchain, "clippy", wasm::PACKAGE)?
                    .args(flavour.features())
                    .args(["--quiet", "--", "--deny", "warnings"]),
            )
        }),
        // Debian's compiler comes without clippy.
        Toolchain::Debian { .. } => wasm::build(repository, Warnings::Deny),
    }
}

/// Adds a component that a minimal toolchain is without.
fn component(name: &str, subcommand: &str) -> Result<()> {
    if process::succeeds(Command::new("cargo").args([subcommand, "--version"])) {
        return Ok(());
    }
    println!("lint: rustup adds {name}");
    process::output(Command::new("rustup").args(["component", "add", name]))
        .with_context(|| format!("cargo has no {name}, and rustup can't add it"))?;
    Ok(())
}
