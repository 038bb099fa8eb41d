//! Errors as the API gives them: a status and `{"error": "…"}`.

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error for whoever asked.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    pub(super) const fn new(status: StatusCode, message: String) -> Self {
        Self { status, message }
    }

    pub(super) const fn not_found(message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this path has another method".to_owned())
    }

    pub(super) const fn unavailable(message: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    pub(super) fn into_message(self) -> String {
        self.message
    }
}

impl From<QueryRejection> for ApiError {
    fn from(refused: QueryRejection) -> Self {
        Self::new(refused.status(), refused.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(refused: PathRejection) -> Self {
        Self::new(refused.status(), refused.body_text())
    }
}

impl From<BytesRejection> for ApiError {
    fn from(refused: BytesRejection) -> Self {
        Self::new(refused.status(), refused.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.message }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"serin\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
