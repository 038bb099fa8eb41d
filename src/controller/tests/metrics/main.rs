//! What the controller makes of metrics: of a Prometheus that misbehaves, played by a fake, and of
//! the real one.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails says so by a panic, and its numbers are small"
)]

mod client;
mod fake;
mod gates;
mod history;
mod observer;
mod prometheus;
mod targets;
mod tls;

use core::time::Duration;

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
