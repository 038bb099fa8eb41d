//! The same requests by HTTP/2.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::requests::{HOST, Hostile, hostile};
use super::secrets::Secrets;
use super::tally::{Kind, Tally};
use super::upstream::MEANT;

/// Requests under way at once on a connection.
const BATCH: u64 = 16;
/// Longer than a batch takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// One connection's part.
pub(super) async fn lane(port: u16, tally: Arc<Tally>, secrets: Arc<Secrets>) -> Result<()> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    // Ends with the sender; its error is the sender's as well.
    tokio::spawn(connection);
    while let Some(first) = tally.take(BATCH) {
        let batch =
            (first..first + BATCH).map(|number| ask(sender.clone(), hostile(number, &secrets)));
        let Ok(answers) = timeout(LIMIT, join_all(batch)).await else {
            tally.fail(format!("HTTP/2 requests {first} and the next 15: no answer"));
            return Ok(());
        };
        let mut kinds = BTreeMap::new();
        for answer in answers {
            match answer {
                Ok(kind) => *kinds.entry(kind).or_default() += 1,
                Err(error) => {
                    tally.fail(format!("HTTP/2 requests {first} and the next 15: {error:#}"));
                    return Ok(());
                }
            }
        }
        tally.add(&kinds);
    }
    Ok(())
}

async fn ask(mut sender: SendRequest<Empty<Bytes>>, hostile: Hostile) -> Result<Kind> {
    // What this client itself refuses to send goes without the odd part.
    let whole = format!("http://{}{}", hostile.host, hostile.path);
    let uri = whole.parse().unwrap_or_else(|_| {
        Uri::builder()
            .scheme("http")
            .authority(HOST)
            .path_and_query("/")
            .build()
            .unwrap_or_default()
    });
    let mut request = Request::builder().method(hostile.method).uri(uri).body(Empty::new())?;
    for (name, value) in hostile.headers {
        let name = HeaderName::from_static(name);
        request.headers_mut().append(name, HeaderValue::from_bytes(&value)?);
    }
    let answer = sender.send_request(request).await?;
    let kind =
        Kind { status: answer.status().as_u16(), meant: answer.headers().contains_key(MEANT) };
    answer.into_body().collect().await?;
    Ok(kind)
}
