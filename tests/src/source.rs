//! A source of assignment documents that does as the test says: serves, lies, hangs or is dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ETAG, IF_NONE_MATCH};
use hyper::{Request, Response};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::ports;
use crate::serve::Server;

/// How the source answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// As the controller does: at once where the caller's `ETag` differs, else after its wait.
    Document {
        /// The document's `ETag`, quotes included.
        etag: String,
        /// The document.
        body: Bytes,
    },
    /// This status and body, whatever was asked.
    Always {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Bytes,
    },
    /// Never.
    Hang,
}

/// A source, alive or dead.
#[derive(Debug)]
pub struct Source {
    port: u16,
    server: Option<Server>,
    answer: watch::Sender<Answer>,
    asked: Arc<AtomicU64>,
}

impl Source {
    /// Starts on a free port on loopback.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn start(first: Answer) -> Result<Self> {
        let (answer, _) = watch::channel(first);
        // Kept while the source is dead, so not one that the system gives to others meanwhile.
        let port = ports::free()?;
        let mut source = Self { port, server: None, answer, asked: Arc::default() };
        source.listen().await?;
        Ok(source)
    }

    async fn listen(&mut self) -> Result<()> {
        let (count, answers) = (Arc::clone(&self.asked), self.answer.subscribe());
        let server = Server::start(self.port, move |request| {
            count.fetch_add(1, Ordering::Relaxed);
            reply(request, answers.clone())
        });
        self.server = Some(server.await?);
        Ok(())
    }

    /// Closes its connections and its port.
    pub async fn die(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Listens on the same port again and answers so; it remembers nothing.
    ///
    /// # Errors
    /// Where the port is taken by now.
    pub async fn revive(&mut self, first: Answer) -> Result<()> {
        self.answer(first);
        self.listen().await
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers so from now on; held requests are answered at once where that says so.
    pub fn answer(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    /// Serves this document from now on.
    pub fn publish(&self, document: &Value) {
        self.answer(Answer::document(document));
    }

    /// How many requests have come in.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Answer {
    /// A document with its revision for an `ETag`.
    #[must_use]
    pub fn document(document: &Value) -> Self {
        let etag = format!("\"{}\"", document.get("revision").unwrap_or(&Value::Null));
        Self::Document { etag, body: document.to_string().into() }
    }

    /// A status with a text.
    #[must_use]
    pub fn always(status: u16, body: &str) -> Self {
        Self::Always { status, body: body.to_owned().into() }
    }
}

async fn reply(
    request: Request<Incoming>,
    mut answers: watch::Receiver<Answer>,
) -> Response<Full<Bytes>> {
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|etag| etag.to_str().ok())
        .unwrap_or_default();
    let differs = |answer: &Answer| match answer {
        Answer::Document { etag, .. } => etag != known,
        Answer::Always { .. } => true,
        Answer::Hang => false,
    };
    let answer = timeout(wait(request.uri().query()), answers.wait_for(differs)).await;
    match answer.ok().and_then(Result::ok).map(|answer| answer.clone()) {
        Some(Answer::Document { etag, body }) => respond(200, Some(&etag), body),
        Some(Answer::Always { status, body }) => respond(status, None, body),
        // Held to the end of the wait, or the source is on its way out.
        Some(Answer::Hang) | None => {
            let current = answers.borrow().clone();
            match current {
                Answer::Document { etag, .. } => respond(304, Some(&etag), Bytes::new()),
                Answer::Always { .. } | Answer::Hang => std::future::pending().await,
            }
        }
    }
}

fn respond(status: u16, etag: Option<&str>, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    if let Some(etag) = etag {
        response = response.header(ETAG, etag);
    }
    response.body(Full::new(body)).unwrap_or_default()
}

/// The wait that the caller asks for, in whole seconds as the filter writes it (`wait=25s`).
fn wait(query: Option<&str>) -> Duration {
    let seconds = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|pair| pair.strip_prefix("wait=")?.strip_suffix('s')?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Source};
    use crate::http;
    use hyper::Method;
    use serde_json::json;

    #[tokio::test]
    async fn holds_a_known_etag_until_the_document_changes() {
        let source = Source::start(Answer::document(&json!({"revision": 1}))).await.unwrap();
        let port = source.port();
        let first = http::get(port, "/v1/assignment?wait=5s").await.unwrap();
        let etag = first.header("etag").unwrap().to_owned();

        let asking = tokio::spawn(async move {
            let header = [("if-none-match", etag.as_str())];
            let request =
                http::request(Method::GET, "/v1/assignment?wait=5s", &header, "").unwrap();
            http::send(port, request).await.unwrap()
        });
        while source.asked() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(!asking.is_finished());
        source.publish(&json!({"revision": 2}));
        assert_eq!(asking.await.unwrap().text(), r#"{"revision":2}"#);
    }
}
