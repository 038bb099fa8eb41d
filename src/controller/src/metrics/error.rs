//! What can go wrong with a question.

use core::time::Duration;

use crate::prometheus::SetupError;

/// A question without a usable answer. It names whom was asked, never a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {fault}")]
pub struct QueryError {
    /// Who was asked: the address of a Prometheus, or of a page with metrics.
    pub address: String,
    /// What went wrong.
    pub fault: Fault,
}

/// What went wrong with a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A secret or certificate could not be had, so nothing was asked.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// No connection, or one that broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The answer is larger than a query of this kind may be.
    #[error("the answer exceeds {} MiB: {remedy}", .limit / (1024 * 1024))]
    TooLarge {
        /// The cap, in bytes.
        limit: usize,
        /// What the user can do about it.
        remedy: &'static str,
    },
    /// Sent elsewhere. Redirects are not followed: the credentials are meant for this address.
    #[error("redirects to {to:?} (HTTP {status}), which is not followed; name that address")]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to, without a query.
        to: String,
    },
    /// Prometheus itself refused: `bad_data`, `execution`, `timeout`, `unavailable`, …
    #[error("{kind}: {message}")]
    Refused {
        /// Prometheus' name for the kind of error.
        kind: String,
        /// Its own words.
        message: String,
    },
    /// An HTTP error without the body that Prometheus would send: another server, or a wrong path.
    #[error("HTTP {status} that is not from Prometheus' query API: {text:?}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        text: String,
    },
    /// A body that is not an answer of the query API.
    #[error("the answer is not one of Prometheus' query API: {0}")]
    Unreadable(String),
    /// Part of the data may be missing, so the numbers prove nothing.
    #[error("answered with a warning: {}", .0.join("; "))]
    Warnings(Vec<String>),
    /// A native histogram stands where a number should.
    #[error(
        "answered with a native histogram in place of a number: let the query use histogram_quantile() or histogram_count()"
    )]
    Histogram,
    /// Another kind of result than the question calls for.
    #[error("answered with a {got}, where a {expected} is needed")]
    Kind {
        /// The kind that is needed.
        expected: &'static str,
        /// The kind that came.
        got: &'static str,
    },
    /// An answer for another time, as a cache would give it.
    #[error("answered for another time: asked for {asked_ms}, got {answered_ms} (ms since 1970)")]
    WrongTime {
        /// The time of the question, in milliseconds since 1970.
        asked_ms: u64,
        /// The time of the answer, in milliseconds since 1970.
        answered_ms: u64,
    },
    /// No page with metrics, whatever the answer is.
    #[error("HTTP {status} in place of a page with metrics: {text:?}")]
    NoPage {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        text: String,
    },
    /// A page that is not in Prometheus' text format. None of it counts.
    #[error("line {line} is not in Prometheus' text format: {text:?}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// More series than are kept. The page does not count.
    #[error("more than {limit} series in all: name fewer targets")]
    TooManySeries {
        /// The cap.
        limit: usize,
    },
    /// A name without an address.
    #[error("cannot be resolved: {0}")]
    Unresolved(String),
    /// Too early to say anything.
    #[error("no page has been read yet")]
    NotYet,
}
