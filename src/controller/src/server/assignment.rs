//! The assignment document for filters: a GET that is held until there is something new.

use core::time::Duration;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::timeout;

use super::App;
use super::error::ApiError;
use crate::publish::Published;

/// The longest a GET is held: below the idle timeouts of common proxies.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

#[derive(Debug, Deserialize)]
pub(super) struct Parameters {
    /// How long to hold the GET where nothing has changed; not at all where it is absent.
    wait: Option<String>,
}

/// `GET /v1/assignment?wait=25s`
pub(super) async fn document(
    State(app): State<Arc<App>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters?;
    let wait = parameters.wait.as_deref().map_or(Ok(Duration::ZERO), wait)?;
    let mut shown = app.board.watch();
    let mut stop = app.stop.clone();
    let news = |published: &Option<Arc<Published>>| {
        published.as_ref().is_none_or(|published| !is_known(&headers, &published.etag))
    };
    tokio::select! {
        // Neither too late nor the end of the controller is an error: the client asks again.
        _ = timeout(wait, shown.wait_for(news)) => {}
        () = stop.given() => {}
    }
    let published = shown.borrow().clone();
    let Some(published) = published else {
        let why = "the state of some release is not known yet, so there is no document".to_owned();
        return Err(ApiError::unavailable(why));
    };
    let about = [
        (header::ETAG, published.etag.clone()),
        // It may be kept, but must be asked about each time.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    if is_known(&headers, &published.etag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((about, json, published.json.clone()).into_response())
}

fn wait(text: &str) -> Result<Duration, ApiError> {
    match serin_document::duration::parse(text) {
        Ok(wait) => Ok(wait.min(LONGEST_WAIT)),
        Err(why) => Err(ApiError::new(StatusCode::BAD_REQUEST, format!("wait: {why}"))),
    }
}

/// Whether the client has this content already (`If-None-Match`, compared weakly as RFC 9110 asks).
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH);
    tags.iter().filter_map(|tags| tags.to_str().ok()).flat_map(|tags| tags.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}
