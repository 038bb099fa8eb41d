//! NGINX and `HAProxy`, for the tests of proxies that cannot run the filter: the machine's own, or
//! Debian's packages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::repository::Repository;
use crate::{apt, process};

/// A program, and where the libraries are that came with it.
#[derive(Debug, Serialize)]
struct Program {
    program: PathBuf,
    /// For `LD_LIBRARY_PATH`; empty where the system has them.
    libraries: String,
}

/// Fetches what is missing and writes `target/proxies.json`: each proxy with its program.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let proxies = BTreeMap::from([
        ("haproxy", find("haproxy", "HAPROXY_BIN", "-v")?),
        ("nginx", find("nginx", "NGINX_BIN", "-v")?),
    ]);
    let file = repository.target("proxies.json");
    fs::create_dir_all(repository.target(""))?;
    fs::write(&file, serde_json::to_vec_pretty(&proxies)?)
        .with_context(|| format!("unable to write \"{}\"", file.display()))
}

/// What the variable names, else what is on `PATH`, else Debian's package in the cache folder.
fn find(name: &str, variable: &str, version: &str) -> Result<Program> {
    let own = process::named_by(variable)?.or_else(|| process::find_on_path(name));
    if let Some(program) = own {
        return Ok(Program { program, libraries: String::new() });
    }
    let manual = format!("install it (`apt-get install {name}`), or set {variable} to it");
    let package = apt::unpack(name, &[name], &manual)?;
    let found =
        Program { program: package.join("usr/sbin").join(name), libraries: libraries(&package)? };
    let mut command = Command::new(&found.program);
    process::output(command.arg(version).env("LD_LIBRARY_PATH", &found.libraries))
        .with_context(|| format!("this machine can't run Debian's {name}: {manual}"))?;
    Ok(found)
}

/// The folders of libraries, one for each kind of machine (`usr/lib/x86_64-linux-gnu`).
fn libraries(package: &Path) -> Result<String> {
    let mut folders = Vec::new();
    for parent in ["lib", "usr/lib"].map(|parent| package.join(parent)) {
        if !parent.is_dir() {
            continue;
        }
        for entry in fs::read_dir(parent)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with("-linux-gnu") {
                folders.push(path.to_string_lossy().into_owned());
            }
        }
    }
    Ok(folders.join(":"))
}
