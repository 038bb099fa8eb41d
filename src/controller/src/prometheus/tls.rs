//! The encrypted connection: whom to trust and what to show.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use super::{Settings, SetupError};

/// The configuration for this address, with the files as they are now.
pub(super) fn client_config(settings: &Settings) -> Result<ClientConfig, SetupError> {
    let builder = match &settings.ca_file {
        Some(file) => versions()?.with_root_certificates(authorities(file)?),
        None => trusting_the_system(settings.address.is_https())?,
    };
    let Some(shown) = &settings.client_certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let what = "the client key";
    let key = PrivateKeyDer::from_pem_file(&shown.key_file)
        .map_err(|error| SetupError::new(what, &shown.key_file, &error))?;
    builder
        .with_client_auth_cert(certificates("the client certificate", &shown.cert_file)?, key)
        .map_err(|error| SetupError::new(what, &shown.key_file, &error))
}

/// The configuration that trusts whom the system trusts and shows nothing.
pub(crate) fn system_config(https: bool) -> Result<ClientConfig, SetupError> {
    Ok(trusting_the_system(https)?.with_no_client_auth())
}

/// The configuration that trusts the authorities of this file and shows nothing.
pub(crate) fn trusting(ca_file: &Path) -> Result<ClientConfig, SetupError> {
    Ok(versions()?.with_root_certificates(authorities(ca_file)?).with_no_client_auth())
}

/// A machine without a certificate store can still speak plain HTTP.
fn trusting_the_system(
    https: bool,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, SetupError> {
    if https {
        versions()?.with_native_roots().map_err(|error| system(&error))
    } else {
        Ok(versions()?.with_root_certificates(RootCertStore::empty()))
    }
}

fn versions() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, SetupError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| system(&error))
}

fn system(error: &dyn ToString) -> SetupError {
    SetupError { what: "the system's certificates", file: PathBuf::new(), why: error.to_string() }
}

fn authorities(file: &Path) -> Result<RootCertStore, SetupError> {
    let what = "the CA file";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, file)? {
        roots.add(certificate).map_err(|error| SetupError::new(what, file, &error))?;
    }
    Ok(roots)
}

fn certificates(
    what: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| SetupError::new(what, file, &error));
    match found {
        Ok(found) if found.is_empty() => {
            Err(SetupError::new(what, file, &"holds no certificate in PEM form"))
        }
        other => other,
    }
}

/// Tells whether a file changed since the connection was set up: certificates are rotated too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    /// Of all files that the connection is set up from.
    pub(super) async fn of(settings: &Settings) -> Self {
        let shown = settings.client_certificate.iter();
        let shown = shown.flat_map(|shown| [&shown.cert_file, &shown.key_file]);
        Self::of_files(settings.ca_file.iter().chain(shown)).await
    }

    /// The present times and sizes; empty, and so always equal, where no file is in use.
    pub(crate) async fn of_files(files: impl Iterator<Item = &PathBuf>) -> Self {
        let mut stamps = Vec::new();
        for file in files {
            let found = tokio::fs::metadata(file).await.ok();
            stamps.push(found.and_then(|found| Some((found.modified().ok()?, found.len()))));
        }
        Self(stamps)
    }
}
