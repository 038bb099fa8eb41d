//! A server that answers each request as its path says, well or badly, byte by byte.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// More than anything on loopback takes.
const LIMIT: Duration = Duration::from_secs(30);

/// | path | what comes back |
/// |---|---|
/// | `/status/404` | that status |
/// | `/slow/2500` | 200 after so many milliseconds |
/// | `/hang` | nothing |
/// | `/reset` | the connection's end |
/// | `/once/NAME` | the connection's end for the first request of that name, then 200 |
/// | `/cut` | 200, a part of the body, and the connection's end |
/// | `/drip` | 200, a part of the body, and nothing more |
#[derive(Debug)]
pub(crate) struct Upstream {
    port: u16,
    arrived: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, arrived) = watch::channel(0);
        let shared = Arc::new(Shared { arrived: sender, seen: Mutex::default() });
        let task = tokio::spawn(async move {
            // Ends the connections with the server.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    // A proxy that goes away is none of the server's business.
                    let _ = serve(stream, &shared).await;
                });
            }
        });
        Ok(Self { port, arrived, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests have arrived so far.
    pub(crate) fn arrived(&self) -> usize {
        *self.arrived.borrow()
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn reaches(&self, count: usize) -> Result<()> {
        let mut arrived = self.arrived.clone();
        let wait = arrived.wait_for(|arrived| *arrived >= count);
        tokio::time::timeout(LIMIT, wait).await.context("requests that never arrived")??;
        Ok(())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shared {
    arrived: watch::Sender<usize>,
    seen: Mutex<BTreeSet<String>>,
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let head = head(&mut stream).await?;
        shared.arrived.send_modify(|arrived| *arrived += 1);
        let path = head.split(' ').nth(1).context("no path")?;
        let mut parts = path.trim_start_matches('/').split('/');
        let (what, detail) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match what {
            "reset" => return Ok(()),
            "once" => {
                let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
                if seen.insert(detail.to_owned()) {
                    return Ok(());
                }
            }
            "slow" => tokio::time::sleep(Duration::from_millis(detail.parse()?)).await,
            "hang" => return hold(&mut stream).await,
            "cut" | "drip" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await?;
                if what == "drip" {
                    return hold(&mut stream).await;
                }
                return Ok(());
            }
            _ => {}
        }
        let status = if what == "status" { detail } else { "200" };
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\nok");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Waits for the other side to give up.
async fn hold(stream: &mut TcpStream) -> Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

/// The head of a request; no request here has a body.
async fn head(stream: &mut TcpStream) -> Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(bytes)?)
}
