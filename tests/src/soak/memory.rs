//! How much memory a process holds, and how much that grows.

use std::fs;

use anyhow::{Context as _, Result, ensure};

/// How much more there may be, as a share of what there was.
const MOST: f64 = 0.05;

/// Looks at the memory of one process, from a moment on.
#[derive(Debug)]
pub(super) struct Memory {
    process: u32,
    base: Option<f64>,
    highest: f64,
}

impl Memory {
    /// Of the process with this id.
    pub(super) fn of(process: u32) -> Self {
        Self { process, base: None, highest: 0.0 }
    }

    /// What is resident now, in MiB; `counts` says whether it is compared.
    pub(super) fn look(&mut self, counts: bool) -> Result<f64> {
        let file = format!("/proc/{}/status", self.process);
        let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: u32 = kib.context("no VmRSS")?.parse()?;
        let now = f64::from(kib) / 1024.0;
        if counts {
            self.base.get_or_insert(now);
            self.highest = self.highest.max(now);
        }
        Ok(now)
    }

    /// Fails where it has grown by more than a twentieth since it was first compared.
    pub(super) fn flat(&self) -> Result<String> {
        let base = self.base.context("no look at the memory")?;
        let growth = self.highest / base - 1.0;
        let said = format!(
            "{base:.1} MiB after a fifth, then at most {:.1} MiB ({:+.1} %)",
            self.highest,
            growth * 100.0
        );
        ensure!(growth <= MOST, "memory grew: {said}");
        Ok(said)
    }
}
