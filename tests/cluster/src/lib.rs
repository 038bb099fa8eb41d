//! A real Kubernetes and a real Istio on one machine, without containers, for tests.
//!
//! `cargo xtask cluster` builds the programs once; [`Cluster`](cluster::Cluster) starts them: etcd,
//! the API server with RBAC, the controllers that roll Deployments out, the scheduler, kwok, which
//! plays a node and the pods on it, and istiod. [`Namespace`](namespace::Namespace) is one test's
//! part of it, [`Pods`](pods::Pods) runs a real process for each played pod,
//! [`Proxy`](proxy::Proxy) is a real Envoy that istiod configures, as a gateway or as a sidecar,
//! [`Agent`](agent::Agent) is Istio's agent before one,
//! [`Operator`](operator::Operator) a replica of the controller with the rights that it is given.
//! [`Shop`](shop::Shop) puts them together, and [`Released`](released::Released) with a release.
//! [`Relay`](relay::Relay) and [`Tunnel`](tunnel::Tunnel) stand between two of them where a test harms
//! what they say to each other.
//!
//! All listens on loopback, on ports that were free a moment before, and every process ends with
//! the value that stands for it or with the program that started it.

pub mod agent;
pub mod apart;
pub mod audit;
pub mod cluster;
pub mod counted;
pub mod drawn;
pub mod flagger;
pub mod gitops;
pub mod hundred;
pub mod image;
pub mod ingress_nginx;
pub mod kubectl;
pub mod namespace;
pub mod objects;
pub mod operator;
pub mod parts;
pub mod pods;
pub mod proxy;
pub mod records;
pub mod relay;
pub mod released;
pub mod shop;
pub mod traefik;
pub mod tunnel;
pub mod unmarked;

mod bootstrap;
mod certificates;
mod control;
mod kubeconfig;
mod mesh;
mod stages;
mod stats_config;
mod watched;
