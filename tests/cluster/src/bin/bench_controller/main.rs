//! `make bench-controller`: the controller beside Flagger, on one API server, Prometheus and Envoy;
//! and with 10, 100 and 1,000 releases. Prints tables, writes `target/bench/controller.json`, and ends
//! with exit code 1 where a goal is missed.

mod beside;
mod goals;
mod routes;
mod scale;
mod spread;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use serin_tests::artifacts;
use tokio::signal::unix::{SignalKind, signal};

use crate::goals::Goals;

const USAGE: &str = "usage: bench_controller [flagger|scale] [RELEASES…]

  flagger  only beside Flagger
  scale    only with many releases; with these numbers of them instead of 10, 100 and 1000";

/// How many releases one controller is given.
const RELEASES: [usize; 3] = [10, 100, 1_000];

#[tokio::main]
async fn main() -> ExitCode {
    match until_signal().await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            println!("{missed} of the goals are missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench-controller: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it to its end or to a signal; then all that it started has ended with it.
async fn until_signal() -> Result<usize> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::select! {
        missed = bench() => missed,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

/// Gives the number of goals that are missed.
async fn bench() -> Result<usize> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut goals = Goals::default();
    let mut report = Map::new();
    let (first, rest) = match arguments.split_first() {
        None => (None, &[][..]),
        Some((first, rest)) => (Some(first.as_str()), rest),
    };
    let sizes: Vec<usize> = match rest {
        [] => RELEASES.to_vec(),
        given => given.iter().map(|it| it.parse()).collect::<Result<_, _>>().context(USAGE)?,
    };
    if matches!(first, None | Some("flagger")) {
        report.insert("flagger".to_owned(), beside::run(&mut goals).await?);
    }
    if matches!(first, None | Some("scale")) {
        report.insert("scale".to_owned(), scale::run(&sizes, &mut goals).await?);
    }
    if report.is_empty() {
        bail!(USAGE);
    }
    let missed = goals.print();
    report.insert("goals".to_owned(), serde_json::to_value(&goals)?);
    report.insert("cores".to_owned(), std::thread::available_parallelism()?.get().into());
    write(&Value::Object(report))?;
    Ok(missed)
}

fn write(report: &Value) -> Result<()> {
    let folder = artifacts::root()?.join("target/bench");
    fs::create_dir_all(&folder)?;
    let file = folder.join("controller.json");
    fs::write(&file, format!("{report:#}\n"))
        .with_context(|| format!("writing {}", file.display()))?;
    println!("\nwritten to target/bench/controller.json");
    Ok(())
}

/// Says what goes on, with the time of day.
fn say(what: &str) {
    let seconds = serin_tests::clock::now_us() / 1_000_000 % 86_400;
    println!("{:02}:{:02}:{:02} {what}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
}
