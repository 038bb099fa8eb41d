//! Asking: one POST, with a deadline and a cap.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use tokio::sync::Semaphore;

use super::tls::Stamp;
use super::{Answer, Settings, SetupError};
use super::{answer, credentials, tls};
use crate::metrics::http::{self, Cap, Http};
use crate::metrics::{Fault, Labels, Point, QueryError, Sample, Series};

/// For the user's own queries. A window of 240 points of 1,000 series is half of it; more is a
/// query that forgot to aggregate.
const OWN: Cap = Cap { bytes: 8 * 1024 * 1024, remedy: "let the query aggregate (`sum by …`)" };

/// For all samples of a rollout, which cannot be aggregated: a proxy has up to 204 series (2
/// variants, 16 cohorts and none, 6 classes) of some 400 bytes with five samples each.
const ALL: Cap = Cap {
    bytes: 32 * 1024 * 1024,
    remedy: "it holds the counters of some 400 proxies; name a Prometheus that has only the \
             proxies of this release",
};

/// How far the time of an answer may lie from the time of the question: other implementations
/// of the API round to seconds.
const TIME_TOLERANCE: Duration = Duration::from_secs(1);

/// The share of the deadline that Prometheus itself is given, so that its own "timed out" (which
/// says more than silence) comes before ours.
const SERVER_SHARE: f64 = 0.9;

/// So many questions are asked at once; further ones wait within their own deadline. By default a
/// Prometheus answers twenty at a time and lets in 512 connections, of others too.
const AT_ONCE: usize = 16;

/// A client of one Prometheus. Cheap to share: connections are kept and used again.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    connections: Mutex<(Stamp, Http)>,
    asking: Semaphore,
}

impl Client {
    /// A client for these settings; certificates are read, nothing is asked yet.
    ///
    /// # Errors
    /// [`SetupError`] where a certificate or key cannot be used.
    pub async fn new(settings: Settings) -> Result<Self, SetupError> {
        let stamp = Stamp::of(&settings).await;
        let http = connect(&settings)?;
        let asking = Semaphore::new(AT_ONCE);
        Ok(Self { settings, connections: Mutex::new((stamp, http)), asking })
    }

    /// What the client was made from.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Evaluates `query` as of `at_ms` (milliseconds since 1970).
    ///
    /// # Errors
    /// [`QueryError`]: every outcome other than a complete answer for that time.
    pub async fn query(&self, query: &str, at_ms: u64) -> Result<Answer, QueryError> {
        self.query_within(&OWN, query, at_ms).await
    }

    /// Like [`Client::query`], where one value a series is needed; a scalar is a series without
    /// labels.
    ///
    /// # Errors
    /// [`QueryError`], also where the query gives something else.
    pub async fn vector(&self, query: &str, at_ms: u64) -> Result<Vec<Sample>, QueryError> {
        self.vector_of(self.query(query, at_ms).await?)
    }

    /// Like [`Client::query`], where raw samples are needed (`metric[1m]`).
    ///
    /// # Errors
    /// [`QueryError`], also where the query gives something else.
    pub async fn matrix(&self, query: &str, at_ms: u64) -> Result<Vec<Series>, QueryError> {
        self.matrix_of(self.query(query, at_ms).await?)
    }

    /// Like [`Client::vector`], for the newest values of all series of a rollout.
    pub(crate) async fn all_last(
        &self,
        query: &str,
        at_ms: u64,
    ) -> Result<Vec<Sample>, QueryError> {
        self.vector_of(self.query_within(&ALL, query, at_ms).await?)
    }

    /// Like [`Client::matrix`], for all series of a rollout.
    pub(crate) async fn all_samples(
        &self,
        query: &str,
        at_ms: u64,
    ) -> Result<Vec<Series>, QueryError> {
        self.matrix_of(self.query_within(&ALL, query, at_ms).await?)
    }

    async fn query_within(&self, cap: &Cap, query: &str, at_ms: u64) -> Result<Answer, QueryError> {
        let limit = self.settings.timeout;
        let asked = tokio::time::timeout(limit, self.ask(cap, query, at_ms)).await;
        asked.unwrap_or(Err(Fault::Timeout(limit))).map_err(|fault| self.error(fault))
    }

    fn vector_of(&self, answer: Answer) -> Result<Vec<Sample>, QueryError> {
        match answer {
            Answer::Vector(samples) => Ok(samples),
            Answer::Scalar(point) => Ok(vec![Sample { labels: Labels::new(), point }]),
            other @ Answer::Matrix(_) => Err(self.unexpected("vector", &other)),
        }
    }

    fn matrix_of(&self, answer: Answer) -> Result<Vec<Series>, QueryError> {
        match answer {
            Answer::Matrix(series) => Ok(series),
            other => Err(self.unexpected("matrix", &other)),
        }
    }

    fn unexpected(&self, expected: &'static str, got: &Answer) -> QueryError {
        self.error(Fault::Kind { expected, got: got.kind() })
    }

    fn error(&self, fault: Fault) -> QueryError {
        QueryError { address: self.settings.address.to_string(), fault }
    }

    async fn ask(&self, cap: &Cap, query: &str, at_ms: u64) -> Result<Answer, Fault> {
        // It is never closed.
        let _turn = self.asking.acquire().await.ok();
        let request = self.request(query, at_ms).await?;
        let response =
            self.http().await?.request(request).await.map_err(|error| http::unreachable(&error))?;
        let (head, body) = response.into_parts();
        if head.status.is_redirection() {
            return Err(http::redirected(head.status, &head.headers));
        }
        let body = http::read(body, cap).await?;
        match answer::read(&body) {
            // Prometheus' own errors speak for themselves, with whatever status.
            Err(fault @ Fault::Refused { .. }) => Err(fault),
            _ if !head.status.is_success() => {
                Err(Fault::Status { status: head.status.as_u16(), text: http::beginning(&body) })
            }
            Ok(answer) => checked(answer, at_ms),
            Err(fault) => Err(fault),
        }
    }

    async fn request(&self, query: &str, at_ms: u64) -> Result<Request<Full<Bytes>>, Fault> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("query", query)
            .append_pair("time", &format!("{}.{:03}", at_ms / 1000, at_ms % 1000))
            .append_pair("timeout", &server_timeout(self.settings.timeout))
            .finish();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.settings.address.endpoint("/api/v1/query"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form))
            .map_err(|error| Fault::Unreachable(error.to_string()))?;
        for (name, value) in &self.settings.headers {
            request.headers_mut().append(name, value.clone());
        }
        if let Some(value) = credentials::authorization(&self.settings.authentication).await? {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// The connections, set up anew when a certificate was rotated.
    async fn http(&self) -> Result<Http, Fault> {
        let stamp = Stamp::of(&self.settings).await;
        let mut held = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != stamp {
            *held = (stamp, connect(&self.settings)?);
        }
        Ok(held.1.clone())
    }
}

fn connect(settings: &Settings) -> Result<Http, SetupError> {
    Ok(http::connections(tls::client_config(settings)?))
}

fn server_timeout(own: Duration) -> String {
    format!("{}ms", own.mul_f64(SERVER_SHARE).as_millis().max(1))
}

/// Refuses an answer for another time. The points of a matrix lie in the past by nature; none
/// may lie in the future.
fn checked(answer: Answer, asked_ms: u64) -> Result<Answer, Fault> {
    let off =
        |point: &Point| Duration::from_millis(point.at_ms.abs_diff(asked_ms)) > TIME_TOLERANCE;
    let wrong = match &answer {
        Answer::Vector(samples) => samples.iter().map(|sample| sample.point).find(off),
        Answer::Scalar(point) => Some(*point).filter(off),
        Answer::Matrix(series) => series
            .iter()
            .filter_map(|series| series.points.last().copied())
            .find(|point| point.at_ms > asked_ms && off(point)),
    };
    match wrong {
        Some(point) => Err(Fault::WrongTime { asked_ms, answered_ms: point.at_ms }),
        None => Ok(answer),
    }
}
