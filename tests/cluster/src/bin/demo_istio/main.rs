//! `make demo-istio`: the acts of `make demo` on a real Kubernetes API server, Deployment controller
//! and istiod, where people only set images and what follows is the controller's: it moves the six
//! weights of a `VirtualService` and the `WasmPlugin`'s document, scales the canary and promotes.
//! `kubectl serin get --watch` shows it.
//!
//! Exit code 0 only if all held that Serin promises; the figures are left in
//! `target/demo-istio/report.json`.

mod acts;
mod stage;
mod view;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serin_tests::artifacts;
use serin_tests::demo::report;
use serin_tests::scratch::Scratch;
use tokio::signal::unix::{SignalKind, signal};

use crate::stage::Stage;
use crate::view::View;

#[tokio::main]
async fn main() -> ExitCode {
    match until_signal().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\ndemo-istio: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays to the end or to a signal: then all that was started has ended as well.
async fn until_signal() -> Result<bool> {
    if std::env::args().len() > 1 {
        bail!("usage: demo_istio");
    }
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::select! {
        held = play() => held,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

/// All acts and their figures; `true` where all held.
async fn play() -> Result<bool> {
    println!(
        "Starting Kubernetes, istiod, two Envoys, Prometheus, a process for each pod and the \
         controller …"
    );
    let scratch = Scratch::named(&artifacts::root()?.join("target/demo-istio"))?;
    let cluster = Stage::cluster().await?;
    let mut stage = Stage::set(&cluster).await?;
    let mut view = View::open(&stage.released)?;
    let ends = acts::play(&mut stage, &mut view).await?;
    let figures = stage.figures(ends.second_us);
    let notes = view.close();
    let failed = report::failures(&figures, &ends);
    report::write(&scratch.path().join("report.json"), &figures, &ends, &failed)?;
    println!("\n{notes}");
    report::print(&figures, &ends, &failed);
    println!("figures: {}/report.json", scratch.path().display());
    Ok(failed.is_empty())
}
