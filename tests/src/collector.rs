//! A collector of traces, played: it takes whatever it is sent.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// It ends with this value.
#[derive(Debug)]
pub struct Collector {
    port: u16,
    got: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut bytes = Vec::with_capacity(65_536);
                    while let Ok(1..) = stream.read_buf(&mut bytes).await {
                        kept.lock().unwrap_or_else(PoisonError::into_inner).append(&mut bytes);
                        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
                        // One who goes away needs no answer.
                        let _ = stream.write_all(answer).await;
                    }
                });
            }
        });
        Ok(Self { port, got, task })
    }

    /// Where it takes spans.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a text in what was sent.
    ///
    /// # Errors
    /// Where `limit` passes first; with what was sent.
    pub async fn has(&self, text: &str, limit: Duration) -> Result<()> {
        let got = || {
            let got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&got).into_owned()
        };
        let wait = async {
            while !got().contains(text) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(limit, wait).await.with_context(|| format!("no {text} in {}", got()))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}
