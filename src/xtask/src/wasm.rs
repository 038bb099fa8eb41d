//! Builds the filter to `target/serin.wasm`, and with tripwires to `target/serin-tripwire.wasm`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::repository::Repository;
use crate::toolchain::{self, TARGET, Toolchain};
use crate::{binaryen, flags, setup};

pub(crate) const PACKAGE: &str = "serin-module";
const COMPARED: &str = "serin-bench-modules";
const PROFILE: &str = "wasm";

/// What the module is built with, and the file that it is built to.
const MODULES: [(Flavour, &str); 2] =
    [(Flavour::Plain, "serin.wasm"), (Flavour::Tripwire, "serin-tripwire.wasm")];

/// What the module is built with: features that others should not pay for make another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    Plain,
    Tripwire,
}

impl Flavour {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Tripwire];

    pub(crate) const fn features(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["--no-default-features"],
            Self::Tripwire => &["--no-default-features", "--features", "tripwire"],
        }
    }
}

/// Builds the modules, and replaces a file only when its bytes differ.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    build(repository, Warnings::Show)
}

/// What a warning means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warnings {
    Show,
    Deny,
}

/// Builds the module; with [`Warnings::Deny`] a warning is an error. Cargo repeats the warnings
/// of a crate that it need not build again, so nothing is built twice to see them.
pub(crate) fn build(repository: &Repository, warnings: Warnings) -> Result<()> {
    let setup = setup::run(repository)?;
    let toolchain = setup.wasm;
    let folder = target_folder(repository, &toolchain);
    if !folder.exists() {
        println!("wasm: first build, takes about a minute");
    }
    for (flavour, name) in MODULES {
        build_one(repository, &toolchain, flavour, warnings)?;
        let built = folder.join(TARGET).join(PROFILE).join("serin_module.wasm");
        publish(&built, &setup.wasm_opt, &repository.target(name))?;
    }
    Ok(())
}

fn build_one(
    repository: &Repository,
    toolchain: &Toolchain,
    flavour: Flavour,
    warnings: Warnings,
) -> Result<()> {
    let mut cargo = cargo(repository, toolchain, "build", PACKAGE)?;
    cargo.args(flavour.features());
    cargo.args(["--quiet", "--message-format", "json"]);
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("unable to start cargo")?;
    let count = show_diagnostics(&String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        bail!("{PACKAGE} doesn't build for {TARGET}: see above");
    }
    if warnings == Warnings::Deny && count > 0 {
        bail!("warnings in the build of {PACKAGE} for {TARGET}: {count}, see above");
    }
    Ok(())
}

/// Builds the modules that the filter's cost is compared with to `target/modules`, as the linker
/// leaves them.
pub(crate) fn modules(repository: &Repository) -> Result<()> {
    let toolchain = setup::run(repository)?.wasm;
    let mut cargo = cargo(repository, &toolchain, "build", COMPARED)?;
    cargo.args(["--quiet", "--examples"]);
    if !cargo.stdin(Stdio::null()).status().context("unable to start cargo")?.success() {
        bail!("{COMPARED} doesn't build for {TARGET}: see above");
    }
    let built = target_folder(repository, &toolchain).join(TARGET).join(PROFILE).join("examples");
    let place = repository.target("modules");
    fs::create_dir_all(&place)?;
    for name in ["calls.wasm", "empty.wasm", "raw.wasm", "sdk.wasm"] {
        fs::copy(built.join(name), place.join(name))
            .with_context(|| format!("the build left no \"{name}\""))?;
    }
    Ok(())
}

/// A cargo command on a package for the Wasm target, with the toolchain's environment.
pub(crate) fn cargo(
    repository: &Repository,
    toolchain: &Toolchain,
    subcommand: &str,
    package: &str,
) -> Result<Command> {
    let mut cargo = repository.cargo();
    cargo.arg(subcommand).args(["--package", package, "--profile", PROFILE, "--target", TARGET]);
    cargo.arg("--target-dir").arg(target_folder(repository, toolchain));
    // Flags that are meant for the host, a faster linker for instance, would break this build.
    cargo.env_remove("RUSTFLAGS");
    let mut renamed = flags::renamed(repository);
    if let Toolchain::Debian { rustc, libraries, sources, linker } = toolchain {
        cargo.arg("-Zbuild-std=std,panic_abort");
        // Debian's compiler is a stable one; this lets it take cargo's unstable flag.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        cargo.env("RUSTC", rustc);
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        if let Some(folder) = libraries {
            cargo.env("LD_LIBRARY_PATH", toolchain::library_path(folder));
        }
        renamed.push((sources.clone(), "rust"));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags::encoded(&SMALL, &renamed)?);
    Ok(cargo)
}

/// Kept apart by toolchain and from the host's: the two would throw away each other's files.
fn target_folder(repository: &Repository, toolchain: &Toolchain) -> PathBuf {
    repository.target("wasm").join(toolchain.name())
}

/// What makes the module smaller.
const SMALL: [&str; 3] = [
    // SHA-256 as a loop and not written out: 7 kB less, and only testers' tokens and lists of users
    // ever wait for it.
    "--cfg=sha2_backend=\"soft\"",
    "--cfg=sha2_backend_soft=\"compact\"",
    // Half of the compiler's stack, of which documents as deep as they may be use a fraction: the
    // data comes after it, at addresses that are a byte shorter wherever they stand in the code.
    "-Clink-arg=-zstack-size=524288",
];

#[derive(Deserialize)]
struct Message {
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
    /// Empty in the closing line, which only counts the others.
    spans: Vec<serde_json::Value>,
}

/// Prints what the compiler has to say and gives the number of warnings.
fn show_diagnostics(output: &str) -> usize {
    let diagnostics =
        output.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok()?.message);
    let mut warnings = 0;
    for diagnostic in diagnostics {
        if let Some(text) = &diagnostic.rendered {
            eprint!("{text}");
        }
        warnings += usize::from(diagnostic.level == "warning" && !diagnostic.spans.is_empty());
    }
    warnings
}

/// Writes the module, as small as it can be, if it differs: an unchanged file keeps its time, and what watches it rests.
fn publish(built: &Path, wasm_opt: &Path, place: &Path) -> Result<()> {
    let bytes =
        fs::read(built).with_context(|| format!("the build left no \"{}\"", built.display()))?;
    let Some(name) = place.file_name() else { bail!("\"{}\" is no file", place.display()) };
    // What is made of the same bytes in the same way is the same, and wasm-opt takes seconds.
    let made_of = [binaryen::recipe(wasm_opt)?.as_bytes(), &bytes].concat();
    let known = place.with_extension("made-of");
    if place.exists() && fs::read(&known).is_ok_and(|known| known == made_of) {
        return Ok(());
    }
    let scratch = place.with_extension("wasm.part");
    binaryen::shrink(wasm_opt, built, &scratch)?;
    let size = fs::metadata(&scratch)?.len();
    fs::rename(&scratch, place)
        .with_context(|| format!("unable to write \"{}\"", place.display()))?;
    fs::write(&known, made_of)?;
    println!("wasm: target/{}, {} kB", name.to_string_lossy(), size.div_ceil(1000));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_counted_and_other_messages_are_not() {
        let output = concat!(
            r#"{"reason":"compiler-artifact","filenames":[]}"#,
            "\n",
            r#"{"reason":"compiler-message","message":{"level":"warning","rendered":"","spans":[{}]}}"#,
            "\n",
            r#"{"reason":"compiler-message","message":{"level":"warning","rendered":"","spans":[]}}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(show_diagnostics(output), 1);
    }
}
