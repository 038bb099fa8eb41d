//! The client of a Prometheus: instant queries, and every outcome that one can have.
//!
//! A gate that trusts an answer must know what it trusts, so nothing is smoothed over here: a
//! warning, a redirect, an answer for another time or a native histogram is an error of its own.

mod address;
mod answer;
mod client;
mod clients;
pub(crate) mod credentials;
mod error;
pub(crate) mod promql;
mod settings;
pub(crate) mod tls;

pub use crate::metrics::{Fault, Labels, Point, QueryError, Sample, Series};
pub use address::{Address, InvalidAddress};
pub use answer::Answer;
pub use client::Client;
pub use clients::Clients;
pub use error::SetupError;
pub use settings::{Authentication, ClientCertificate, Settings};
