//! Status and commands.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use serin_rollout::Command;

use super::App;
use super::body::Unused;
use super::error::ApiError;
use crate::engine::{Answer, Handle};
use crate::status::Status;

/// `GET /v1/releases`, without what the decisions follow from: that is a hundred times the rest.
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Vec<Status>> {
    Json(
        app.releases.all().iter().map(|release| release.status.borrow().without_inputs()).collect(),
    )
}

/// `GET /v1/releases/{namespace}/{name}`
pub(super) async fn one(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Status>, ApiError> {
    let Path((namespace, name)) = path?;
    let release = find(&app, &namespace, &name)?;
    Ok(Json(Status::clone(&release.status.borrow())))
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
    match release.command(command).await {
        Some(Answer::Done(status)) => Ok(Json(Arc::unwrap_or_clone(status))),
        Some(Answer::Refused(why)) => Err(ApiError::new(StatusCode::CONFLICT, why)),
        Some(Answer::NotStored(why)) => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, why)),
        Some(Answer::NotReady(why)) => Err(ApiError::unavailable(why)),
        None => Err(ApiError::unavailable("the controller is ending".to_owned())),
    }
}

pub(super) fn find(app: &App, namespace: &str, name: &str) -> Result<Handle, ApiError> {
    app.releases.get(namespace, name).ok_or_else(|| {
        ApiError::not_found(format!("no release {namespace}/{name} is run by this controller"))
    })
}
