//! The controller's image: one static program that runs as nobody in particular, and what it
//! reads of a system.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::authorities;
use super::image::{Image, Platform};
use super::layer::{self, Entry};
use crate::repository::Repository;
use crate::{controller, toolchain};

/// In numbers, since Kubernetes can't tell of a name whether it is root's.
const USER: &str = "65532:65532";

/// Names are looked up in the pod's `hosts` file and by DNS; whatever else glibc might ask would
/// have to be loaded, and there is nothing to load.
const NAME_SERVICES: &[u8] = b"hosts: files dns\n";
const USERS: &[u8] = b"root:x:0:0::/:/\nserin:x:65532:65532::/:/\n";
const GROUPS: &[u8] = b"root:x:0:\nserin:x:65532:\n";

pub(super) fn image(repository: &Repository) -> Result<Image> {
    let program = program(repository)?;
    let licence = fs::read(repository.root().join("LICENSE")).context("reading LICENSE")?;
    let layer = layer::archive(vec![
        Entry::file("LICENSE", &licence),
        Entry::folder("etc/"),
        Entry::file("etc/group", GROUPS),
        Entry::file("etc/nsswitch.conf", NAME_SERVICES),
        Entry::file("etc/passwd", USERS),
        Entry::folder("etc/ssl/"),
        Entry::folder("etc/ssl/certs/"),
        Entry::file("etc/ssl/certs/ca-certificates.crt", authorities::bundle().as_bytes()),
        Entry::program("serin", &program),
        Entry::scratch("tmp/"),
    ])?;
    Ok(Image {
        layer,
        platform: Platform { architecture: architecture()?, os: "linux" },
        config: json!({"User": USER, "Entrypoint": ["/serin"], "WorkingDir": "/"}),
        annotations: vec![],
        description: "Serin's controller",
    })
}

/// The program that `cargo xtask controller` builds.
fn program(repository: &Repository) -> Result<Vec<u8>> {
    let host = toolchain::host()?;
    if !controller::is_static(&host) {
        bail!("the controller's image is built on Linux with glibc, and this is {host}");
    }
    let place = controller::run(repository)?;
    fs::read(&place).with_context(|| format!("reading \"{}\"", place.display()))
}

/// Go's name of this machine's kind of processor.
fn architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("no image for {other}: only for x86_64 and aarch64"),
    }
}
