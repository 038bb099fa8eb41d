//! The client over TLS, with certificates made for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serin_controller::prometheus::{Client, ClientCertificate, Fault, Settings};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::fake::{Reply, serve};
use crate::settings;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
        .expect("a certificate")
}

/// Writes a certificate for loopback and its key.
fn issue(by: &Authority, folder: &Path, name: &str) -> ClientCertificate {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let certificate = params.signed_by(&key, by).expect("a certificate");
    ClientCertificate {
        cert_file: write(folder, &format!("{name}.pem"), &certificate.pem()),
        key_file: write(folder, &format!("{name}.key"), &key.serialize_pem()),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// A server that asks its callers for a certificate by `trusted`.
struct Server {
    address: String,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(shown: &ClientCertificate, trusted: &Authority) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(trusted.der().clone()).expect("an authority");
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .expect("a verifier");
        let certificate =
            CertificateDer::from_pem_file(&shown.cert_file).expect("the server's certificate");
        let key = PrivateKeyDer::from_pem_file(&shown.key_file).expect("the server's key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)
            .expect("a configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("https://{}", listener.local_addr().expect("its address"));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let heard = Arc::new(Mutex::new(Vec::new()));
                    serve(stream, Reply::value("1.000", "1"), heard).await;
                }
            }
        });
        Self { address, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn ask(client: &Client) -> Result<(), Fault> {
    client.vector("up", 1000).await.map(drop).map_err(|error| error.fault)
}

#[tokio::test]
async fn certificates_are_checked_shown_and_taken_up_when_rotated() {
    let folder = tempfile::tempdir().expect("a folder");
    let (good, other) = (authority(), authority());
    let server = Server::start(&issue(&good, folder.path(), "server"), &good).await;
    let settings = Settings {
        ca_file: Some(write(folder.path(), "ca.pem", &good.pem())),
        client_certificate: Some(issue(&good, folder.path(), "client")),
        ..settings(&server.address)
    };
    let client = Client::new(settings.clone()).await.expect("good certificates");
    assert_eq!(ask(&client).await, Ok(()));

    // Rotated to one that the server does not trust, and back: without a restart.
    issue(&other, folder.path(), "client");
    let refused = ask(&client).await;
    assert!(matches!(refused, Err(Fault::Unreachable(_))), "{refused:?}");
    issue(&good, folder.path(), "client");
    assert_eq!(ask(&client).await, Ok(()));

    let nobody = Settings { client_certificate: None, ..settings.clone() };
    let refused = ask(&Client::new(nobody).await.expect("a good authority")).await;
    assert!(matches!(refused, Err(Fault::Unreachable(_))), "{refused:?}");

    let doubting = Settings {
        ca_file: Some(write(folder.path(), "other.pem", &other.pem())),
        ..settings.clone()
    };
    let refused = ask(&Client::new(doubting).await.expect("an authority")).await;
    let Err(Fault::Unreachable(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn files_that_hold_no_certificate_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = write(folder.path(), "empty.pem", "");
    let settings = Settings { ca_file: Some(empty.clone()), ..settings("https://127.0.0.1:1") };
    let error = Client::new(settings.clone()).await.expect_err("no certificate").to_string();
    assert_eq!(error, format!("the CA file {}: holds no certificate in PEM form", empty.display()));
    let missing = ClientCertificate { cert_file: "no.pem".into(), key_file: "no.key".into() };
    let settings = Settings { ca_file: None, client_certificate: Some(missing), ..settings };
    let error = Client::new(settings).await.expect_err("no key").to_string();
    assert!(error.starts_with("the client key no.key: "), "{error}");
}
