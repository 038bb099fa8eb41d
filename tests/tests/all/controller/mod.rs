//! The real controller with the real Envoy and Prometheus: killed at every stored step, told what
//! to do by people, robbed of its state.

mod asked;
mod kills;
mod people;
mod state;
mod targets;
mod told;

use std::time::Duration;

/// A phase takes seconds; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_mins(1);
