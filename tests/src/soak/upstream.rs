//! The application behind the proxy: it answers at once, and sees whether the mark is right.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};

use super::requests::BROKEN;
use crate::serve::Server;

/// The header of failures that are meant.
pub(super) const MEANT: &str = "x-meant";

/// What each tester's token begins with.
const TOKEN: &str = "serin1~";

/// One side.
#[derive(Debug)]
pub(super) struct Upstream {
    side: &'static str,
    server: Server,
    /// The first request that should not have come as it did.
    wrong: Arc<Mutex<Option<String>>>,
}

impl Upstream {
    pub(super) async fn start(side: &'static str) -> Result<Self> {
        let wrong = Arc::<Mutex<Option<String>>>::default();
        let seen = Arc::clone(&wrong);
        let server = Server::start(0, move |request| {
            if !is_right(side, &request) {
                let shown = format!("{} {:?}", request.uri(), request.headers());
                seen.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(shown);
            }
            let host = request.headers().get("host");
            let fails = side == "canary" && host.is_some_and(|host| host == BROKEN);
            async move { if fails { failure() } else { Response::new(body()) } }
        })
        .await?;
        Ok(Self { side, server, wrong })
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Fails where one has come with another mark than this side's, or with a tester's token.
    pub(super) fn sound(&self) -> Result<()> {
        match &*self.wrong.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(request) => bail!("to {} came {request}", self.side),
            None => Ok(()),
        }
    }
}

fn body() -> Full<Bytes> {
    Full::new(Bytes::from_static(b"ok"))
}

fn failure() -> Response<Full<Bytes>> {
    let mut response = Response::new(body());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(MEANT, HeaderValue::from_static("yes"));
    response
}

/// The canary gets what is marked so and nothing else; stable gets the rest, with its own mark or
/// none. A cohort is a number and the other mark is a side, whatever was sent, and no tester's token
/// arrives.
fn is_right(side: &str, request: &Request<Incoming>) -> bool {
    let is_one = |name: &str, absent: bool, fits: &dyn Fn(&[u8]) -> bool| {
        let mut values = request.headers().get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => fits(value.as_bytes()),
            (None, _) => absent,
            _ => false,
        }
    };
    let is_token = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(TOKEN);
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    is_one("x-serin-variant", side == "stable", &|mark| mark == side.as_bytes())
        && is_one("x-search-variant", true, &|mark| matches!(mark, b"canary" | b"stable"))
        && is_one("x-cohort", true, &|cohort| {
            std::str::from_utf8(cohort).is_ok_and(|text| text.parse::<u8>().is_ok())
        })
        && !request.headers().values().any(|value| is_token(value.as_bytes()))
        && !is_token(path.as_bytes())
}
