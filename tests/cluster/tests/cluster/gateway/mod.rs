//! Rollouts by an `HTTPRoute` in the real Traefik.
//!
//! Its provider for Gateway API takes endpoints from `EndpointSlice`s alone, which may not hold loopback
//! addresses: so the tests and their whole cluster run in a network of their own.

mod rollout;
mod scene;
mod weights;
