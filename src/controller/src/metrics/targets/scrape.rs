//! The tasks that read pages: one a target, and one that starts and ends them.

use core::time::Duration;
use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::ACCEPT;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::discover::{Discovery, EVERY};
use super::settings::{PageAddress, Targets};
use super::{Shared, locked, page};
use crate::metrics::http::{self, Cap, Http};
use crate::metrics::{Fault, QueryError, now_ms};

/// The largest page that is read: a proxy of a large mesh has a tenth of it.
const LARGEST_PAGE: Cap = Cap {
    bytes: 16 * 1024 * 1024,
    remedy: "let the page be filtered (Envoy takes `/stats/prometheus?filter=…`)",
};

/// Reads all targets until it is dropped.
pub(super) async fn all(targets: Targets, http: Http, store: Shared) {
    let (interval, limit) = (targets.interval, targets.timeout);
    let mut discovery = Discovery::new(targets);
    // Ends its tasks when it is dropped.
    let mut tasks = JoinSet::new();
    let mut running: BTreeMap<String, AbortHandle> = BTreeMap::new();
    loop {
        let found = discovery.look().await;
        for (name, trouble) in found.names {
            note(&store, &name, trouble);
        }
        running.retain(|instance, task| {
            let stays = found.pages.contains_key(instance);
            if !stays {
                task.abort();
                locked(&store).note(instance, None);
            }
            stays
        });
        for (instance, page) in found.pages {
            running.entry(instance).or_insert_with_key(|instance| {
                let target = Target { instance: instance.clone(), page, interval, limit };
                tasks.spawn(target.read_on(http.clone(), Shared::clone(&store)))
            });
        }
        // What was ended above leaves its place.
        while tasks.try_join_next().is_some() {}
        if discovery.is_fixed() {
            core::future::pending::<()>().await;
        }
        sleep(EVERY).await;
    }
}

/// One page that is read again and again.
struct Target {
    instance: String,
    page: PageAddress,
    interval: Duration,
    limit: Duration,
}

impl Target {
    async fn read_on(self, http: Http, store: Shared) {
        loop {
            let at_ms = next_tick(self.interval).await;
            let wanted = locked(&store).wanted();
            let read = timeout(self.limit, fetch(&http, &self.page)).await;
            let read = read.unwrap_or(Err(Fault::Timeout(self.limit)));
            let samples = read.and_then(|text| page::read(&text, &wanted, &self.instance));
            let taken = samples.and_then(|samples| locked(&store).take(at_ms, samples));
            let address = self.page.to_string();
            note(&store, &self.instance, taken.err().map(|fault| QueryError { address, fault }));
        }
    }
}

/// Notes how it went, and says so where it went otherwise before.
fn note(store: &Shared, page: &str, trouble: Option<QueryError>) {
    let told = trouble.as_ref().map(ToString::to_string);
    if !locked(store).note(page, trouble) {
        return;
    }
    if let Some(why) = told {
        tracing::warn!(page, "no metrics: {why}");
    } else {
        tracing::info!(page, "metrics again");
    }
}

/// Waits for the next multiple of the interval, the same for all targets, and gives its time.
async fn next_tick(interval: Duration) -> u64 {
    let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let now = now_ms();
    let next = (now / interval_ms + 1).saturating_mul(interval_ms);
    sleep(Duration::from_millis(next.saturating_sub(now))).await;
    next
}

async fn fetch(http: &Http, page: &PageAddress) -> Result<String, Fault> {
    let request = Request::get(page.uri().clone())
        .header(ACCEPT, "text/plain;version=0.0.4")
        .body(Full::<Bytes>::default())
        .map_err(|error| Fault::Unreachable(error.to_string()))?;
    let response = http.request(request).await.map_err(|error| http::unreachable(&error))?;
    let (head, body) = response.into_parts();
    if head.status.is_redirection() {
        return Err(http::redirected(head.status, &head.headers));
    }
    let body = http::read(body, &LARGEST_PAGE).await?;
    if !head.status.is_success() {
        let text = http::beginning(&body);
        return Err(Fault::NoPage { status: head.status.as_u16(), text });
    }
    // A name with a strange byte in it is nobody's whom anybody asks about.
    Ok(String::from_utf8_lossy(&body).into_owned())
}
