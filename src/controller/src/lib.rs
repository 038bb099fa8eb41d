//! The controller: moves the weights of releases, gated by Prometheus.
//!
//! What to do is decided by `serin_rollout::decide`, which knows no I/O. Around it stand, one
//! module each: what the user asked for ([`release`], and [`crd`] for Kubernetes), what can be seen ([`metrics`], [`prometheus`],
//! [`gates`], [`observe`]), what is remembered ([`store`]), what filters are told ([`publish`]), the loop that
//! joins them ([`engine`]), and what people and programs see and do ([`status`], [`telemetry`],
//! [`server`], [`cli`]).

pub mod cli;
pub mod convert;
pub mod counts;
pub mod crd;
pub mod decide;
pub mod engine;
pub mod folded;
pub mod gates;
mod input;
pub mod metrics;
pub mod notify;
pub mod observe;
pub mod operator;
pub mod prometheus;
pub mod publish;
pub mod release;
pub mod run;
pub mod serve_assign;
pub mod server;
mod serving;
pub mod status;
pub mod store;
pub mod telemetry;
mod webhook;
