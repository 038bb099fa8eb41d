//! Requests byte by byte, for what no well-behaved client sends: repeated headers, bytes that are
//! no text, values beyond every limit.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer on loopback takes.
const LIMIT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, where the answer named its length by closing the connection.
    pub body: Vec<u8>,
}

/// Sends a GET with exactly these header lines and reads until the other side closes.
///
/// # Errors
/// Where there is no HTTP answer.
pub async fn get(
    port: u16,
    host: &str,
    path: &str,
    headers: &[(&str, &[u8])],
) -> Result<RawAnswer> {
    let mut request =
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let answer = timeout(LIMIT, exchange(port, &request))
        .await
        .with_context(|| format!("no answer within {LIMIT:?}"))??;
    parse(&answer).with_context(|| format!("no HTTP: {:?}", String::from_utf8_lossy(&answer)))
}

async fn exchange(port: u16, request: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn parse(answer: &[u8]) -> Option<RawAnswer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = answer.split_at(end);
    let status = std::str::from_utf8(head).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(RawAnswer { status, body: rest.get(4..)?.to_vec() })
}
