//! A real browser: Chromium without a window, driven by its own protocol.

mod page;
mod protocol;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tempfile::TempDir;

use crate::artifacts;
use crate::process::Process;
use crate::scratch::Scratch;
pub use page::{Barrier, Barriers, Page, Screen};
use protocol::Protocol;

/// A cold start on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Where the browser notes its port and the path of its protocol, in the folder of its profile.
const ADDRESS_FILE: &str = "DevToolsActivePort";

/// Without a window, a sandbox (which needs rights that a container lacks) or a graphics card, and
/// without asking anybody but the page's own server.
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
];

/// How long its helpers may take to end after it. They write into the profile until then.
const END_LIMIT: Duration = Duration::from_secs(5);

/// What `cargo xtask browser` found.
#[derive(Debug, Deserialize)]
struct Found {
    chromium: PathBuf,
    libraries: Vec<PathBuf>,
    axe: PathBuf,
}

/// A running browser with a profile of its own, which is gone with it.
#[derive(Debug)]
pub struct Browser {
    address: String,
    axe: String,
    process: Process,
    profile: TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Errors
    /// Where `cargo xtask browser` was not run, or it does not start.
    pub async fn start(scratch: &Scratch) -> Result<Self> {
        let found: Found = serde_json::from_slice(&std::fs::read(artifacts::browser()?)?)?;
        let axe = std::fs::read_to_string(&found.axe)
            .with_context(|| format!("reading {}", found.axe.display()))?;
        let profile = TempDir::with_prefix("serin-browser-")?;
        let mut args: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let libraries = std::env::join_paths(&found.libraries)?;
        let libraries = libraries.to_string_lossy();
        // What it puts aside elsewhere would stay there for ever.
        let aside = profile.path().to_string_lossy().into_owned();
        let mut variables = vec![("TMPDIR", aside.as_str()), ("XDG_CONFIG_HOME", aside.as_str())];
        if !libraries.is_empty() {
            variables.push(("LD_LIBRARY_PATH", &*libraries));
        }
        let mut process =
            Process::start_with("chromium", &found.chromium, args, &variables, scratch.path())?;
        let file = profile.path().join(ADDRESS_FILE);
        // It is written in one go, with both lines.
        let address = || std::fs::read_to_string(&file).ok().filter(|text| text.contains('\n'));
        process.ready(START_LIMIT, || async { address().is_some() }).await?;
        let address = address().context("the browser took its address back")?;
        let (port, path) = address.trim().split_once('\n').context("no port and path")?;
        let address = format!("ws://127.0.0.1:{port}{path}");
        Ok(Self { address, axe, process, profile })
    }

    /// A new, empty page.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn page(&self) -> Result<Page> {
        Page::new(Protocol::connect(&self.address).await?, self.axe.clone()).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // However it ends, its profile is to be gone.
        let _ = self.process.stop();
        let start = Instant::now();
        while std::fs::remove_dir_all(self.profile.path()).is_err()
            && self.profile.path().exists()
            && start.elapsed() < END_LIMIT
        {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_browser_leaves_nothing_behind() {
        let scratch = Scratch::new().unwrap();
        let browser = Browser::start(&scratch).await.unwrap();
        let mut page = browser.page().await.unwrap();
        let sum: u32 = page.ask("1 + 1").await.unwrap();
        let profile = browser.profile.path().to_owned();
        assert!(sum == 2 && profile.exists());
        drop(browser);
        assert!(!profile.exists());
    }
}
