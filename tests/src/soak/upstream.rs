//! The application behind the proxy: it answers at once, and sees whether the mark is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

use crate::serve::Server;

/// One side.
#[derive(Debug)]
pub(super) struct Upstream {
    side: &'static str,
    server: Server,
    wrong: Arc<AtomicU64>,
}

impl Upstream {
    pub(super) async fn start(side: &'static str) -> Result<Self> {
        let wrong = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&wrong);
        let server = Server::start(0, move |request| {
            if !is_right(side, &request) {
                seen.fetch_add(1, Ordering::Relaxed);
            }
            async { Response::new(Full::new(Bytes::from_static(b"ok"))) }
        })
        .await?;
        Ok(Self { side, server, wrong })
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(super) const fn side(&self) -> &'static str {
        self.side
    }

    /// Requests that came with another mark than this side's.
    pub(super) const fn wrong(&self) -> &Arc<AtomicU64> {
        &self.wrong
    }
}

/// The canary gets what is marked so and nothing else; stable gets the rest, with its own mark or
/// none. A cohort is a number, whatever was sent.
fn is_right(side: &str, request: &Request<Incoming>) -> bool {
    let mut marks = request.headers().get_all("x-serin-variant").iter();
    let mark = match (marks.next(), marks.next()) {
        (Some(mark), None) => mark.as_bytes() == side.as_bytes(),
        (None, _) => side == "stable",
        _ => false,
    };
    let mut cohorts = request.headers().get_all("x-cohort").iter();
    let cohort = match (cohorts.next(), cohorts.next()) {
        (Some(cohort), None) => cohort.to_str().is_ok_and(|text| text.parse::<u8>().is_ok()),
        (None, _) => true,
        _ => false,
    };
    mark && cohort
}
