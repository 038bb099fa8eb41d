//! Debian packages, unpacked below the cache folder.
//!
//! Unpacking instead of installing needs no root, starts no service, and leaves the system's own
//! packages alone: `rustc-web` would otherwise replace `rustc`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cache, process};

/// Unpacks packages, each with what it depends on and the system lacks, into a cached folder,
/// or gives the one that is there. `manual` says what to do where apt is of no use.
pub(crate) fn unpack(name: &str, packages: &[&str], manual: &str) -> Result<PathBuf> {
    cache::get_or_fill(&format!("debian-{}-{name}", release()), |folder| {
        let has = |tool| process::find_on_path(tool).is_some();
        if !has("apt-get") || !has("dpkg-deb") {
            bail!("this machine has no apt-get: {manual}");
        }
        println!("setup: fetching {} from Debian", packages.join(" and "));
        fetch(folder, packages).with_context(|| {
            format!("unable to fetch {} from Debian: {manual}", packages.join(" and "))
        })
    })
}

/// The release's code name: after an upgrade of the machine the old packages may not run.
fn release() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.unwrap_or("unknown").trim_matches('"').to_owned()
}

fn fetch(folder: &Path, packages: &[&str]) -> Result<()> {
    let downloads = folder.join("downloads");
    fs::create_dir(&downloads)?;
    let state = cache::folder()?.join("apt");
    // The system's package lists may be empty or older than the mirror, and only root may renew
    // them: then a private copy below the cache folder serves.
    if download(&Lists::System, &downloads, packages).is_err() {
        let private = Lists::Private(state);
        private.update()?;
        download(&private, &downloads, packages)?;
    }
    for entry in fs::read_dir(&downloads)? {
        let package = entry?.path();
        process::output(Command::new("dpkg-deb").arg("-x").arg(&package).arg(folder))?;
    }
    fs::remove_dir_all(&downloads)?;
    Ok(())
}

fn download(lists: &Lists, downloads: &Path, packages: &[&str]) -> Result<()> {
    let plan = process::output(
        lists
            .apt_get()
            .args(["install", "--simulate", "--no-install-recommends"])
            .args(packages)
            .env("LC_ALL", "C"),
    )?;
    let mut names = to_install(&plan);
    for package in packages {
        // A package that is installed already is not in the plan.
        if !names.contains(package) {
            names.push(package);
        }
    }
    process::output(lists.apt_get().arg("download").args(names).current_dir(downloads))?;
    Ok(())
}

/// The names in the `Inst name (version …)` lines of a simulated installation.
fn to_install(plan: &str) -> Vec<&str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next()).collect()
}

/// Which package lists apt reads.
enum Lists {
    System,
    Private(PathBuf),
}

impl Lists {
    fn apt_get(&self) -> Command {
        let mut command = Command::new("apt-get");
        // Root's apt would download as a user who may not write to the cache folder.
        command.args(["-q", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"]);
        if let Self::Private(state) = self {
            for (key, folder) in [("Dir::State::Lists", "lists"), ("Dir::Cache", "cache")] {
                let mut option = OsString::from(format!("{key}="));
                option.push(state.join(folder));
                command.arg("-o").arg(option);
            }
        }
        command
    }

    fn update(&self) -> Result<()> {
        if let Self::Private(state) = self {
            for folder in ["lists/partial", "cache/archives/partial"] {
                fs::create_dir_all(state.join(folder))?;
            }
        }
        println!("setup: reading Debian's package lists");
        process::output(self.apt_get().arg("update"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_names_what_is_missing() {
        let plan = "Reading package lists...\n\
            Inst libllvm22 (1:22.1.8 Debian-Security:12 [amd64])\n\
            Inst rustc-web [1.85] (1.96 Debian-Security:12 [amd64])\n\
            Conf rustc-web (1.96 Debian-Security:12 [amd64])";
        assert_eq!(to_install(plan), ["libllvm22", "rustc-web"]);
    }
}
