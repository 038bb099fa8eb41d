//! The request of a sub-request, as the decision reads it.

use core::time::Duration;
use std::borrow::Cow;

use axum::http::HeaderMap;
use serin_document::Request;

use super::target::{Target, Told};

/// Where the decision asks for the caller's address.
const ADDRESS: &str = "source\0address";

/// A request that a proxy has told of.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    headers: &'a HeaderMap,
    target: Target<'a>,
    now: Duration,
}

impl<'a> Asked<'a> {
    /// `now`: the time of day, since 1970.
    pub(super) fn new(headers: &'a HeaderMap, told: Told, now: Duration) -> Self {
        Self { headers, target: told.target(headers), now }
    }
}

impl Request for Asked<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let value = match name {
            ":authority" => self.target.authority,
            ":path" => self.target.path,
            ":scheme" => self.target.scheme?,
            name => self.headers.get(name)?.as_bytes(),
        };
        Some(Cow::Borrowed(value))
    }

    /// Of what Envoy knows of a request only the caller's address is told.
    fn property(&self, path: &str) -> Option<Vec<u8>> {
        let client = self.target.client.filter(|_| path == ADDRESS)?;
        Some(client.to_string().into_bytes())
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // The system's own generator does not fail once the system is up; an id of zeros would be a
        // user like any other.
        let _ = getrandom::fill(&mut bytes);
        bytes
    }

    fn now(&self) -> Duration {
        self.now
    }
}
