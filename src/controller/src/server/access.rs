//! Who may give commands.
//!
//! From this machine no token is needed, else the quick start would need one; but a web page in a
//! browser on this machine is not its user. From anywhere else a token is needed. Reading needs
//! none: neither document nor status nor metrics hold a secret.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use super::App;
use super::error::ApiError;

/// The shortest token: 16 characters of 64 make 96 bits, beyond any guessing.
const SHORTEST_TOKEN: usize = 16;

/// Where the token is. The file is read for each command, so that it can be replaced at any time.
#[derive(Clone, Debug)]
pub struct Access {
    token_file: Option<PathBuf>,
}

/// A secret that lets its bearer give commands.
#[derive(Clone)]
pub struct Token(String);

/// The token file does not hold a token.
#[derive(Debug, thiserror::Error)]
pub enum InvalidToken {
    /// It cannot be read.
    #[error("cannot read the token file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What it holds is no token.
    #[error(
        "the token file {} must hold one line of at least {SHORTEST_TOKEN} printable ASCII \
         characters without spaces",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// Reads a token from its file: one line, whose end does not count.
    ///
    /// # Errors
    /// [`InvalidToken`], never with the token in it.
    pub fn read(path: &std::path::Path) -> Result<Self, InvalidToken> {
        let text = fs::read_to_string(path)
            .map_err(|source| InvalidToken::Unreadable { path: path.to_owned(), source })?;
        let token = text.trim_end_matches(['\r', '\n']);
        if token.len() < SHORTEST_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidToken::Malformed { path: path.to_owned() });
        }
        Ok(Self(token.to_owned()))
    }

    /// The secret itself, for a request.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not tell how much of it is right.
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Access {
    /// Access by the token in this file; without one, from this machine only.
    ///
    /// # Errors
    /// [`InvalidToken`] where the file does not hold one now.
    pub fn new(token_file: Option<PathBuf>) -> Result<Self, InvalidToken> {
        token_file.as_deref().map(Token::read).transpose()?;
        Ok(Self { token_file })
    }

    /// Whether a command with these headers may come from this address.
    ///
    /// # Errors
    /// 401 where a token is missing or wrong, 403 where none would help, 500 where the token file
    /// has become unusable.
    pub(super) fn permit(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), ApiError> {
        let token = self.token_file.as_deref().map(Token::read).transpose().map_err(|error| {
            tracing::error!(%error, "commands cannot be authorised");
            let message = "the controller cannot read its token file".to_owned();
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        })?;
        permit(token.as_ref(), peer, headers)
            .map_err(|denied| ApiError::new(denied.status(), denied.to_string()))
    }
}

/// What whoever asks may do.
#[derive(Debug, Serialize)]
pub(super) struct May {
    /// Whether commands are taken from them.
    commands: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Whether there is a token that would help.
    token: bool,
    /// Whether the releases are objects of a cluster, to which `kubectl serin` gives commands too.
    objects: bool,
}

/// `GET /v1/access`: whether a command with these headers would be taken.
pub(super) async fn may(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Json<May> {
    let denied = app.access.permit(peer.ip(), &headers).err();
    Json(May {
        commands: denied.is_none(),
        why: denied.map(ApiError::into_message),
        token: app.access.token_file.is_some(),
        objects: app.releases.are_objects(),
    })
}

/// The longest name of a giver, in characters.
const LONGEST_NAME: usize = 64;

/// Who gives a command: the name that they give themselves, and where the request came from.
pub(super) fn giver(peer: IpAddr, headers: &HeaderMap) -> String {
    let peer = peer.to_canonical();
    let named = only(headers, &NAME).map(str::trim).filter(|name| {
        let written = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(written)
    });
    named.map_or_else(|| peer.to_string(), |name| format!("{name} ({peer})"))
}

/// The header in which a command's giver may give a name, for the log.
pub(crate) static NAME: HeaderName = HeaderName::from_static("serin-by");

/// Why a command is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Denied {
    #[error("this token is not the one of the controller")]
    WrongToken,
    #[error("from another address than the loopback, a command needs `authorization: Bearer …`")]
    TokenNeeded,
    #[error(
        "the controller was started without --token-file, so it takes commands from its own machine only"
    )]
    NoTokenSet,
    #[error("the request came through a proxy, so it needs `authorization: Bearer …`")]
    Forwarded,
    #[error("a web page of another site cannot give commands")]
    CrossSite,
    #[error("without a token, the request's host must be localhost or a loopback address")]
    StrangeHost,
}

impl Denied {
    const fn status(self) -> StatusCode {
        match self {
            Self::WrongToken | Self::TokenNeeded | Self::Forwarded => StatusCode::UNAUTHORIZED,
            Self::NoTokenSet | Self::CrossSite | Self::StrangeHost => StatusCode::FORBIDDEN,
        }
    }
}

fn permit(token: Option<&Token>, peer: IpAddr, headers: &HeaderMap) -> Result<(), Denied> {
    // A token that a page has, it was given; another site's page has none, and is not let try.
    if !fetched_by_us(headers) {
        return Err(Denied::CrossSite);
    }
    if headers.contains_key(header::AUTHORIZATION) {
        let token = token.ok_or(Denied::NoTokenSet)?;
        let given = only(headers, &header::AUTHORIZATION).and_then(bearer);
        return given.filter(|given| token.is(given)).map(|_| ()).ok_or(Denied::WrongToken);
    }
    if !peer.to_canonical().is_loopback() {
        return Err(if token.is_some() { Denied::TokenNeeded } else { Denied::NoTokenSet });
    }
    let proxied = ["forwarded", "via", "x-real-ip"];
    // Envoy, for one, always says which protocol came in and not always from whom.
    let passed_on = |name: &HeaderName| {
        proxied.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
    };
    if headers.keys().any(passed_on) {
        return Err(Denied::Forwarded);
    }
    let host = only(headers, &header::HOST);
    from_this_site(host, headers)?;
    // A name that someone else's DNS points to the loopback is how a page gets past its origin.
    host.filter(|host| is_loopback(host)).map(|_| ()).ok_or(Denied::StrangeHost)
}

/// Whether no browser says that the request comes from another site.
fn fetched_by_us(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site") {
        None => true,
        Some(site) => site == "same-origin" || site == "none",
    }
}

/// Whether no browser says that another site's page is behind the request.
fn from_this_site(host: Option<&str>, headers: &HeaderMap) -> Result<(), Denied> {
    let origin_is_us = match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => host.is_some_and(|host| *origin == *format!("http://{host}")),
    };
    if origin_is_us { Ok(()) } else { Err(Denied::CrossSite) }
}

/// The header's value, where there is exactly one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    name.eq_ignore_ascii_case("localhost")
        || name == "[::1]"
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
