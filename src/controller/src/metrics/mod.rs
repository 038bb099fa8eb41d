//! Metrics from wherever they come: one port, and what passes through it.
//!
//! Questions are asked with a [`Selector`] and answered with raw samples, so that everything that
//! is made of them is made here, in one way for all sources.

mod error;
mod growth;
pub(crate) mod http;
mod selector;
mod series;
mod source;
mod targets;

use std::time::{SystemTime, UNIX_EPOCH};

pub use error::{Fault, QueryError};
pub(crate) use growth::growth;
pub use selector::{Is, Matcher, Selector, Text};
pub use series::{Labels, Point, Sample, Series};
pub use source::{MetricsSettings, Source};
pub use targets::{DnsName, InvalidPage, PageAddress, Scraper, Targets};

/// The wall clock, in milliseconds since 1970: samples are stored by it.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
