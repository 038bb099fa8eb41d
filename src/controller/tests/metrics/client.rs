//! The client against servers that misbehave.

use core::time::Duration;
use std::fs;
use std::time::Instant;

use serin_controller::prometheus::{Authentication, Client, Fault, QueryError, Settings};

use crate::fake::{Fake, Reply};
use crate::settings;

const AT_MS: u64 = 1_795_445_683_700;

async fn ask(settings: Settings) -> Result<f64, QueryError> {
    let client = Client::new(settings).await.expect("no certificates to read");
    Ok(client.vector("up", AT_MS).await?[0].point.value)
}

async fn fault(reply: Reply) -> Fault {
    let fake = Fake::start(reply).await;
    ask(settings(&fake.address)).await.expect_err("no answer").fault
}

#[tokio::test]
async fn a_question_is_a_form_with_time_and_timeout() {
    let fake = Fake::start(Reply::value("1795445683.7", "1")).await;
    let mut settings = settings(&format!("{}/prefix/", fake.address));
    settings.headers =
        vec![("x-scope-orgid".parse().expect("a name"), "tenant".parse().expect("a value"))];
    assert_eq!(ask(settings).await, Ok(1.0));
    let request = &fake.requests()[0];
    assert!(request.starts_with("POST /prefix/api/v1/query HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nx-scope-orgid: tenant\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\nquery=up&time=1795445683.700&timeout=4500ms"), "{request}");
    assert!(!request.contains("authorization"), "{request}");
}

#[tokio::test]
async fn a_rotated_secret_is_taken_up() {
    let fake = Fake::start(Reply::value("1795445683.7", "1")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let mut settings = settings(&fake.address);
    settings.authentication = Authentication::BearerTokenFile(file.clone());
    let client = Client::new(settings).await.expect("no certificates to read");
    for token in ["first\n", "second\r\n"] {
        fs::write(&file, token).expect("a token");
        client.vector("up", AT_MS).await.expect("an answer");
    }
    fs::remove_file(&file).expect("it is there");
    let error = client.vector("up", AT_MS).await.expect_err("no token");
    assert!(matches!(error.fault, Fault::Setup(_)), "{error}");
    assert!(error.to_string().contains("token"), "{error}");
    let requests = fake.requests();
    assert_eq!(requests.len(), 2, "without its token nothing is asked");
    assert!(requests[0].contains("\r\nauthorization: Bearer first\r\n"), "{}", requests[0]);
    assert!(requests[1].contains("\r\nauthorization: Bearer second\r\n"), "{}", requests[1]);
}

#[tokio::test]
async fn a_password_makes_a_basic_header_and_never_a_message() {
    let fake = Fake::start(Reply::http("401 Unauthorized", "", "no")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    fs::write(&file, "hunter2\n").expect("a password");
    let mut settings = settings(&fake.address);
    settings.authentication =
        Authentication::Basic { username: "serin".to_owned(), password_file: file };
    let error = ask(settings).await.expect_err("not allowed");
    assert_eq!(error.fault, Fault::Status { status: 401, text: "no".to_owned() });
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let request = &fake.requests()[0];
    assert!(request.contains("\r\nauthorization: Basic c2VyaW46aHVudGVyMg==\r\n"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Fake::start(Reply::value("1795445683.7", "1")).await;
    let to = format!("http://user:secret@{}/?token=secret", &elsewhere.address[7..]);
    let reply = Reply::http("307 Temporary Redirect", &format!("location: {to}\r\n"), "");
    let fault = fault(reply).await;
    let shown = Fault::Redirected { status: 307, to: format!("{}/", elsewhere.address) };
    assert_eq!(fault, shown);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn error_bodies_speak_for_themselves() {
    for (status, kind) in [
        ("400 Bad Request", "bad_data"),
        ("422 Unprocessable Entity", "execution"),
        ("503 Service Unavailable", "timeout"),
        ("500 Internal Server Error", "internal"),
    ] {
        let body = format!(r#"{{"status":"error","errorType":"{kind}","error":"told why"}}"#);
        let refused = Fault::Refused { kind: kind.to_owned(), message: "told why".to_owned() };
        assert_eq!(fault(Reply::http(status, "", &body)).await, refused);
    }
}

#[tokio::test]
async fn foreign_answers_are_named() {
    let not_found = fault(Reply::http("404 Not Found", "", "404 page not found\n")).await;
    let text = "404 page not found".to_owned();
    assert_eq!(not_found, Fault::Status { status: 404, text });
    for body in ["", "<html>", "{", r#"{"status":"success"}"#] {
        let fault = fault(Reply::http("200 OK", "", body)).await;
        assert!(matches!(fault, Fault::Unreadable(_)), "{body}: {fault}");
    }
    // A success in the body of a failure is neither.
    let Reply::Bytes(mut bytes) = Reply::value("1795445683.7", "1") else { unreachable!() };
    bytes.splice(9..12, *b"502");
    let fault = fault(Reply::Bytes(bytes)).await;
    assert!(matches!(fault, Fault::Status { status: 502, .. }), "{fault}");
}

#[tokio::test]
async fn a_huge_answer_is_cut_off() {
    let body = "x".repeat(8 * 1024 * 1024 + 1);
    let fault = fault(Reply::http("200 OK", "", &body)).await;
    assert!(matches!(fault, Fault::TooLarge { limit: 8_388_608, .. }), "{fault}");
    assert_eq!(fault.to_string(), "the answer exceeds 8 MiB: let the query aggregate (`sum by …`)");
}

#[tokio::test]
async fn silence_and_slowness_end_at_the_deadline() {
    for reply in [Reply::Silence, Reply::Drip] {
        let fake = Fake::start(reply).await;
        let mut settings = settings(&fake.address);
        settings.timeout = Duration::from_millis(300);
        let begun = Instant::now();
        let error = ask(settings).await.expect_err("no answer");
        assert_eq!(error.fault, Fault::Timeout(Duration::from_millis(300)));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn lost_connections_are_unreachable() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"status\"".to_vec();
    for bytes in [cut, b"SSH-2.0-OpenSSH\r\n".to_vec(), Vec::new()] {
        let fault = fault(Reply::Bytes(bytes)).await;
        assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
    }
    let address = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", gone.local_addr().expect("its address"))
    };
    let error = ask(settings(&address)).await.expect_err("nobody listens");
    assert!(error.to_string().starts_with(&format!("{address}: cannot be reached: ")), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_answer_for_another_time_is_refused() {
    for (at, wrong) in [
        ("1795445684.6", None),
        ("1795445685", Some(1_795_445_685_000)),
        ("1795445600", Some(1_795_445_600_000)),
    ] {
        let fake = Fake::start(Reply::value(at, "1")).await;
        let fault = ask(settings(&fake.address)).await.err().map(|error| error.fault);
        let expected = wrong.map(|at| Fault::WrongTime { asked_ms: AT_MS, answered_ms: at });
        assert_eq!(fault, expected);
    }
}

#[tokio::test]
async fn warnings_and_other_kinds_of_result_are_refused() {
    let body = r#"{"status":"success","warnings":["store is down"],"data":{"resultType":"vector","result":[]}}"#;
    let warned = Fault::Warnings(vec!["store is down".to_owned()]);
    assert_eq!(fault(Reply::http("200 OK", "", body)).await, warned);
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    let kind = Fault::Kind { expected: "vector", got: "matrix" };
    assert_eq!(fault(Reply::http("200 OK", "", body)).await, kind);
}
