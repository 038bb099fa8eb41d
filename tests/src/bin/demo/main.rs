//! `make demo`: a canary goes from 5 % to 100 % on a real Envoy by the evidence of a real Prometheus,
//! a bad version is rolled back, and two that a fixed limit would condemn are not: one as noisy as
//! the version before, one with a broken client. A load of users runs through all of it, and every
//! answer is judged.
//!
//! Exit code 0 only if all held that Serin promises; the figures are left in
//! `target/demo/report.json`, the logs beside it.

mod acts;
mod application;
mod screen;
mod stage;
mod view;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serin_tests::demo::report;
use tokio::signal::unix::{SignalKind, signal};

use crate::screen::Screen;
use crate::stage::Stage;

const USAGE: &str = "usage: demo [--keep]

  --keep   leave everything running afterwards, until Ctrl-C, and print the addresses";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        [] => demo(false).await,
        ["--keep"] => demo(true).await,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        [application::ROLE, rest @ ..] => application::run(rest).await.map(|()| true),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\ndemo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All acts and, to be looked at, what they leave running; `true` where all held.
async fn demo(keep: bool) -> Result<bool> {
    let (mut stage, held) = until_signal(play()).await?.context("interrupted")?;
    if keep {
        stage.print_addresses();
        until_signal(acts::keep_playing(&mut stage)).await?;
    }
    Ok(held)
}

/// All acts and their figures; `true` where all held.
async fn play() -> Result<(Stage, bool)> {
    println!("Starting Envoy, Prometheus, two web applications and the controller …");
    let mut stage = Stage::set().await?;
    let mut screen = Screen::new();
    let ends = acts::play(&mut stage, &mut screen).await?;
    let figures = stage.figures(ends.second_us);
    let failed = report::failures(&figures, &ends);
    report::write(&stage.folder().join("report.json"), &figures, &ends, &failed)?;
    report::print(&figures, &ends, &failed);
    println!("figures: {}/report.json, logs beside it", stage.folder().display());
    Ok((stage, failed.is_empty()))
}

/// Runs `work` to its end, or to a signal: then there is no result, and all that it started has
/// ended with it.
async fn until_signal<T>(work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::select! {
        result = work => result.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    }
}
