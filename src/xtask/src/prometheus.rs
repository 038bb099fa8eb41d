//! Prometheus and promtool: the machine's own, or Debian's package.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apt, process};

const MANUAL: &str = "install Prometheus (`apt-get install prometheus`), \
    or set PROMETHEUS_BIN to a binary that has promtool beside it";

/// The two programs, which are of one version.
pub(crate) struct Prometheus {
    pub(crate) server: PathBuf,
    pub(crate) promtool: PathBuf,
}

/// `PROMETHEUS_BIN`, else what is on `PATH`, else Debian's package in the cache folder.
pub(crate) fn find() -> Result<Prometheus> {
    if let Some(path) = std::env::var_os("PROMETHEUS_BIN").map(PathBuf::from) {
        return with_promtool(path.clone()).with_context(|| {
            format!("PROMETHEUS_BIN is set to \"{}\", which is of no use", path.display())
        });
    }
    if let Some(found) = process::find_on_path("prometheus").and_then(|p| with_promtool(p).ok()) {
        return Ok(found);
    }
    let package = apt::unpack("prometheus", &["prometheus"], MANUAL)?;
    let found = with_promtool(package.join("usr/bin/prometheus"))?;
    process::output(Command::new(&found.server).arg("--version"))
        .with_context(|| format!("this machine can't run Debian's Prometheus: {MANUAL}"))?;
    Ok(found)
}

fn with_promtool(server: PathBuf) -> Result<Prometheus> {
    let promtool = server.with_file_name("promtool");
    for program in [&server, &promtool] {
        if !process::is_executable(program) {
            bail!("\"{}\" is no executable file: {MANUAL}", program.display());
        }
    }
    Ok(Prometheus { server, promtool })
}
