//! A small web application to stand behind the proxy: it says who it is, and fails or dawdles as
//! told, at start or while it runs.
//!
//! Every answer names the side (`x-webapp-name`) and the version (`x-webapp-version`) that gave it
//! and shows the request as it arrived. An error that it was told to give carries
//! `x-webapp-fault: injected`, so that it can be told from one that a proxy made; so does one that a
//! broken client asked for by `x-broken-client`, whatever the version.
//!
//! `PUT /control` with a JSON [`Behaviour`] changes the way it behaves; `GET /counts` gives what it has
//! answered so far, as [`Counts`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::chance::draw;
use crate::serve::Server;

/// Names the side that answered.
pub const NAME_HEADER: &str = "x-webapp-name";
/// Names the version that answered.
pub const VERSION_HEADER: &str = "x-webapp-version";
/// Marks an error that the application was told to give.
pub const FAULT_HEADER: &str = "x-webapp-fault";
/// A request that carries it fails: some clients send what no version can serve.
pub const BROKEN_CLIENT_HEADER: &str = "x-broken-client";

/// How the application behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behaviour {
    /// The version it gives itself out for.
    pub version: String,
    /// The share of requests that fail with 500, 0.0 to 1.0, evenly spread.
    #[serde(default)]
    pub error_rate: f64,
    /// The chance by which each further request fails with 500, 0.0 to 1.0, one by one.
    #[serde(default)]
    pub noise: f64,
    /// Another one is other noise: requests of the same number then fare differently.
    #[serde(default)]
    pub seed: u32,
    /// How long each answer takes, in milliseconds.
    #[serde(default)]
    pub latency_ms: u64,
}

impl Behaviour {
    /// A version that does what it should.
    #[must_use]
    pub fn healthy(version: &str) -> Self {
        Self { version: version.to_owned(), error_rate: 0.0, noise: 0.0, seed: 0, latency_ms: 0 }
    }
}

/// What an answer's body shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The side's name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Path and query as they arrived.
    pub path: String,
    /// The request's header as it arrived, in order; bytes that are not printable ASCII are escaped
    /// as in a Rust byte string.
    pub headers: Vec<(String, String)>,
}

impl Shown {
    /// All values of a header that arrived, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What an application has answered since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests.
    pub answered: u64,
    /// Those of them that failed.
    pub failed: u64,
}

/// A running application.
#[derive(Debug)]
pub struct WebApp {
    server: Server,
    app: Arc<App>,
}

#[derive(Debug)]
struct App {
    name: String,
    behaviour: Mutex<Behaviour>,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl WebApp {
    /// Starts it on loopback, on a free port where `port` is 0.
    ///
    /// # Errors
    /// Where the port is taken.
    pub async fn start(name: &str, port: u16, behaviour: Behaviour) -> Result<Self> {
        let app = Arc::new(App {
            name: name.to_owned(),
            behaviour: Mutex::new(behaviour),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let shared = Arc::clone(&app);
        let server =
            Server::start(port, move |request| answer(Arc::clone(&shared), request)).await?;
        Ok(Self { server, app })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Changes how it behaves from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.app.behave(behaviour);
    }

    /// How many requests it has answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.app.answered.load(Ordering::Relaxed)
    }
}

impl App {
    fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    fn behaviour(&self) -> Behaviour {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(app: Arc<App>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() == "/control" && request.method() == Method::PUT {
        return control(&app, request).await;
    }
    if request.uri().path() == "/counts" {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let counts = Counts { answered: count(&app.answered), failed: count(&app.failed) };
        return Response::new(Full::new(serde_json::to_vec(&counts).unwrap_or_default().into()));
    }
    let behaviour = app.behaviour();
    if behaviour.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(behaviour.latency_ms)).await;
    }
    let number = app.answered.fetch_add(1, Ordering::Relaxed);
    let fails = fails(number, behaviour.error_rate)
        || falls_to_noise(number, &behaviour)
        || request.headers().contains_key(BROKEN_CLIENT_HEADER);
    let mut response = Response::builder()
        .header(NAME_HEADER, &app.name)
        .header(VERSION_HEADER, &behaviour.version)
        .header("content-type", "application/json");
    if fails {
        app.failed.fetch_add(1, Ordering::Relaxed);
        response =
            response.status(StatusCode::INTERNAL_SERVER_ERROR).header(FAULT_HEADER, "injected");
    }
    let body =
        serde_json::to_vec(&show(&app.name, behaviour.version, &request)).unwrap_or_default();
    response
        .body(Full::new(body.into()))
        .unwrap_or_else(|_| refused("the version is no header value"))
}

/// Whether the request of this number fails: evenly spread, so that ten requests in a row show a
/// rate of 10 % and no luck is needed.
fn fails(number: u64, rate: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "exact for the first 2^53 requests")]
    let (before, after) = (number as f64 * rate, (number + 1) as f64 * rate);
    after.floor() > before.floor()
}

/// Whether the request of this number falls to noise: drawn, but the same in every run.
fn falls_to_noise(number: u64, behaviour: &Behaviour) -> bool {
    let drawn = draw(number ^ u64::from(behaviour.seed) << 32);
    #[expect(clippy::cast_precision_loss, reason = "a chance is no more exact than that")]
    let drawn = drawn as f64 / u64::MAX as f64;
    drawn < behaviour.noise
}

fn show(name: &str, version: String, request: &Request<Incoming>) -> Shown {
    let text = |value: &[u8]| value.escape_ascii().to_string();
    Shown {
        name: name.to_owned(),
        version,
        path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect(),
    }
}

async fn control(app: &App, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let Ok(body) = request.into_body().collect().await else {
        return refused("the body broke off");
    };
    match serde_json::from_slice::<Behaviour>(&body.to_bytes()) {
        Ok(behaviour) => {
            let shares = [("errorRate", behaviour.error_rate), ("noise", behaviour.noise)];
            let wrong = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share));
            if let Some((name, share)) = wrong {
                return refused(&format!("{name} is {share}, allowed is 0 to 1"));
            }
            app.behave(behaviour);
            Response::new(Full::default())
        }
        Err(error) => refused(&error.to_string()),
    }
}

fn refused(why: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(format!("{why}\n").into()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

#[cfg(test)]
mod tests {
    use super::{
        BROKEN_CLIENT_HEADER, Behaviour, Counts, FAULT_HEADER, NAME_HEADER, Shown, WebApp, fails,
        falls_to_noise,
    };
    use crate::http;
    use hyper::Method;

    #[test]
    fn failures_are_spread_evenly_and_in_full() {
        let failed = |rate| (0..1_000).filter(|number| fails(*number, rate)).count();
        assert_eq!((failed(0.0), failed(0.3), failed(1.0)), (0, 300, 1_000));
        assert_eq!((0..10).filter(|number| fails(*number, 0.3)).count(), 3);
    }

    #[test]
    fn noise_is_no_pattern_and_has_its_rate() {
        let fails = |number, noise, seed| {
            falls_to_noise(number, &Behaviour { noise, seed, ..Behaviour::healthy("v1") })
        };
        let failed = |chance| (0..10_000).filter(|number| fails(*number, chance, 0)).count();
        assert_eq!((failed(0.0), failed(1.0)), (0, 10_000));
        // Five standard deviations of a binomial with 10,000 draws of 2 %.
        assert!((130..=270).contains(&failed(0.02)), "{}", failed(0.02));
        let alike = (0..10_000).filter(|it| fails(*it, 0.02, 0) && fails(*it, 0.02, 1)).count();
        assert!(alike < 20, "{alike} fail by either seed");
    }

    #[tokio::test]
    async fn a_broken_client_fails_at_any_version() {
        let app = WebApp::start("stable", 0, Behaviour::healthy("v1")).await.unwrap();
        let broken = [(BROKEN_CLIENT_HEADER, "yes")];
        let request = http::request(Method::GET, "/", &broken, "").unwrap();
        let answer = http::send(app.port(), request).await.unwrap();
        assert_eq!((answer.status, answer.header(FAULT_HEADER)), (500, Some("injected")));
    }

    #[tokio::test]
    async fn behaves_as_told_while_it_runs() {
        let app = WebApp::start("canary", 0, Behaviour::healthy("v2")).await.unwrap();
        let fine = http::get(app.port(), "/cart?user=a").await.unwrap();
        assert_eq!((fine.status, fine.header(NAME_HEADER)), (200, Some("canary")));
        assert_eq!(fine.json::<Shown>().unwrap().path, "/cart?user=a");

        let put =
            |body: &str| http::request(Method::PUT, "/control", &[], body.to_owned()).unwrap();
        let told =
            http::send(app.port(), put(r#"{"version":"v3","errorRate":1.0}"#)).await.unwrap();
        assert_eq!(told.status, 200);
        let bad = http::get(app.port(), "/").await.unwrap();
        assert_eq!((bad.status, bad.header(FAULT_HEADER)), (500, Some("injected")));
        let counts = http::get(app.port(), "/counts").await.unwrap().json::<Counts>().unwrap();
        assert_eq!(counts, Counts { answered: 2, failed: 1 });

        let refused =
            http::send(app.port(), put(r#"{"version":"v3","errorRate":2}"#)).await.unwrap();
        assert_eq!(refused.status, 400);
    }
}
