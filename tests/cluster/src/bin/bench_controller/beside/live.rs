//! What an Envoy routes by at present.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::Method;
use serin_tests::clock::now_us;
use serin_tests::envoy::Admin;
use serin_tests::http::{Connection, request};
use tokio::time::sleep;

/// A small part of what is measured, and Envoy's main thread has to answer each.
const POLL: Duration = Duration::from_millis(3);
/// Istiod takes a tenth of a second.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits until no route leads to a cluster any more, or one does, and gives the time.
pub(crate) async fn until(proxy: Admin, cluster: &str, routed: bool) -> Result<u64> {
    let start = Instant::now();
    let mut connection = Connection::to(proxy.port()).await?;
    loop {
        let path = "/config_dump?resource=dynamic_route_configs";
        let answer = connection.send(request(Method::GET, path, &[], "")?, LIMIT).await?;
        ensure!(answer.status == 200, "envoy's configuration: {}", answer.status);
        if answer.text().contains(cluster) == routed {
            return Ok(now_us());
        }
        ensure!(start.elapsed() < LIMIT, "{cluster} is still {routed} after {LIMIT:?}");
        sleep(POLL).await;
    }
}
