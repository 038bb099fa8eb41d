//! What the pods' applications have answered, by their own account: for mirrored requests nobody else
//! knows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use http_body_util::Full;
use hyper::Response;
use serin_tests::http;
use serin_tests::serve::Server;
use serin_tests::webapp::Counts;

use crate::pods::Pods;

/// A page of metrics for a Prometheus: `shop_requests_total` by pod, side (the pod's label `version`)
/// and code.
#[derive(Debug)]
pub struct Page {
    server: Server,
}

impl Page {
    /// Serves the page on a free port.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn serve(pods: Arc<Pods>) -> Result<Self> {
        let answer = move |_| {
            let pods = Arc::clone(&pods);
            async move { Response::new(Full::new(page(&pods).await.into())) }
        };
        Ok(Self { server: Server::start(0, answer).await? })
    }

    /// Where it is.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }
}

/// How many requests the running pods of each side have answered.
///
/// # Errors
/// Where the pods are not as they should.
pub async fn answered(pods: &Pods) -> Result<BTreeMap<String, u64>> {
    let mut sides = BTreeMap::new();
    for (_, side, counts) in counts(pods).await? {
        *sides.entry(side).or_default() += counts.answered;
    }
    Ok(sides)
}

async fn counts(pods: &Pods) -> Result<Vec<(String, String, Counts)>> {
    let mut all = Vec::new();
    for running in pods.running()? {
        let side = running.labels.get("version").cloned().unwrap_or_default();
        // One that ends just now is counted no more.
        if let Ok(answer) = http::get(running.port, "/counts").await {
            all.push((running.pod, side, answer.json()?));
        }
    }
    Ok(all)
}

async fn page(pods: &Pods) -> String {
    let mut text = "# TYPE shop_requests_total counter\n".to_owned();
    for (pod, side, Counts { answered, failed }) in counts(pods).await.unwrap_or_default() {
        for (code, count) in [("200", answered.saturating_sub(failed)), ("500", failed)] {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "shop_requests_total{{pod=\"{pod}\",side=\"{side}\",code=\"{code}\"}} {count}"
            );
        }
    }
    text
}
