//! An `HTTPRoute`: the real istiod turns it into the routes of a real Envoy, in which the filter marks
//! requests; at a Gateway, and at a sidecar where its parent is a Service.

mod mirror;
mod rollout;
mod stage;
mod weights;
