//! On a real port, as filters and people reach it.

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::*;
use crate::engine::scripted::{Bench, HEALTHY, clock, scratch};

struct Served {
    _scratch: TempDir,
    bench: Bench,
    stop: tokio::sync::watch::Sender<bool>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

/// Far above what a test needs.
const AMPLE: Limits = Limits { connections: 1000, sending: Duration::from_mins(1), head: 16 << 10 };

async fn serve_bench(known: bool) -> Served {
    serve_within(AMPLE, known).await
}

async fn serve_within(limits: Limits, known: bool) -> Served {
    let (scratch, folder) = scratch();
    let mut metrics = HEALTHY;
    if !known {
        metrics.in_force = Err(());
    }
    let mut bench = Bench::start(&folder, &clock(), metrics);
    let token_file = scratch.path().join("token");
    std::fs::write(&token_file, "0123456789abcdef").unwrap();
    let (give, stop) = Stop::new();
    let app = App {
        releases: Releases::from_iter([bench.handle.clone()]),
        ready: Ready::WithDocument,
        board: Arc::clone(&bench.board),
        telemetry: Arc::new(Telemetry::default()),
        deciding: Deciding::default(),
        access: Access::new(Some(token_file)).unwrap(),
        limits,
        stop,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(serve(listener, app));
    if known {
        bench.until_weight("5%").await;
    }
    Served { _scratch: scratch, bench, stop: give, address, task }
}

#[derive(Debug)]
struct Answered {
    status: u16,
    head: String,
    body: String,
}

impl Answered {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends this and reads until the server closes the connection.
async fn send_and_read(address: SocketAddr, text: impl Into<String>) -> String {
    let text = text.into();
    let read = spawn_blocking(move || {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        connection.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    });
    read.await.unwrap()
}

impl Served {
    /// One request on a connection of its own, with `localhost` as its host.
    async fn ask(&self, request: &str, headers: &str) -> Answered {
        let text =
            format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        let answer = send_and_read(self.address, text).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answered { status, head: head.to_owned(), body: body.to_owned() }
    }
}

#[tokio::test]
async fn the_document_is_served_with_its_etag_and_not_sent_twice() {
    let served = serve_bench(true).await;
    let first = served.ask("GET /v1/assignment", "").await;
    assert_eq!((first.status, first.header("content-type")), (200, Some("application/json")));
    let parsed = serin_document::parse(first.body.as_bytes()).unwrap();
    assert_eq!(parsed.document.rollouts[0].name.as_str(), "demo/shop");
    let etag = first.header("etag").unwrap();
    for known in [etag.to_owned(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let again = served.ask("GET /v1/assignment", &format!("if-none-match: {known}\r\n")).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), Some(etag));
    }
    let other = served.ask("GET /v1/assignment", "if-none-match: \"0\"\r\n").await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_get_is_held_and_answered_as_soon_as_the_document_changes() {
    let served = serve_bench(true).await;
    let etag = served.ask("GET /v1/assignment", "").await.header("etag").unwrap().to_owned();
    let known = format!("if-none-match: {etag}\r\n");

    let asked = Instant::now();
    let unchanged = served.ask("GET /v1/assignment?wait=300ms", &known).await;
    assert_eq!(unchanged.status, 304);
    assert!(asked.elapsed() >= Duration::from_millis(300));

    let waiting = served.ask("GET /v1/assignment?wait=15s", &known);
    let abort = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        served.ask("POST /v1/releases/demo/shop/abort", "").await
    };
    let asked = Instant::now();
    let (news, aborted) = tokio::join!(waiting, abort);
    assert_eq!((news.status, aborted.status), (200, 200), "{news:?} {aborted:?}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(news.json()["rollouts"][0]["weight"], "0%");
}

#[tokio::test]
async fn whoever_waits_is_answered_when_the_controller_ends() {
    let served = serve_bench(true).await;
    let etag = served.ask("GET /v1/assignment", "").await.header("etag").unwrap().to_owned();
    let known = format!("if-none-match: {etag}\r\n");
    let end = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        served.stop.send_replace(true);
    };
    let asked = Instant::now();
    let (answer, ()) = tokio::join!(served.ask("GET /v1/assignment?wait=60s", &known), end);
    assert_eq!(answer.status, 304);
    served.task.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn before_the_state_is_known_there_is_no_document_and_the_controller_is_not_ready() {
    let served = serve_bench(false).await;
    for path in ["/v1/assignment?wait=10s", "/readyz"] {
        let asked = Instant::now();
        let answer = served.ask(&format!("GET {path}"), "").await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.json()["error"].is_string());
        assert!(asked.elapsed() < Duration::from_secs(5), "{path} was held");
    }
    assert_eq!(served.ask("GET /healthz", "").await.status, 200);
    let command = served.ask("POST /v1/releases/demo/shop/pause", "").await;
    assert_eq!(command.status, 503, "{command:?}");
    served.bench.set(|metrics| metrics.in_force = Ok(None));
    let mut shown = served.bench.board.watch();
    shown.wait_for(Option::is_some).await.unwrap();
    assert_eq!(served.ask("GET /readyz", "").await.status, 200);
}

#[tokio::test]
async fn status_has_the_documented_fields() {
    let served = serve_bench(true).await;
    let one = served.ask("GET /v1/releases/demo/shop", "").await.json();
    let fields: Vec<&str> = one.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "alerts",
        "canaryRequests",
        "canaryServes",
        "conditions",
        "decisions",
        "detectable",
        "evidence",
        "frozen",
        "gates",
        "message",
        "name",
        "namespace",
        "observedShare",
        "paused",
        "phase",
        "proxies",
        "publishedAt",
        "reason",
        "revision",
        "salt",
        "step",
        "stepClock",
        "steps",
        "version",
        "weight",
    ];
    assert_eq!(fields, expected);
    assert_eq!((&one["phase"], &one["weight"]), (&"Progressing".into(), &"5%".into()));
    let all = served.ask("GET /v1/releases", "").await.json();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn commands_answer_with_status_or_why_not() {
    let served = serve_bench(true).await;
    let done = served.ask("POST /v1/releases/demo/shop/pause", "").await;
    assert_eq!((done.status, &done.json()["paused"]), (200, &"person".into()), "{done:?}");
    let cases = [
        ("POST /v1/releases/demo/shop/retry", "", 409),
        ("POST /v1/releases/demo/other/pause", "", 404),
        ("POST /v1/releases/demo/shop/explode", "", 404),
        ("GET /v1/releases/demo/shop/pause", "", 405),
        ("GET /v1/releases/demo/other", "", 404),
        ("GET /nothing", "", 404),
        ("GET /v1/releases/%ff/shop", "", 400),
        ("POST /v1/releases/demo/%ff/pause", "", 400),
        ("POST /v1/assignment", "", 405),
        ("GET /v1/assignment?wait=1s&wait=2s", "", 400),
        ("GET /v1/assignment?wait=soon", "", 400),
        ("POST /v1/releases/demo/shop/pause", "origin: https://evil.example\r\n", 403),
        ("POST /v1/releases/demo/shop/pause", "authorization: Bearer wrong\r\n", 401),
        ("POST /v1/releases/demo/shop/pause", "authorization: Bearer 0123456789abcdef\r\n", 200),
    ];
    for (request, headers, status) in cases {
        let answer = served.ask(request, headers).await;
        assert_eq!(answer.status, status, "{request} {headers}");
        assert_eq!(answer.json()["error"].is_string(), status != 200, "{request}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_longer_than_any_command_is_refused() {
    let served = serve_bench(true).await;
    let body = "x".repeat(LONGEST_BODY + 1);
    let headers = format!("content-length: {}\r\n\r\n{body}", body.len());
    let answer = served.ask("POST /v1/releases/demo/shop/pause", &headers).await;
    assert_eq!(answer.status, 413);
    assert!(answer.json()["error"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn the_paths_that_the_root_names_are_there() {
    let served = serve_bench(true).await;
    let root = served.ask("GET /", "").await.json();
    let paths = root["paths"].as_array().unwrap();
    assert!(!paths.is_empty());
    for path in paths {
        let answer = served.ask(&format!("GET {}", path.as_str().unwrap()), "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_in_the_format_that_prometheus_reads() {
    let served = serve_bench(true).await;
    let revision = served.ask("GET /v1/assignment", "").await.json()["revision"].clone();
    let metrics = served.ask("GET /metrics", "").await;
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(metrics.body.ends_with("# EOF\n"));
    let line = format!("serin_document_published_revision {revision}\n");
    assert!(metrics.body.contains(&line), "{}", metrics.body);
}

mod connections;
mod decide;
mod page;
