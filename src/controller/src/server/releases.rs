//! Status and commands.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use serin_rollout::Command;

use super::App;
use super::access::giver;
use super::body::Unused;
use super::error::ApiError;
use crate::engine::{Answer, Handle};
use crate::status::Status;

/// `GET /v1/releases`, without what the decisions follow from: that is a hundred times the rest.
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Vec<Status>> {
    let shown = app.releases.shown();
    let statuses = shown.iter().filter_map(|(name, shown)| app.releases.status(name, shown));
    Json(statuses.map(|status| status.without_inputs()).collect())
}

/// `GET /v1/releases/{namespace}/{name}`
pub(super) async fn one(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Status>, ApiError> {
    let Path((namespace, name)) = path?;
    let name = (namespace, name);
    let shown = app.releases.shown_one(&name);
    let status = shown.and_then(|shown| app.releases.status(&name, &shown));
    let status = status.ok_or_else(|| not_found(&name.0, &name.1))?;
    Ok(Json(Arc::unwrap_or_clone(status)))
}

/// `POST /v1/releases/{namespace}/{name}/{command}`; whatever the body holds is ignored.
pub(super) async fn command(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
    _: Unused,
) -> Result<Json<Status>, ApiError> {
    let Path((namespace, name, command)) = path?;
    app.access.permit(peer.ip(), &headers)?;
    let release = find(&app, &namespace, &name)?;
    let command = Command::of_word(&command).ok_or_else(|| {
        let known = Command::ALL.map(Command::word).join(", ");
        ApiError::not_found(format!("there is no command `{command}`, only {known}"))
    })?;
    match release.command(command, &giver(peer.ip(), &headers)).await {
        Some(Answer::Done(status)) => Ok(Json(Arc::unwrap_or_clone(status))),
        Some(Answer::Refused(why)) => Err(ApiError::new(StatusCode::CONFLICT, why)),
        Some(Answer::NotStored(why)) => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, why)),
        Some(Answer::NotReady(why)) => Err(ApiError::unavailable(why)),
        None => Err(ApiError::unavailable("the controller is ending".to_owned())),
    }
}

pub(super) fn find(app: &App, namespace: &str, name: &str) -> Result<Handle, ApiError> {
    app.releases.get(namespace, name).ok_or_else(|| not_found(namespace, name))
}

fn not_found(namespace: &str, name: &str) -> ApiError {
    ApiError::not_found(format!("no release {namespace}/{name} is run by this controller"))
}
