//! What stands between a controller and the real API server, and does with its requests what a test
//! says: for faults that must come at one request and no other.
//!
//! It speaks to the API server with the account's own token, so that the account's rights hold. The
//! controller reaches it without TLS, on loopback.

use std::convert::Infallible;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::control;
use crate::kubeconfig;
use crate::kubectl::Kubectl;
use crate::namespace::Namespace;

/// A change that the controller asks the API server for.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// PUT, PATCH, POST or DELETE.
    pub method: Method,
    /// The resource and its name, such as `virtualservices/web` or `canaryreleases/shop/status`.
    pub what: String,
    /// What was sent.
    pub body: Value,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is made and answered.
    Pass,
    /// It never arrives. Nothing goes through until [`Relay::revive`] or [`Relay::go_on`].
    LoseRequest,
    /// It is made, but nobody hears of it. Nothing goes through until then either.
    LoseAnswer,
}

/// Decides on each write.
type Rule = Box<dyn FnMut(&Write) -> Fate + Send>;

/// A running relay.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
    /// The controller's way in.
    kubeconfig: PathBuf,
    task: JoinHandle<()>,
}

struct Shared {
    client: Client,
    rule: Mutex<Rule>,
    /// The writes that the API server took, in their order.
    made: Mutex<Vec<Write>>,
    /// Counts the controllers that were let through: what a dead one has left behind goes nowhere.
    life: AtomicU32,
    /// The write at which all has stopped, and what became of it.
    stopped: watch::Sender<Option<(Write, Fate)>>,
    /// Nothing goes through while this is set.
    cut: watch::Sender<bool>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("stopped", &*self.stopped.borrow()).finish_non_exhaustive()
    }
}

impl Relay {
    /// Starts one for this account, through which all passes.
    ///
    /// # Errors
    /// Where it cannot listen.
    pub async fn start(namespace: &Namespace, account: &Kubectl, name: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            client: control::client(account.kubeconfig()).await?,
            rule: Mutex::new(Box::new(|_| Fate::Pass)),
            made: Mutex::default(),
            life: AtomicU32::new(0),
            stopped: watch::Sender::new(None),
            cut: watch::Sender::new(false),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        let kubeconfig = kubeconfig::write_plain(&namespace.folder()?, name, port)?;
        Ok(Self { port, shared, kubeconfig, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// By which a controller finds it.
    #[must_use]
    pub fn kubeconfig(&self) -> &std::path::Path {
        &self.kubeconfig
    }

    /// From now on this decides on each write.
    pub fn rule(&self, rule: impl FnMut(&Write) -> Fate + Send + 'static) {
        *lock(&self.shared.rule) = Box::new(rule);
    }

    /// Waits until the rule has stopped it at a write.
    ///
    /// # Errors
    /// Never, but when the relay has ended.
    pub async fn stopped(&self) -> Result<(Write, Fate)> {
        let mut stopped = self.shared.stopped.subscribe();
        let found = stopped.wait_for(Option::is_some).await.context("the relay has ended")?;
        found.clone().context("a write")
    }

    /// Lets requests of the next controller through, and none that a dead one has left behind.
    pub fn revive(&self) {
        self.shared.life.fetch_add(1, Ordering::SeqCst);
        self.go_on();
    }

    /// Lets all go on, but for the write at which it stopped.
    pub fn go_on(&self) {
        self.shared.stopped.send_replace(None);
    }

    /// Cuts the way to the API server, or mends it: what is under way then waits, watches too, as
    /// when packets are lost.
    pub fn cut(&self, cut: bool) {
        self.shared.cut.send_replace(cut);
    }

    /// The writes that the API server took, oldest first.
    #[must_use]
    pub fn made(&self) -> Vec<Write> {
        lock(&self.shared.made).clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Aborts the connections with the loop.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let shared = Arc::clone(&shared);
                        async move { Ok::<_, Infallible>(shared.pass_on(request).await) }
                    });
                    // A controller that goes away is what tests are about.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// What is answered: watches have no end.
type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

impl Shared {
    async fn pass_on(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let life = self.life.load(Ordering::SeqCst);
        self.is_open(life).await;
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let body = body.unwrap_or_default();
        let write = (parts.method != Method::GET).then(|| Write {
            method: parts.method.clone(),
            what: resource(parts.uri.path()),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
        let mut onward = Request::builder().method(parts.method).uri(parts.uri);
        for (name, value) in &parts.headers {
            if ![HOST, AUTHORIZATION, CONNECTION, CONTENT_LENGTH].contains(name) {
                onward = onward.header(name, value);
            }
        }
        let fate = self.fate(write.as_ref());
        if fate == Fate::LoseRequest {
            return self.stop(write, fate).await;
        }
        let answer = match onward.body(Body::from(body)) {
            Ok(onward) => self.client.send(onward).await,
            Err(error) => return failed(&error),
        };
        if answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
            lock(&self.made).extend(write.clone());
        }
        if fate == Fate::LoseAnswer {
            return self.stop(write, fate).await;
        }
        self.is_open(life).await;
        match answer {
            Ok(answer) => self.handed_over(answer, life),
            Err(error) => failed(&error),
        }
    }

    /// Waits while nothing may go through, for ever where it came in another life.
    async fn is_open(&self, life: u32) {
        let open = async {
            self.cut.subscribe().wait_for(|cut| !cut).await.ok()?;
            self.stopped.subscribe().wait_for(Option::is_none).await.ok().map(drop)
        };
        if open.await.is_none() || self.life.load(Ordering::SeqCst) != life {
            std::future::pending::<()>().await;
        }
    }

    fn fate(&self, write: Option<&Write>) -> Fate {
        write.map_or(Fate::Pass, |write| lock(&self.rule)(write))
    }

    async fn stop(&self, write: Option<Write>, fate: Fate) -> Answer {
        self.stopped.send_replace(write.map(|write| (write, fate)));
        std::future::pending().await
    }

    fn handed_over(self: Arc<Self>, answer: Response<Body>, life: u32) -> Answer {
        let (mut parts, body) = answer.into_parts();
        for header in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            parts.headers.remove(header);
        }
        let frames = body.into_data_stream().and_then(move |bytes| {
            let shared = Arc::clone(&self);
            async move {
                shared.is_open(life).await;
                Ok(hyper::body::Frame::data(bytes))
            }
        });
        Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
    }
}

fn failed(error: &dyn fmt::Display) -> Answer {
    let text = Full::new(Bytes::from(format!("the API server: {error}")));
    let mut answer = Response::new(text.map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

/// What a path names: the resource and all that follows it, without group, version and namespace.
fn resource(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let skipped = if parts.first() == Some(&"api") { 2 } else { 3 };
    let rest = parts.get(skipped..).unwrap_or_default();
    let rest = if rest.first() == Some(&"namespaces") && rest.len() > 2 {
        rest.get(2..).unwrap_or_default()
    } else {
        rest
    };
    rest.join("/")
}

#[cfg(test)]
mod tests {
    use super::resource;

    #[test]
    fn a_path_names_what_it_is_about() {
        for (path, what) in [
            (
                "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/web",
                "virtualservices/web",
            ),
            (
                "/apis/serin.dev/v1alpha1/namespaces/shop/canaryreleases/web/status",
                "canaryreleases/web/status",
            ),
            ("/api/v1/namespaces/shop", "namespaces/shop"),
            ("/apis/serin.dev/v1alpha1/canaryreleases", "canaryreleases"),
        ] {
            assert_eq!(resource(path), what);
        }
    }
}
