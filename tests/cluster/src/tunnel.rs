//! A way to a port that a test cuts and mends.

use std::net::Ipv4Addr;

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Leads to one port on loopback.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Opens one.
    ///
    /// # Errors
    /// Where it cannot listen.
    pub async fn to(target: u16) -> Result<Self> {
        Self::from(Ipv4Addr::LOCALHOST, target).await
    }

    /// The same, beginning at another address of the machine.
    ///
    /// # Errors
    /// As [`to`](Self::to).
    pub async fn from(address: Ipv4Addr, target: u16) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let port = listener.local_addr()?.port();
        let (cut, is_cut) = watch::channel(false);
        let task = tokio::spawn(accept(listener, target, is_cut));
        Ok(Self { port, cut, task })
    }

    /// Where it begins.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks all connections and takes no new one, or takes them again.
    pub fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: u16, is_cut: watch::Receiver<bool>) {
    // Aborts the connections with the loop.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((near, _)) = listener.accept() => {
                connections.spawn(join(near, target, is_cut.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn join(mut near: TcpStream, target: u16, mut is_cut: watch::Receiver<bool>) {
    let through = async {
        let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?;
        copy_bidirectional(&mut near, &mut far).await
    };
    // However it ends, both sides see a closed connection.
    tokio::select! {
        biased;
        _ = is_cut.wait_for(|cut| *cut) => {}
        _ = through => {}
    }
}
