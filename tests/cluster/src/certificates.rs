//! Keys and certificates: those that the API server needs, and those of a server that it asks.

use std::path::PathBuf;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serin_tests::scratch::Scratch;

/// Where they lie.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// What clients trust.
    pub(crate) authority: PathBuf,
    /// What the server shows.
    pub(crate) server: PathBuf,
    /// Its key.
    pub(crate) server_key: PathBuf,
    /// Signs the tokens of service accounts.
    pub(crate) accounts_key: PathBuf,
    /// Tells whether they are genuine.
    pub(crate) accounts_public: PathBuf,
}

impl Certificates {
    /// Makes new ones: the server would make its own, other ones after each start.
    pub(crate) fn make(scratch: &Scratch) -> Result<Self> {
        let pair = Pair::make(&["127.0.0.1", "localhost", "kubernetes.default.svc"])?;
        let accounts_key = KeyPair::generate()?;
        Ok(Self {
            authority: scratch.write("authority.pem", pair.authority)?,
            server: scratch.write("server.pem", pair.server)?,
            server_key: scratch.write("server-key.pem", pair.key)?,
            accounts_key: scratch.write("accounts-key.pem", accounts_key.serialize_pem())?,
            accounts_public: scratch.write("accounts.pem", accounts_key.public_key_pem())?,
        })
    }
}

/// What a server shows, and what its clients have to trust for it; as PEM.
#[derive(Debug)]
pub(crate) struct Pair {
    /// What signed the server's, by a key that nobody has any more.
    pub(crate) authority: String,
    pub(crate) server: String,
    pub(crate) key: String,
}

impl Pair {
    /// Makes new ones for a server of these names.
    pub(crate) fn make(names: &[&str]) -> Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new([])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let server = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        Ok(Self { authority: certificate.pem(), server: server.pem(), key: key.serialize_pem() })
    }
}
