//! Pods with a metrics page of their own, which remember what they showed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Counters by their name with labels.
pub(crate) type Counters = BTreeMap<String, u64>;

/// A pod. It ends with this value; what it counted after its last page is lost, as it would be.
pub(crate) struct Pod {
    port: u16,
    page: Arc<Mutex<Page>>,
    task: JoinHandle<()>,
}

/// What a pod has counted and shown.
#[derive(Debug, Default)]
struct Page {
    counters: Counters,
    shown: Counters,
    refuses: bool,
    /// How long its page takes.
    takes: Duration,
}

impl Pod {
    /// Starts one on a port of loopback.
    pub(crate) async fn start(port: u16) -> Self {
        let page = Arc::new(Mutex::new(Page::default()));
        let listener = listen(port).await;
        let task = tokio::spawn(serve(listener, Arc::clone(&page)));
        Self { port, page, task }
    }

    /// Adds to a counter.
    pub(crate) fn count(&self, counter: &str, by: u64) {
        *self.page.lock().unwrap().counters.entry(counter.to_owned()).or_default() += by;
    }

    /// From now on its page cannot be had, or can again.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.page.lock().unwrap().refuses = refuses;
    }

    /// From now on its page takes so long.
    pub(crate) fn dawdle(&self, takes: Duration) {
        self.page.lock().unwrap().takes = takes;
    }

    /// The address of its page.
    pub(crate) fn page(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.port)
    }

    /// What its page showed last.
    pub(crate) fn shown(&self) -> Counters {
        self.page.lock().unwrap().shown.clone()
    }

    /// Whether its page has shown all that it counted.
    pub(crate) fn all_shown(&self) -> bool {
        let page = self.page.lock().unwrap();
        page.shown == page.counters
    }

    /// Ends it and gives what its page showed last.
    pub(crate) async fn stop(mut self) -> Counters {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.shown()
    }

    /// Ends it, starts it anew on the same port, and gives what its page showed last.
    pub(crate) async fn restart(&mut self) -> Counters {
        let old = std::mem::replace(self, Self::start_later(self.port));
        let shown = old.stop().await;
        *self = Self::start(self.port).await;
        shown
    }

    /// A pod that does not run yet.
    fn start_later(port: u16) -> Self {
        Self { port, page: Arc::default(), task: tokio::spawn(async {}) }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(port: u16) -> TcpListener {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await {
            Ok(listener) => return listener,
            // The one before may still be on its way out.
            Err(_) if begun.elapsed() < Duration::from_secs(30) => tokio::task::yield_now().await,
            Err(error) => panic!("127.0.0.1:{port}: {error}"),
        }
    }
}

async fn serve(listener: TcpListener, page: Arc<Mutex<Page>>) {
    let mut scrapes = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                scrapes.spawn(answer(stream, Arc::clone(&page)));
            }
            Some(_) = scrapes.join_next() => {}
        }
    }
}

async fn answer(mut stream: TcpStream, page: Arc<Mutex<Page>>) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0) {
            continue;
        }
        return;
    }
    let (counters, takes) = {
        let page = page.lock().unwrap();
        (if page.refuses { None } else { Some(page.counters.clone()) }, page.takes)
    };
    tokio::time::sleep(takes).await;
    let text = counters.as_ref().map_or_else(
        || "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n".to_owned(),
        |counters| {
            let mut lines = String::new();
            for (name, count) in counters {
                writeln!(lines, "{name} {count}").unwrap();
            }
            let length = lines.len();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: \
                 {length}\r\nConnection: close\r\n\r\n{lines}"
            )
        },
    );
    if stream.write_all(text.as_bytes()).await.is_ok()
        && stream.shutdown().await.is_ok()
        // Until the other end has closed nobody knows whether it took it.
        && stream.read(&mut [0]).await.is_ok_and(|read| read == 0)
        && let Some(counters) = counters
    {
        page.lock().unwrap().shown = counters;
    }
}
