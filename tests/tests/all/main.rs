//! Tests on the real Envoy, the real proxies, the real Prometheus and the real controller, and of
//! what is written down for users: one program, since most of them wait, and wait together.

mod agreement;
mod alerts;
mod chain;
mod controller;
mod examples;
mod forged_tokens;
mod gitops;
mod identity;
mod images;
mod incidents;
mod install;
mod instructions;
mod logs;
mod lua;
mod module;
mod page;
mod plan;
mod prometheus_faults;
mod proxies;
mod readme;
mod releases;
mod replay;
mod requests;
mod responses;
mod soak;
mod source;
mod tripwire;
mod weights;
