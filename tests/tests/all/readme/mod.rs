//! README says what is so: its tables of fields and options against what `serin` itself names, its
//! examples against what `serin` makes of them, its links against the files that are there.

mod examples;
mod fields;
mod options;
mod pages;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use serin_tests::artifacts;

/// The tables under `<!-- kind: what -->`, each with its `what`.
fn tables<'a>(text: &'a str, kind: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let start = format!("<!-- {kind}: ");
    let parts: Vec<&str> = text.split(start.as_str()).skip(1).collect();
    parts.into_iter().filter_map(|part| {
        let (marker, rest) = part.split_once(" -->\n")?;
        Some((marker, rest.split("\n\n").next()?))
    })
}

/// The names in a table's first column, below its heading.
fn first_column(table: &str) -> BTreeSet<String> {
    let rows = table.lines().skip(2);
    rows.filter_map(|row| row.split('`').nth(1)).map(str::to_owned).collect()
}

fn serin(arguments: &[&str]) -> Result<Output> {
    serin_in(Path::new("."), arguments)
}

fn serin_in(folder: &Path, arguments: &[&str]) -> Result<Output> {
    // Neither colours nor the caller's own controller.
    let mut command = Command::new(artifacts::serin()?);
    command.current_dir(folder).args(arguments).env("NO_COLOR", "1").env_remove("SERIN_SERVER");
    command.output().context("running serin")
}

fn succeeds(arguments: &[&str]) -> Result<String> {
    succeeds_in(Path::new("."), arguments)
}

fn succeeds_in(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = serin_in(folder, arguments)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "serin {arguments:?}: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}
