//! What the controller makes of metrics: of a Prometheus that misbehaves, played by a fake, and of
//! the real one.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails says so by a panic, and its numbers are small"
)]

mod absence;
mod client;
mod counts;
mod fake;
mod gates;
mod history;
mod observer;
mod pods;
mod prometheus;
mod scraped;
mod targets;
mod tls;

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use serin_controller::prometheus::{Authentication, Settings};

/// Settings for a Prometheus at `address`.
fn settings(address: &str) -> Settings {
    Settings {
        address: address.parse().expect("an address"),
        scrape_interval: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        authentication: Authentication::None,
        ca_file: None,
        client_certificate: None,
        headers: Vec::new(),
    }
}

/// The wall clock, in milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("some time yet")
}
