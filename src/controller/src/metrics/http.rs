//! What all sources share of HTTP: connections, caps, and names for what went wrong.

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, LOCATION};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::Fault;

/// Connections that are kept and used again.
pub(crate) type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The largest body that is read, and what to do where it is too small.
pub(crate) struct Cap {
    pub(crate) bytes: usize,
    pub(crate) remedy: &'static str,
}

pub(crate) fn connections(tls: ClientConfig) -> Http {
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

/// Reads a body up to its cap.
pub(crate) async fn read(body: Incoming, cap: &Cap) -> Result<Bytes, Fault> {
    match Limited::new(body, cap.bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Fault::TooLarge { limit: cap.bytes, remedy: cap.remedy })
        }
        Err(error) => Err(Fault::Unreachable(error.to_string())),
    }
}

/// The message with its causes: hyper's own says only "client error (Connect)".
pub(crate) fn unreachable(error: &Error) -> Fault {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    Fault::Unreachable(text)
}

pub(crate) fn redirected(status: StatusCode, headers: &HeaderMap) -> Fault {
    let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    // Neither a query nor a user's name belongs in a log.
    let to = to.split(['?', '#']).next().unwrap_or_default();
    let to = match (to.split_once("://"), to.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => to.to_owned(),
    };
    Fault::Redirected { status: status.as_u16(), to }
}

/// Enough of a foreign body to recognise it by.
pub(crate) fn beginning(body: &[u8]) -> String {
    const SHOWN_BYTES: usize = 120;
    let shown = body.get(..SHOWN_BYTES).unwrap_or(body);
    String::from_utf8_lossy(shown).trim().to_owned()
}
