//! The body of a request that needs none.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use tokio::time::timeout;

use super::App;
use super::error::ApiError;

/// A body that was read to its end and dropped: a client that is still sending may not see an
/// answer.
#[derive(Debug)]
pub(super) struct Unused;

impl FromRequest<Arc<App>> for Unused {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let within = app.limits.sending;
        let body = timeout(within, Bytes::from_request(request, app)).await.map_err(|_late| {
            let why = format!("the request's body did not come within {within:?}");
            ApiError::new(StatusCode::REQUEST_TIMEOUT, why)
        })?;
        body?;
        Ok(Self)
    }
}
