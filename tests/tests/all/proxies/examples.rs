//! The examples' releases are accepted as they stand.

use std::process::Command;

use anyhow::{Result, ensure};
use serin_tests::artifacts;

#[test]
fn the_release_of_every_example_is_accepted_without_a_warning() -> Result<()> {
    for folder in ["nginx", "haproxy", "traefik"] {
        let release = artifacts::root()?.join(folder).join("release.yaml");
        let output = Command::new(artifacts::serin()?).arg("check").arg(&release).output()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        ensure!(output.status.success() && !said.contains("warning"), "{folder}: {said}");
    }
    Ok(())
}
