//! History for a Prometheus, as if it had scraped it: made by its own tool from `OpenMetrics` text.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::artifacts::Setup;

/// The longest block that is made. The tool goes over the text once for each block.
const BLOCK: &str = "60h";

/// Makes a database in `data` of the `OpenMetrics` text in `file`, which must end with `# EOF` and
/// stamp its samples in seconds since 1970. To be done before Prometheus is started on it.
///
/// # Errors
/// Where the tool refuses the text.
pub fn backfill(file: &Path, data: &Path) -> Result<()> {
    let made = Command::new(Setup::load()?.promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(format!("--max-block-duration={BLOCK}"))
        .args([file, data])
        .output()
        .context("running promtool")?;
    ensure!(made.status.success(), "promtool: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}
