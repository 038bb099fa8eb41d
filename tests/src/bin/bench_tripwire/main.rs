//! `make bench-tripwire`: how fast a proxy takes everyone off a canary that does gross harm, measured
//! on the real Envoy, and how rarely it does so for nothing, simulated from fixed seeds. Exit code 1
//! where either is missed.

mod measured;
mod simulated;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// Both parts, or the one that is named: `measured` or `simulated`, which takes another number of hours.
#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(missed) if missed.is_empty() => {
            println!("every row is reached");
            ExitCode::SUCCESS
        }
        Ok(missed) => {
            println!("{} rows are MISSED:", missed.len());
            for row in missed {
                println!("  {row}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench-tripwire: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it and gives the names of the rows that are missed.
async fn bench() -> Result<Vec<String>> {
    let part = std::env::args().nth(1);
    let mut missed = Vec::new();
    match part.as_deref() {
        None | Some("measured" | "simulated") => {}
        Some(other) => bail!("there is no part \"{other}\": measured, simulated, or both without"),
    }
    if part.as_deref() != Some("simulated") {
        missed.extend(measured::table().await?);
    }
    if part.as_deref() != Some("measured") {
        let hours = std::env::args().nth(2).map(|hours| hours.parse()).transpose()?;
        missed.extend(simulated::table(hours)?);
    }
    Ok(missed)
}
