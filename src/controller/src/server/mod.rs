//! What the controller serves, on one port: the assignment document for filters, status and
//! commands for people, the page from which they look and give them, metrics and health for machines.

mod access;
mod assignment;
mod body;
pub(crate) mod connections;
mod decide;
mod error;
mod events;
pub(crate) mod health;
mod intervals;
mod page;
mod releases;
mod running;
mod summary;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use tokio::net::TcpListener;

pub(crate) use access::NAME;
pub use access::{Access, InvalidToken, Token};
pub use connections::Limits;
pub use decide::Deciding;
pub use running::{Entry, Releases, Stored};

use crate::engine::Stop;
use crate::publish::Board;
use crate::telemetry::Telemetry;
use error::ApiError;

/// Nothing that is sent here is longer; commands need no body at all.
const LONGEST_BODY: usize = 4 << 10;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// The releases that this process runs.
    pub releases: Releases,
    /// Where the document is.
    pub board: Arc<Board>,
    /// Where the figures are.
    pub telemetry: Arc<Telemetry>,
    /// What decides for proxies without the filter.
    pub deciding: Deciding,
    /// Who may give commands.
    pub access: Access,
    /// When the process is ready.
    pub ready: Ready,
    /// What clients may take up.
    pub limits: Limits,
    /// Ends the waiting.
    pub stop: Stop,
}

/// When a process counts as ready.
#[derive(Clone, Debug)]
pub enum Ready {
    /// Once it serves a document.
    WithDocument,
    /// Once this says so. What it runs may be nothing at all.
    Once(tokio::sync::watch::Receiver<bool>),
}

/// Serves until the sign to stop is given, then lets requests under way end.
pub async fn serve(listener: TcpListener, app: App) {
    let (limits, stop) = (app.limits, app.stop.clone());
    connections::serve(listener, router(app), limits, stop).await;
}

fn router(app: App) -> Router {
    let watchers = events::Watchers::within(app.limits);
    Router::new()
        .route("/", get(page::root))
        .route("/page/{file}", get(page::file))
        .route("/v1/access", get(access::may))
        .route("/v1/assignment", get(assignment::document))
        .route("/v1/decide/forwarded", any(decide::forwarded))
        .route("/v1/decide/original", any(decide::original))
        .route("/v1/events", get(events::events).layer(Extension(watchers)))
        .route("/v1/releases", get(releases::list))
        .route("/v1/releases/{namespace}/{name}", get(releases::one))
        .route("/v1/releases/{namespace}/{name}/intervals", get(intervals::lines))
        .route("/v1/releases/{namespace}/{name}/{command}", post(releases::command))
        .route("/metrics", get(health::metrics))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(async || ApiError::not_found("there is nothing at this path".to_owned()))
        .method_not_allowed_fallback(async || ApiError::method())
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(Arc::new(app))
}

#[cfg(test)]
mod tests;
