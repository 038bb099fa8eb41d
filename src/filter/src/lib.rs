//! What the proxy-wasm module does: it marks each request with its variant.
//!
//! ```text
//!              source ──answer──▶ poller ──▶ shared data ──tick──▶ every VM's document
//! request ──▶ decide by the document ──▶ write or remove the mark ──▶ route
//!                      └──▶ counts ──once a second──▶ the proxy's counters
//! end of its stream ──▶ class ──▲
//! ```
//!
//! All logic is written against the traits of [`host`] and runs natively in tests; the crate of the
//! module is the one place that talks to a proxy. What is generic over a request is what every request
//! waits for: it is compiled there, for speed, and all the rest here, for size. Nothing that a request, a configuration or a source says makes it
//! panic, since a panic would take the worker's VM down.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod answer;
pub mod class;
pub mod contexts;
pub mod counts;
#[cfg(test)]
mod fake;
pub mod gauges;
pub mod headers;
pub mod host;
pub mod keys;
pub mod listed;
pub mod metrics;
pub mod plugin;
pub mod responses;
#[cfg(test)]
mod scenarios;
pub mod serving;
pub mod shared;
pub mod source;
#[cfg(feature = "tripwire")]
mod spread;
pub mod stream;
pub mod told;
#[cfg_attr(not(feature = "tripwire"), path = "tripwire/absent.rs")]
pub mod tripwire;
pub mod verdict;
pub mod vm;
