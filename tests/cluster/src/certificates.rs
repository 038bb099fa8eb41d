//! The keys and certificates that the API server needs.

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
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new([])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let server_key = KeyPair::generate()?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let server = CertificateParams::new(names)?.signed_by(&server_key, &issuer)?;
        let accounts_key = KeyPair::generate()?;
        Ok(Self {
            authority: scratch.write("authority.pem", authority_certificate.pem())?,
            server: scratch.write("server.pem", server.pem())?,
            server_key: scratch.write("server-key.pem", server_key.serialize_pem())?,
            accounts_key: scratch.write("accounts-key.pem", accounts_key.serialize_pem())?,
            accounts_public: scratch.write("accounts.pem", accounts_key.public_key_pem())?,
        })
    }
}
