//! How a Prometheus is reached.

use core::time::Duration;
use std::path::PathBuf;

use hyper::header::{HeaderName, HeaderValue};

use super::Address;

/// How a Prometheus is reached, and how often it scrapes.
///
/// Secrets are named by file and read at each use, so that a rotated one is taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub address: Address,
    /// How often it scrapes the proxies: what "the last three scrapes" means in time.
    pub scrape_interval: Duration,
    /// The longest time that one query may take.
    pub timeout: Duration,
    /// Who asks.
    pub authentication: Authentication,
    /// PEM file of the authorities to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show.
    pub client_certificate: Option<ClientCertificate>,
    /// Headers to send along, such as a tenant's name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Settings {
    /// What a Prometheus scrapes by, where its configuration is the common one.
    pub const DEFAULT_SCRAPE_INTERVAL: Duration = Duration::from_secs(15);
    /// Long enough for a query over ten minutes of a large mesh, short enough for a gate to be
    /// read more than once a scrape.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Nobody in particular.
    #[default]
    None,
    /// `authorization: Bearer`, with the token in this file.
    BearerTokenFile(PathBuf),
    /// `authorization: Basic`.
    Basic {
        /// The user's name; no `:`.
        username: String,
        /// The file that holds the password.
        password_file: PathBuf,
    },
}

/// A certificate with its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain, the own certificate first.
    pub cert_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}
