//! What the process tests, the demo and the benchmark share: the real Envoy, the real Prometheus
//! and the real controller as child processes, a small web application behind them, a load in
//! front of them, and the rule by which the answers are judged.
//!
//! Everything listens on loopback, on ports that were free a moment before, and every process ends
//! with the value that stands for it, or with the process that started it.

pub mod answering;
pub mod artifacts;
pub mod backfill;
pub mod browser;
pub mod caching;
pub mod chance;
pub mod clock;
pub mod collector;
pub mod configuration;
pub mod controller;
pub mod delivery;
pub mod demo;
pub mod documents;
pub mod envoy;
pub mod flaky;
pub mod hashed;
pub mod http;
pub mod issuer;
pub mod load;
pub mod manifests;
pub mod many;
pub mod patience;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod proxies;
pub mod raw;
pub mod readme;
pub mod receiver;
pub mod rights;
pub mod rules;
pub mod scratch;
pub mod serve;
pub mod shop;
pub mod site;
pub mod soak;
pub mod source;
pub mod stats;
pub mod steady;
pub mod stored;
pub mod trips;
pub mod watch;
pub mod webapp;

mod spawner;
