//! What is served: decisions, metrics and health.

use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use prometheus_client::encoding::text::encode_eof;
use tokio::net::TcpListener;

use super::held::Held;
use crate::decide::{Figures, Told, decide};
use crate::engine::Stop;
use crate::metrics::now_ms;
use crate::server::health::OPEN_METRICS;
use crate::server::{Limits, connections};

/// What the handlers share.
#[derive(Debug)]
pub(super) struct App {
    held: Arc<Held>,
    figures: Figures,
}

impl App {
    pub(super) fn new(held: Arc<Held>) -> Self {
        Self { held, figures: Figures::default() }
    }

    fn decide(&self, headers: &HeaderMap, told: Told) -> HeaderMap {
        let compiled = self.held.in_force();
        decide(&compiled, headers, told, Duration::from_millis(now_ms()), &self.figures)
    }
}

/// Serves until the sign to stop is given, then lets requests under way end.
pub(super) async fn serve(listener: TcpListener, app: App, limits: Limits, stop: Stop) {
    connections::serve(listener, router(app), limits, stop).await;
}

pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/v1/decide/forwarded", any(forwarded))
        .route("/v1/decide/original", any(original))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(Arc::new(app))
}

async fn forwarded(State(app): State<Arc<App>>, headers: HeaderMap) -> HeaderMap {
    app.decide(&headers, Told::Forwarded)
}

async fn original(State(app): State<Arc<App>>, headers: HeaderMap) -> HeaderMap {
    app.decide(&headers, Told::Original)
}

/// Ready once there is a document: a proxy that asks another of several may have marks at once.
async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.held.has_document() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no document has come yet\n")
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let document = app.held.in_force();
    let rollouts = document.rollouts().iter();
    let rollouts = rollouts.map(|one| (one.name(), one.revision(), one.weight()));
    let mut text = String::new();
    let written = app.figures.write(&mut text, rollouts, Some(&app.held.figures()));
    match written.and_then(|()| encode_eof(&mut text)) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
