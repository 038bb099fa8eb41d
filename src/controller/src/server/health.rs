//! Metrics and health.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use prometheus_client::encoding::text::encode_eof;

use super::error::ApiError;
use super::{App, Ready};

/// What a page of metrics is.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`, in the `OpenMetrics` text format, which Prometheus asks for.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let shown = app.board.watch().borrow().clone();
    let revision = shown.as_ref().map_or(0, |shown| shown.revision.get());
    let mut text = String::new();
    app.telemetry
        .write(&mut text, revision)
        .and_then(|()| app.deciding.write(&mut text, shown.as_deref()))
        .and_then(|()| encode_eof(&mut text))
        .map_err(|error| {
            let why = format!("cannot write metrics: {error}");
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, why)
        })?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: every release's state is known and the document is served, or the objects are known.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, ApiError> {
    match &app.ready {
        Ready::Once(ready) if *ready.borrow() => return Ok("ok\n"),
        Ready::Once(_) => {
            let why = "the objects of the cluster are not known yet".to_owned();
            return Err(ApiError::unavailable(why));
        }
        Ready::WithDocument if app.board.watch().borrow().is_some() => return Ok("ok\n"),
        Ready::WithDocument => {}
    }
    let releases = app.releases.all();
    let statuses = releases.iter().map(|release| release.status.borrow());
    let unknown: Vec<String> =
        statuses.filter(|status| status.phase.is_none()).map(|status| status.key()).collect();
    Err(ApiError::unavailable(format!("state not known yet: {}", unknown.join(", "))))
}
