//! Tests on the real API server, the real istiod and real Envoys; each in a namespace of its own.

mod accounts;
mod changed;
mod check;
mod cut;
mod definition;
mod http_route;
mod ingress;
mod install;
mod kills;
mod leaders;
mod linkerd;
mod mesh;
mod metrics;
mod mirror;
mod mirror_kills;
mod moves;
mod only_weights;
mod outage;
mod pods;
mod release;
mod rollout;
mod route;
mod swap;
mod traefik;
mod traefik_rollout;
mod versions;
