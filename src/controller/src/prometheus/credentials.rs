//! The `authorization` header, from files that may change at any time.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;

use super::{Authentication, SetupError};

/// Reads the secret anew and makes the header of it; none where nobody in particular asks.
pub(super) async fn authorization(
    authentication: &Authentication,
) -> Result<Option<HeaderValue>, SetupError> {
    let (what, file, text) = match authentication {
        Authentication::None => return Ok(None),
        Authentication::BearerTokenFile(file) => {
            let token = secret("the bearer token", file).await?;
            ("the bearer token", file, format!("Bearer {token}"))
        }
        Authentication::Basic { username, password_file } => {
            let password = secret("the password", password_file).await?;
            let pair = STANDARD.encode(format!("{username}:{password}"));
            ("the password", password_file, format!("Basic {pair}"))
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        SetupError::new(what, file, &"holds a character that a header cannot carry")
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// A secret without the line end that editors and `echo` put behind it.
pub(crate) async fn secret(what: &'static str, file: &Path) -> Result<String, SetupError> {
    let text = tokio::fs::read_to_string(file)
        .await
        .map_err(|error| SetupError::new(what, file, &error))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(SetupError::new(what, file, &"the file is empty"));
    }
    Ok(text.to_owned())
}
