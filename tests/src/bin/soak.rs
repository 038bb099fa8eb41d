//! `make soak`: 5 million hostile requests on the real Envoy by rollouts with all that a document may
//! say, then 500 changes of the filter's configuration and 500 of the source's document under such a
//! load. It ends with exit code 1 where a request is not served or memory grows. A percentage as
//! argument makes it that much shorter.

use std::time::Instant;

use anyhow::{Context as _, Result};
use serin_tests::soak::{self, Plan};

#[tokio::main]
async fn main() -> Result<()> {
    let percent = std::env::args().nth(1).map(|text| text.parse().context("a percentage"));
    let percent = percent.transpose()?.unwrap_or(100);
    let start = Instant::now();
    soak::run(Plan::percent(percent), |line| println!("soak: {line}")).await?;
    println!("soak: nothing failed in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
