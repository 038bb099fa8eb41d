//! Requests by HTTP/1, byte by byte and many at once, so that most of the time is Envoy's.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::requests::{Hostile, RUDE, hostile};
use super::secrets::Secrets;
use super::tally::{Kind, Tally};
use super::upstream::MEANT;

/// Requests that are written before the first answer is read.
const BATCH: u64 = 32;
/// Longer than a batch takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
/// Between two requests of which each costs a connection.
const PAUSE: Duration = Duration::from_millis(20);

/// One connection's part.
pub(super) async fn lane(port: u16, tally: Arc<Tally>, secrets: Arc<Secrets>) -> Result<()> {
    let mut stream = connect(port).await?;
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    while let Some(first) = tally.take(BATCH) {
        sent.clear();
        for number in first..first + BATCH {
            write(&mut sent, &hostile(number, &secrets));
        }
        let exchange = async {
            stream.write_all(&sent).await?;
            answers(&mut stream, &mut got, first, &secrets).await
        };
        match timeout(LIMIT, exchange).await {
            Ok(Ok(answers)) => tally.add(&answers),
            Ok(Err(error)) => {
                tally.fail(format!("HTTP/1 requests from {first} on: {error:#}"));
                return Ok(());
            }
            Err(_) => {
                tally.fail(format!("HTTP/1 requests from {first} on: no answer"));
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.context("connecting")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn write(bytes: &mut Vec<u8>, request: &Hostile) {
    for part in [request.method, " ", &request.path, " HTTP/1.1\r\nhost: ", request.host, "\r\n"] {
        bytes.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &request.headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
}

/// Reads the answers to a batch; how many there were of each status.
async fn answers(
    stream: &mut TcpStream,
    got: &mut Vec<u8>,
    first: u64,
    secrets: &Secrets,
) -> Result<BTreeMap<Kind, u64>> {
    let mut kinds = BTreeMap::new();
    got.clear();
    let (mut read, mut missing) = (0, BATCH);
    loop {
        while let Some((kind, length)) = answer(got.get(read..).unwrap_or_default())? {
            *kinds.entry(kind).or_default() += 1;
            read += length;
            missing -= 1;
            if missing == 0 {
                return Ok(kinds);
            }
        }
        if stream.read_buf(got).await? == 0 {
            let mut last = Vec::new();
            write(&mut last, &hostile(first + BATCH - missing, secrets));
            bail!("closed after {kinds:?}, unanswered: {}", last.escape_ascii());
        }
    }
}

/// What the first answer is and its length; none where it is not whole yet.
fn answer(bytes: &[u8]) -> Result<Option<(Kind, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("no HTTP: {head:?}"))?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let whole = end + 4 + length.map_or(Ok(0), str::parse)?;
    let meant = head.lines().any(|line| line.starts_with(MEANT));
    Ok((bytes.len() >= whole).then_some((Kind { status, meant }, whole)))
}

/// What costs a connection each: Envoy answers it with a refusal or closes.
pub(super) async fn rude_lane(port: u16, tally: Arc<Tally>) -> Result<()> {
    for request in RUDE.iter().cycle() {
        if tally.ended() {
            break;
        }
        let mut stream = connect(port).await?;
        stream.write_all(request).await?;
        let mut got = [0; 1024];
        // What is no HTTP may be waited for in vain: that is no failure.
        let read = match timeout(PAUSE * 10, stream.read(&mut got)).await {
            Ok(read) => read.unwrap_or_default(),
            Err(_) => 0,
        };
        let got = got.get(..read).unwrap_or_default();
        if let Some(status) = got.starts_with(b"HTTP/1.1 5").then_some(got) {
            let text = String::from_utf8_lossy(status);
            tally.fail(format!("{:?} got {text:?}", request.escape_ascii().to_string()));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
