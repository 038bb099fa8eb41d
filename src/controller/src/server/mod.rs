//! What the controller serves, on one port: the assignment document for filters, status and
//! commands for people, metrics and health for machines.

mod access;
mod assignment;
mod error;
mod health;
mod releases;

use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub use access::{Access, InvalidToken, Token};

use crate::engine::{Handle, Stop};
use crate::publish::Board;
use crate::telemetry::Telemetry;
use error::ApiError;

/// Nothing that is sent here is longer; commands need no body at all.
const LONGEST_BODY: usize = 4 << 10;

/// How long connections may take to end once the sign to stop was given. Whoever waits for the
/// document is answered at once.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// The releases that this process runs.
    pub releases: Vec<Handle>,
    /// Where the document is.
    pub board: Arc<Board>,
    /// Where the figures are.
    pub telemetry: Arc<Telemetry>,
    /// Who may give commands.
    pub access: Access,
    /// Ends the waiting.
    pub stop: Stop,
}

/// Serves until the sign to stop is given, then lets requests under way end.
///
/// # Errors
/// Where the listener fails for good.
pub async fn serve(listener: TcpListener, app: App) -> io::Result<()> {
    let mut asked_to_stop = app.stop.clone();
    let mut stopping = app.stop.clone();
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    let graceful = async move { asked_to_stop.given().await };
    let late = async move {
        stopping.given().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = axum::serve(listener, service).with_graceful_shutdown(graceful).into_future() => served,
        () = late => Ok(()),
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/v1/assignment", get(assignment::document))
        .route("/v1/releases", get(releases::list))
        .route("/v1/releases/{namespace}/{name}", get(releases::one))
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
