//! Tests on the real API server, the real istiod and real Envoys; each in a namespace of its own.

mod accounts;
mod changed;
mod check;
mod definition;
mod install;
mod mesh;
mod metrics;
mod outage;
mod release;
mod rollout;
mod swap;
