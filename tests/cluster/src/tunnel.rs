//! A way to a port or a socket that a test cuts and mends.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What one leads to.
#[derive(Clone, Debug)]
enum Target {
    Port(u16),
    Socket(PathBuf),
}

/// Leads to one port on loopback, or to one socket.
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
        Self::open(address, Target::Port(target)).await
    }

    /// Opens one to a socket in the file system.
    ///
    /// # Errors
    /// As [`to`](Self::to).
    pub async fn to_socket(target: &Path) -> Result<Self> {
        Self::open(Ipv4Addr::LOCALHOST, Target::Socket(target.to_owned())).await
    }

    async fn open(address: Ipv4Addr, target: Target) -> Result<Self> {
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

async fn accept(listener: TcpListener, target: Target, is_cut: watch::Receiver<bool>) {
    // Aborts the connections with the loop.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((near, _)) = listener.accept() => {
                connections.spawn(join(near, target.clone(), is_cut.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn join(mut near: TcpStream, target: Target, mut is_cut: watch::Receiver<bool>) {
    let through = async {
        match target {
            Target::Port(port) => {
                let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                copy_bidirectional(&mut near, &mut far).await
            }
            Target::Socket(path) => {
                let mut far = UnixStream::connect(path).await?;
                copy_bidirectional(&mut near, &mut far).await
            }
        }
    };
    // However it ends, both sides see a closed connection.
    tokio::select! {
        biased;
        _ = is_cut.wait_for(|cut| *cut) => {}
        _ = through => {}
    }
}
