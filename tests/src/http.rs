//! A plain HTTP/1.1 client for loopback: one connection, one request at a time.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderMap};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything on loopback takes, the longest held answer apart.
const LIMIT: Duration = Duration::from_secs(10);

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A header's first value, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!("reading an answer with status {}: {}", self.status, self.text())
        })
    }
}

/// A kept connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    port: u16,
}

impl Connection {
    /// Connects to a port on loopback.
    ///
    /// # Errors
    /// Where nobody listens there.
    pub async fn to(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("connecting to 127.0.0.1:{port}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; its error is the sender's as well.
        tokio::spawn(connection);
        Ok(Self { sender, port })
    }

    /// Whether it can take another request.
    #[must_use]
    pub fn open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the answer to its end. Without a `host`, the address is sent.
    ///
    /// # Errors
    /// Where the connection breaks or `limit` passes.
    pub async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Answer> {
        if !request.headers().contains_key(HOST) {
            let host = format!("127.0.0.1:{}", self.port).parse()?;
            request.headers_mut().insert(HOST, host);
        }
        let what = format!("{} 127.0.0.1:{}{}", request.method(), self.port, request.uri());
        let exchange = async {
            self.sender.ready().await?;
            let (parts, body) = self.sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        timeout(limit, exchange)
            .await
            .with_context(|| format!("{what}: no answer within {limit:?}"))?
            .with_context(|| what)
    }
}

/// One request over a connection of its own.
///
/// # Errors
/// Where there is no complete answer within ten seconds.
pub async fn send(port: u16, request: Request<Full<Bytes>>) -> Result<Answer> {
    Connection::to(port).await?.send(request, LIMIT).await
}

/// A GET over a connection of its own.
///
/// # Errors
/// Where there is no complete answer within ten seconds.
pub async fn get(port: u16, path: &str) -> Result<Answer> {
    send(port, request(Method::GET, path, &[], "")?).await
}

/// Puts a request together.
///
/// # Errors
/// Where a name or value is not HTTP's.
pub fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(Full::new(body.into()))?)
}
