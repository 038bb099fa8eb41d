//! Connections: how many, how long a request may take to come in, and how they end.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::engine::Stop;

/// The most connections, where the system lets a process have so many. A proxy needs one; each
/// takes up some 16 KiB while its GET is held, so that all of them take 160 MB.
const MOST_CONNECTIONS: usize = 10_000;

/// How long a request may take to come in, and a connection may be idle. Requests are a few hundred
/// bytes. Filters ask again a second after an answer; where one pauses for longer, a new connection
/// costs it little.
const SENDING: Duration = Duration::from_secs(10);

/// The longest head of a request, in bytes, as common servers have it. It also bounds what a
/// connection can make this process hold.
const LONGEST_HEAD: usize = 16 << 10;

/// How long connections may take to end once the sign to stop was given. Whoever waits for the
/// document is answered at once.
const FAREWELL: Duration = Duration::from_secs(3);

/// What clients may take up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the same time; further ones wait until one ends.
    pub connections: usize,
    /// How long a request may take to come in, its head and its body each.
    pub sending: Duration,
    /// The longest head of a request, in bytes.
    pub head: usize,
}

impl Limits {
    /// Limits for a process that may have so many files open (`None`: any number). A quarter of
    /// them is left for the state and for the connections to Prometheus.
    #[must_use]
    pub fn for_open_files(most: Option<u64>) -> Self {
        let files = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let connections = (files - files / 4).clamp(1, MOST_CONNECTIONS);
        Self { connections, sending: SENDING, head: LONGEST_HEAD }
    }
}

/// Serves until the sign to stop is given, then lets requests under way end.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: Stop,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.sending).max_buf_size(limits.head);
    let mut room = Room::new(limits.connections);
    let open = GracefulShutdown::new();
    loop {
        let (stream, peer, place) = tokio::select! {
            biased;
            () = stop.given() => break,
            accepted = accept(&mut listener, &mut room) => accepted,
        };
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.call(request)
        });
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(place);
        });
    }
    // From here on nobody may connect who would not be answered.
    drop(listener);
    if timeout(FAREWELL, open.shutdown()).await.is_err() {
        tracing::debug!("connections were still open at the end");
    }
}

/// The next connection, once there is a place for it: until then it waits in the system's queue.
async fn accept(
    listener: &mut TcpListener,
    room: &mut Room,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = room.take().await;
    // What fails for a moment is logged and tried again there.
    let (stream, peer) = Listener::accept(listener).await;
    // Answers are small, and a proxy waits for them; without it they would only come later.
    drop(stream.set_nodelay(true));
    (stream, peer, place)
}

/// The places for connections.
struct Room {
    places: Arc<Semaphore>,
    connections: usize,
    told: bool,
}

impl Room {
    fn new(connections: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(connections)), connections, told: false }
    }

    async fn take(&mut self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return place;
        }
        if !self.told {
            // Once: it would be said for each connection from then on.
            self.told = true;
            tracing::warn!(
                connections = self.connections,
                "as many connections are open as may be; further ones wait for one to end"
            );
        }
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => place,
            // Nothing closes the semaphore; closed, it would have no place for anybody.
            Err(_closed) => core::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        let connections = |most| Limits::for_open_files(most).connections;
        assert_eq!(connections(Some(1024)), 768);
        assert_eq!(connections(Some(1)), 1);
        for most in [None, Some(1 << 20), Some(u64::MAX)] {
            assert_eq!(connections(most), MOST_CONNECTIONS, "{most:?}");
        }
    }
}
