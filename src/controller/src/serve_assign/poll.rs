//! Keeps up with the source, as filters do: a GET that is held until there is something new.

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, StatusCode};
use serin_document::plugin::{Outcome, SourceConfig};
use serin_document::{MAX_DOCUMENT_BYTES, Refused, duration, parse};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Source;
use super::held::Held;
use crate::metrics::http::{self, Cap, Http};
use crate::prometheus::Address;

/// What the answer may take longer than the source was asked to hold it, as filters have it.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A document is no longer.
const DOCUMENT: Cap = Cap { bytes: MAX_DOCUMENT_BYTES, remedy: "a document is smaller" };

/// An outcome that is none of the good ones, and what to say of it.
type Bad = (Outcome, String);

/// Takes every new document, for ever.
pub(super) async fn keep_up(source: Source, held: Arc<Held>) {
    match source {
        Source::Url { address, http, .. } => ask_on(&address, &http, &held).await,
        Source::File(path) => look_on(&path, &held).await,
    }
}

async fn ask_on(address: &Address, http: &Http, held: &Held) {
    let wait = duration::format(SourceConfig::WAIT);
    let url = address.endpoint(&format!("{}?wait={wait}", SourceConfig::PATH));
    let (mut etag, mut complaint) = (None, None);
    loop {
        let next = Instant::now() + interval();
        let within = SourceConfig::WAIT + ANSWER_TIME;
        let asked = timeout(within, ask(&url, http, &mut etag, held)).await;
        let answered = asked.unwrap_or_else(|_| Err((Outcome::Failed, "no answer".to_owned())));
        note(held, answered, &mut complaint);
        sleep_until(next).await;
    }
}

/// The least time from one question to the next, with a random part: processes that started together
/// do not ask together for ever.
fn interval() -> Duration {
    let mut random = [0];
    // Without it they may ask together, which is no harm by itself.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    let jitter = SourceConfig::MIN_INTERVAL * u32::from(SourceConfig::JITTER_PERCENT) / 100;
    SourceConfig::MIN_INTERVAL + jitter * u32::from(random) / u32::from(u8::MAX)
}

async fn ask(
    url: &str,
    http: &Http,
    etag: &mut Option<HeaderValue>,
    held: &Held,
) -> Result<Outcome, Bad> {
    let failed = |why: String| (Outcome::Failed, why);
    let mut request = Request::get(url)
        .body(Full::<Bytes>::default())
        .map_err(|error| failed(error.to_string()))?;
    if let Some(known) = etag.as_ref() {
        request.headers_mut().insert(IF_NONE_MATCH, known.clone());
    }
    let response = http.request(request).await;
    let response = response.map_err(|error| failed(http::unreachable(&error).to_string()))?;
    let (parts, body) = response.into_parts();
    match parts.status {
        StatusCode::NOT_MODIFIED => return Ok(Outcome::Unchanged),
        StatusCode::OK => {}
        status => return Err(failed(format!("status {}", status.as_u16()))),
    }
    let json = http::read(body, &DOCUMENT)
        .await
        .map_err(|fault| (Outcome::Unreadable, fault.to_string()))?;
    let outcome = read(&json, held)?;
    // Of an older document it would keep the newer one away.
    *etag = parts.headers.get(ETAG).filter(|_| outcome != Outcome::Older).cloned();
    Ok(outcome)
}

async fn look_on(path: &Path, held: &Held) {
    let (mut last, mut complaint) = (None, None);
    loop {
        let looked = match tokio::fs::read(path).await {
            Ok(json) if last.as_ref() == Some(&json) => None,
            Ok(json) => {
                let answered = read(&json, held);
                last = Some(json);
                Some(answered)
            }
            Err(error) => Some(Err((Outcome::Failed, error.to_string()))),
        };
        if let Some(answered) = looked {
            note(held, answered, &mut complaint);
        }
        sleep(LOOK).await;
    }
}

fn read(json: &[u8], held: &Held) -> Result<Outcome, Bad> {
    match parse(json) {
        Ok(parsed) => Ok(held.take(parsed)),
        Err(refused @ Refused::NotJson { .. }) => Err((Outcome::Unreadable, refused.to_string())),
        Err(refused) => Err((Outcome::Refused, refused.to_string())),
    }
}

/// Counts an answer, and logs what changes: the first of equal complaints, and the end of them.
fn note(held: &Held, answered: Result<Outcome, Bad>, complaint: &mut Option<String>) {
    let (outcome, why) = match answered {
        Ok(Outcome::Older) => (Outcome::Older, Some("its document is older".to_owned())),
        Ok(outcome) => (outcome, None),
        Err((outcome, why)) => (outcome, Some(why)),
    };
    held.count(outcome);
    if *complaint != why {
        if let Some(why) = &why {
            tracing::warn!(source = held.source(), "no new document: {why}");
        } else {
            tracing::info!(source = held.source(), "the source answers again");
        }
        *complaint = why;
    }
}
