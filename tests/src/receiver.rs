//! One who is told of decisions, and who behaves as badly as a test asks for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::{Request, Response};
use serde_json::Value;

use crate::patience::until;
use crate::serve::Server;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It takes what comes.
    Well,
    /// Status 500, whatever comes.
    Failing,
    /// It reads what comes and never answers.
    Hanging,
    /// It has what comes, and says that it has not: so the same comes again.
    Lying,
    /// It names another address, where nothing may arrive.
    Redirecting,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// How it was answered.
    pub mood: Mood,
}

impl Message {
    /// The body, which is JSON.
    ///
    /// # Errors
    /// Where it is not.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("a message that is no JSON")
    }

    /// A header's value.
    ///
    /// # Errors
    /// Where there is no such text.
    pub fn header(&self, name: &str) -> Result<&str> {
        let value = self.headers.get(name).with_context(|| format!("no {name}"))?;
        Ok(value.to_str()?)
    }
}

/// A running receiver.
#[derive(Debug)]
pub struct Receiver {
    server: Server,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    mood: Mood,
    messages: Vec<Message>,
    strayed: bool,
}

/// Where a redirect leads.
const ASTRAY: &str = "/astray";

impl Receiver {
    /// Starts one in this mood.
    ///
    /// # Errors
    /// Where it cannot listen.
    pub async fn start(mood: Mood) -> Result<Self> {
        let shared = Arc::new(Mutex::new(Shared { mood, messages: Vec::new(), strayed: false }));
        let theirs = Arc::clone(&shared);
        let server = Server::start(0, move |request| answer(request, Arc::clone(&theirs))).await?;
        Ok(Self { server, shared })
    }

    /// Answers so from the next message on.
    pub fn turn(&self, mood: Mood) {
        lock(&self.shared).mood = mood;
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/decisions", self.server.port())
    }

    /// All that came, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.shared).messages.clone()
    }

    /// Whether somebody has followed a redirect.
    #[must_use]
    pub fn has_strayed(&self) -> bool {
        lock(&self.shared).strayed
    }

    /// Waits until what came is so.
    ///
    /// # Errors
    /// Where it is not after `limit`.
    pub async fn until(
        &self,
        limit: Duration,
        so: impl Fn(&[Message]) -> bool,
    ) -> Result<Vec<Message>> {
        let waited = until(limit, async || Ok(so(&self.messages()))).await;
        waited.with_context(|| format!("these came: {:?}", self.messages()))?;
        Ok(self.messages())
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Mutex<Shared>>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let mood = {
        let mut shared = lock(&shared);
        shared.strayed |= head.uri.path() == ASTRAY;
        let mood = shared.mood;
        shared.messages.push(Message { headers: head.headers, body, mood });
        mood
    };
    match mood {
        Mood::Well => respond(204),
        Mood::Failing => respond(500),
        Mood::Lying => respond(503),
        Mood::Hanging => std::future::pending().await,
        Mood::Redirecting => {
            let mut elsewhere = respond(307);
            elsewhere.headers_mut().insert(LOCATION, HeaderValue::from_static(ASTRAY));
            elsewhere
        }
    }
}

fn respond(status: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status.try_into().unwrap_or_default();
    response
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
