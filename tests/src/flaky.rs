//! A proxy in front of the real Prometheus that passes its answers on until it is told to do worse:
//! for what no real one can be made to answer.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response};
use serde_json::{Value, json};

use crate::http;
use crate::serve::Server;

/// Above any cap that a client may reasonably have.
const HUGE_BYTES: usize = 32 << 20;
/// An answer as old as this is not the one that was asked for.
const OLD_SECONDS: f64 = 300.0;

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// What Prometheus says.
    Honest,
    /// A page of HTML with status 200.
    Garbage,
    /// The first half of what Prometheus says.
    CutOff,
    /// Status 500 with a text that is not of the query API.
    Broken,
    /// Prometheus' own form of an error, with status 503.
    Refusing,
    /// More than anybody should read.
    Huge,
    /// Nothing, and the connection stays.
    Hanging,
    /// What Prometheus says, with a warning.
    Warning,
    /// What Prometheus says, of five minutes ago, as a cache would.
    Old,
    /// Every value is NaN.
    NotANumber,
    /// No series.
    Empty,
    /// Every series twice.
    Twice,
}

/// A running proxy.
#[derive(Debug)]
pub struct Flaky {
    server: Server,
    mood: Arc<Mutex<Mood>>,
}

impl Flaky {
    /// Starts it in front of the Prometheus on this port, honest.
    ///
    /// # Errors
    /// Where it cannot listen.
    pub async fn start(prometheus: u16) -> Result<Self> {
        let mood = Arc::new(Mutex::new(Mood::Honest));
        let shared = Arc::clone(&mood);
        let server = Server::start(0, move |request| {
            let mood = *shared.lock().unwrap_or_else(PoisonError::into_inner);
            answer(prometheus, request, mood)
        });
        Ok(Self { server: server.await?, mood })
    }

    /// Answers so from the next question on.
    pub fn turn(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Its address for a release file.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }
}

async fn answer(prometheus: u16, request: Request<Incoming>, mood: Mood) -> Response<Full<Bytes>> {
    match mood {
        Mood::Garbage => return respond(200, "<html><h1>It works!</h1></html>"),
        Mood::Broken => return respond(500, "upstream connect error"),
        Mood::Refusing => {
            let body = json!({"status": "error", "errorType": "timeout", "error": "too busy"});
            return respond(503, body.to_string());
        }
        Mood::Huge => return respond(200, vec![b' '; HUGE_BYTES]),
        Mood::Hanging => std::future::pending().await,
        _ => {}
    }
    match forward(prometheus, request).await {
        Ok(answer) if mood == Mood::Honest => respond(answer.status, answer.body),
        Ok(answer) if mood == Mood::CutOff => {
            respond(answer.status, answer.body.slice(..answer.body.len() / 2))
        }
        Ok(answer) => match serde_json::from_slice(&answer.body) {
            Ok(honest) => respond(answer.status, spoilt(honest, mood).to_string()),
            Err(_) => respond(answer.status, answer.body),
        },
        Err(error) => respond(502, format!("{error:#}")),
    }
}

async fn forward(prometheus: u16, request: Request<Incoming>) -> Result<http::Answer> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path_and_query().context("no path")?.to_string();
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let headers: Vec<(&str, &str)> =
        kind.into_iter().map(|kind| (CONTENT_TYPE.as_str(), kind)).collect();
    http::send(prometheus, http::request(head.method, &path, &headers, body)?).await
}

/// An honest answer, made into what the mood asks for.
fn spoilt(mut answer: Value, mood: Mood) -> Value {
    if mood == Mood::Warning
        && let Some(fields) = answer.as_object_mut()
    {
        fields.insert("warnings".to_owned(), json!(["a part of the data is missing"]));
    }
    let Some(series) = answer.pointer_mut("/data/result").and_then(Value::as_array_mut) else {
        return answer;
    };
    match mood {
        Mood::Empty => series.clear(),
        Mood::Twice => {
            let mut others = series.clone();
            for labels in others.iter_mut().filter_map(|one| one.get_mut("metric")) {
                if let Some(labels) = labels.as_object_mut() {
                    labels.insert("replica".to_owned(), json!("b"));
                }
            }
            series.append(&mut others);
        }
        Mood::Old | Mood::NotANumber => series.iter_mut().for_each(|one| spoil_points(one, mood)),
        _ => {}
    }
    answer
}

fn spoil_points(series: &mut Value, mood: Mood) {
    let one = series.get_mut("value").into_iter();
    let points: Vec<&mut Value> = one.collect();
    for point in points {
        spoil_point(point, mood);
    }
    for point in series.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
        spoil_point(point, mood);
    }
}

/// A point is a time in seconds and a value as text.
fn spoil_point(point: &mut Value, mood: Mood) {
    let Some([time, value]) = point.as_array_mut().map(Vec::as_mut_slice) else { return };
    match (mood, time.as_f64()) {
        (Mood::Old, Some(seconds)) => *time = json!(seconds - OLD_SECONDS),
        (Mood::NotANumber, _) => *value = json!("NaN"),
        _ => {}
    }
}

fn respond(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::BAD_GATEWAY);
    response
}

#[cfg(test)]
mod tests {
    use super::{Mood, spoilt};
    use serde_json::{Value, json};

    fn honest() -> Value {
        json!({"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"a": "b"}, "values": [[1000, "1"], [1001, "2"]]},
            {"metric": {}, "value": [1000, "7"]}
        ]}})
    }

    #[test]
    fn spoils_what_it_says_and_nothing_else() {
        let points = |mood| {
            let answer = spoilt(honest(), mood);
            let at = |pointer| answer.pointer(pointer).cloned();
            (at("/data/result/0/values/1"), at("/data/result/1/value"))
        };
        assert_eq!(
            points(Mood::NotANumber),
            (Some(json!([1001, "NaN"])), Some(json!([1000, "NaN"])))
        );
        assert_eq!(points(Mood::Old), (Some(json!([701.0, "2"])), Some(json!([700.0, "7"]))));
        assert_eq!(points(Mood::Empty), (None, None));
        assert_eq!(points(Mood::Warning), (Some(json!([1001, "2"])), Some(json!([1000, "7"]))));
        assert!(spoilt(honest(), Mood::Warning)["warnings"].is_array());
        let twice = spoilt(honest(), Mood::Twice);
        assert_eq!(
            twice.pointer("/data/result/2/metric"),
            Some(&json!({"a": "b", "replica": "b"}))
        );
    }
}
