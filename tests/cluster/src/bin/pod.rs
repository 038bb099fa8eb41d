//! What runs for a played pod: the test web application, as its image says.
//!
//! `pod PORT NAME IMAGE`. It ends when it is told to (SIGTERM), at once.

use anyhow::{Context as _, Result, bail};
use serin_cluster::image;
use serin_tests::webapp::WebApp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [port, name, image] = args.as_slice() else { bail!("pod PORT NAME IMAGE") };
    let port = port.parse().context("the port")?;
    let _app = WebApp::start(name, port, image::behaviour(image)?).await?;
    std::future::pending().await
}
