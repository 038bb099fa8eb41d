//! Where the standard library for Wasm comes from: rustup, or Debian's compiler that builds it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{apt, cache, process};

/// The target that a proxy-wasm module is built for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Overrides the choice: `rustup` or `debian`.
pub(crate) const OVERRIDE: &str = "SERIN_WASM_TOOLCHAIN";

/// On a closed network rustup can hang instead of failing.
const RUSTUP_LIMIT: Duration = Duration::from_mins(3);

/// How long a failure of rustup is remembered, so that a closed network costs that time once.
const RUSTUP_RETRY: Duration = Duration::from_hours(24);

const MANUAL: &str = "give rustup a network (`rustup target add wasm32-unknown-unknown`), \
    or as root `apt-get install rustc-web rust-web-src`";

/// A compiler and a standard library for [`TARGET`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Toolchain {
    /// The toolchain in use has the target's standard library.
    Rustup {
        /// Its folder of that library.
        library: PathBuf,
    },
    /// Debian's compiler, and the standard library built from Debian's sources.
    Debian {
        /// The compiler.
        rustc: PathBuf,
        /// Where its shared libraries lie if not where the system looks.
        libraries: Option<PathBuf>,
        /// The sources of the standard library.
        sources: PathBuf,
        /// The linker, which comes from the host's toolchain.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Whether all that it needs is still there.
    pub(crate) fn exists(&self) -> bool {
        match self {
            Self::Rustup { library } => library.is_dir(),
            Self::Debian { rustc, sources, linker, .. } => {
                process::is_executable(rustc) && sources.is_dir() && process::is_executable(linker)
            }
        }
    }

    /// Its name in messages, and of the folder that keeps its build apart from another's.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rustup { .. } => "rustup",
            Self::Debian { .. } => "debian",
        }
    }
}

/// Finds a toolchain, or fetches one: rustup's, and Debian's when rustup can't.
pub(crate) fn find() -> Result<Toolchain> {
    match std::env::var(OVERRIDE).ok().as_deref() {
        None | Some("") => {}
        Some("rustup") => return rustup()?.context("rustup can't add the target: see above"),
        Some("debian") => return debian(),
        Some(other) => bail!("{OVERRIDE} is \"{other}\": set it to rustup or debian, or unset it"),
    }
    let failure = cache::folder()?.join("rustup-wasm-failed");
    if !has_target(&sysroot()?) && is_recent(&failure) {
        return debian();
    }
    if let Some(toolchain) = rustup()? {
        return Ok(toolchain);
    }
    fs::create_dir_all(cache::folder()?)?;
    fs::write(&failure, "rustup failed; delete this file to have it tried again before a day\n")?;
    debian()
}

fn is_recent(file: &Path) -> bool {
    let age = file.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
    matches!(age, Ok(Ok(age)) if age < RUSTUP_RETRY)
}

/// `None` if rustup is missing, fails or hangs.
fn rustup() -> Result<Option<Toolchain>> {
    let sysroot = sysroot()?;
    if !has_target(&sysroot) {
        if process::find_on_path("rustup").is_none() {
            println!("setup: no rustup to add {TARGET} with");
            return Ok(None);
        }
        println!("setup: rustup adds {TARGET} (at most {} s)", RUSTUP_LIMIT.as_secs());
        let mut add = Command::new("rustup");
        add.args(["target", "add", TARGET]);
        match process::status_within(&mut add, RUSTUP_LIMIT)? {
            Some(status) if status.success() => {}
            Some(status) => println!("setup: `rustup target add {TARGET}` failed ({status})"),
            None => println!("setup: `rustup target add {TARGET}` hung"),
        }
    }
    let library = library(&sysroot);
    Ok(library.is_dir().then_some(Toolchain::Rustup { library }))
}

fn sysroot() -> Result<PathBuf> {
    process::output(Command::new("rustc").args(["--print", "sysroot"])).map(PathBuf::from)
}

fn library(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET)
}

fn has_target(sysroot: &Path) -> bool {
    library(sysroot).is_dir()
}

fn debian() -> Result<Toolchain> {
    let linker = linker()?;
    let installed =
        process::succeeds(Command::new("dpkg").args(["-s", "rustc-web", "rust-web-src"]));
    let (root, libraries) = if installed {
        (PathBuf::from("/"), None)
    } else {
        let packages = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];
        let root = apt::unpack("rust-web", &packages, MANUAL)?;
        let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
        (root, Some(libraries))
    };
    let rustc = root.join("usr/bin/rustc");
    let mut ask = Command::new(&rustc);
    ask.args(["--print", "sysroot"]);
    if let Some(folder) = &libraries {
        ask.env("LD_LIBRARY_PATH", library_path(folder));
    }
    let sysroot = process::output(&mut ask)
        .with_context(|| format!("Debian's compiler doesn't run: {MANUAL}"))?;
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library");
    if !sources.is_dir() {
        bail!("Debian's compiler has no sources at \"{}\": {MANUAL}", sources.display());
    }
    Ok(Toolchain::Debian { rustc, libraries, sources, linker })
}

/// `rust-lld` of the host's toolchain: Debian's compiler brings no linker for Wasm.
fn linker() -> Result<PathBuf> {
    let host = host()?;
    let linker = sysroot()?.join("lib/rustlib").join(host).join("bin/rust-lld");
    if !process::is_executable(&linker) {
        bail!("the Rust toolchain has no \"{}\": install Rust by rustup", linker.display());
    }
    Ok(linker)
}

/// The target that the compiler itself runs on.
pub(crate) fn host() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

/// `LD_LIBRARY_PATH` with the folder before what it holds already.
pub(crate) fn library_path(folder: &Path) -> OsString {
    let mut path = folder.as_os_str().to_owned();
    if let Some(rest) = std::env::var_os("LD_LIBRARY_PATH").filter(|rest| !rest.is_empty()) {
        path.push(":");
        path.push(rest);
    }
    path
}
