//! What the filter takes besides time per request: memory, and time to start.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::{answering, artifacts};

use crate::variants;

/// Until what a start leaves behind has been given back.
const SETTLE: Duration = Duration::from_secs(2);

/// An Envoy with so many workers, without and with the filter with all its rollouts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Footprint {
    pub(crate) workers: u32,
    pub(crate) without: Taken,
    pub(crate) with: Taken,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Taken {
    /// Resident memory, in bytes.
    pub(crate) memory: u64,
    /// From the start of the process until it takes requests, in seconds.
    pub(crate) start: f64,
}

pub(crate) async fn measure(workers: u32, scratch: &Scratch) -> Result<Footprint> {
    let ours = answering::wasm(&artifacts::module()?, &variants::full(true));
    Ok(Footprint {
        workers,
        without: start(&format!("without-{workers}"), None, workers, scratch).await?,
        with: start(&format!("with-{workers}"), Some(ours), workers, scratch).await?,
    })
}

async fn start(
    name: &str,
    filter: Option<Value>,
    workers: u32,
    scratch: &Scratch,
) -> Result<Taken> {
    let begun = Instant::now();
    let configuration = answering::configuration(name, filter);
    let mut envoy = Envoy::start_with(name, &configuration, scratch, workers).await?;
    let start = begun.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    Ok(Taken { memory: envoy.process().resident()?, start })
}
