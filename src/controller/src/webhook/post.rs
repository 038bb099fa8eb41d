//! One message and its answer.

use core::time::Duration;
use std::path::{Path, PathBuf};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::sign::Key;
use crate::metrics::http::{self, Cap, Http};
use crate::prometheus::credentials;
use crate::prometheus::tls::{self, Stamp};

/// Of an answer's body only the beginning of what it says is of use.
const ANSWER: Cap = Cap { bytes: 64 << 10, remedy: "an answer is a status and a few words" };

/// Where messages go. Addresses and keys in files are read anew for each; authorities where their file
/// has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: Address,
    /// The file with the key by which messages are signed.
    pub(crate) signing_key_file: Option<PathBuf>,
    /// PEM file of the authorities to trust in place of the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// An address. That of a chat room is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// As it was written.
    Plain(Uri),
    /// The file that holds it.
    File(PathBuf),
}

/// The way to a target: its connection, made with the first message, and what it was made for.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    connected: Mutex<Option<(MadeFor, Http)>>,
}

#[derive(Debug, PartialEq, Eq)]
struct MadeFor {
    /// The authorities that it trusts.
    stamp: Stamp,
    /// Whether it trusts any: an address that is read from a file may have become one of TLS.
    tls: bool,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The HTTP status. A redirect is not followed: what is signed is meant for one address.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body's beginning.
    pub(crate) said: String,
}

impl Mailbox {
    /// Posts JSON and waits for the answer no longer than `patience`. With an id come the headers of
    /// the specification; the same message has the same id at each try, so that who gets it can tell
    /// that it is there already.
    ///
    /// # Errors
    /// Why there is no answer; never an address or a key.
    pub(crate) async fn post(
        &self,
        target: &Target,
        id: Option<&str>,
        body: String,
        patience: Duration,
    ) -> Result<Answer, String> {
        let posted = tokio::time::timeout(patience, self.try_to(target, id, body)).await;
        posted.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs_f64())))
    }

    async fn try_to(
        &self,
        target: &Target,
        id: Option<&str>,
        body: String,
    ) -> Result<Answer, String> {
        let request = request(target, id, body).await?;
        let http = self.http(target, request.uri()).await?;
        let answer = http.request(request).await;
        let answer = answer.map_err(|error| http::unreachable(&error).to_string())?;
        let (head, body) = answer.into_parts();
        let said = http::read(body, &ANSWER).await;
        // A status says enough where the words are cut off.
        let said = said.map(|said| http::beginning(&said)).unwrap_or_default();
        Ok(Answer { status: head.status, headers: head.headers, said })
    }

    /// The connection, set up anew where an authority was rotated.
    async fn http(&self, target: &Target, uri: &Uri) -> Result<Http, String> {
        let stamp = Stamp::of_files(target.ca_file.iter()).await;
        let made_for = MadeFor { stamp, tls: uri.scheme_str() == Some("https") };
        let mut connected = self.connected.lock().await;
        if let Some((_, http)) = connected.as_ref().filter(|(known, _)| *known == made_for) {
            return Ok(http.clone());
        }
        let http = connect(target, made_for.tls)?;
        *connected = Some((made_for, http.clone()));
        Ok(http)
    }
}

impl Answer {
    /// The status and the words, for people.
    pub(crate) fn told(&self) -> String {
        let status = self.status.as_u16();
        if self.said.is_empty() {
            format!("answered HTTP {status}")
        } else {
            format!("answered HTTP {status}: {:?}", self.said)
        }
    }
}

/// An address that can be posted to.
pub(crate) fn uri(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let fits = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    fits.then_some(uri)
}

fn connect(target: &Target, tls: bool) -> Result<Http, String> {
    let config = match &target.ca_file {
        Some(file) => tls::trusting(file),
        None => tls::system_config(tls),
    };
    config.map(http::connections).map_err(|error| error.to_string())
}

async fn request(
    target: &Target,
    id: Option<&str>,
    body: String,
) -> Result<Request<Full<Bytes>>, String> {
    let key = match &target.signing_key_file {
        Some(file) => Some(Key::parse(&secret("the signing key", file).await?)?),
        None => None,
    };
    let labels = id.map(|id| labels(id, Timestamp::now().as_second(), key.as_ref(), &body));
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(address(&target.address).await?)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("serin/", env!("CARGO_PKG_VERSION")))
        .body(Full::from(body))
        .map_err(|error| error.to_string())?;
    for (name, value) in labels.into_iter().flatten() {
        let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// The headers of the specification; the time is in seconds since 1970.
fn labels(id: &str, seconds: i64, key: Option<&Key>, body: &str) -> Vec<(&'static str, String)> {
    let signature = key.map(|key| ("webhook-signature", key.signature(id, seconds, body)));
    let mut labels =
        vec![("webhook-id", id.to_owned()), ("webhook-timestamp", seconds.to_string())];
    labels.extend(signature);
    labels
}

async fn address(address: &Address) -> Result<Uri, String> {
    match address {
        Address::Plain(uri) => Ok(uri.clone()),
        Address::File(path) => {
            let text = secret("the address", path).await?;
            uri(&text).ok_or_else(|| format!("{} holds no `https://` address", path.display()))
        }
    }
}

/// A secret without the spaces that were copied along with it.
async fn secret(what: &'static str, file: &Path) -> Result<String, String> {
    let text = credentials::secret(what, file).await.map_err(|error| error.to_string())?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::CertifiedKey;
    use rustls::ServerConfig;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn certified() -> CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap()
    }

    /// Answers 204 to one message a connection.
    async fn receiver(shown: &CertifiedKey<rcgen::KeyPair>) -> Uri {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(shown.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![shown.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 4_096]).await;
                    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        format!("https://127.0.0.1:{port}/hook").parse().unwrap()
    }

    #[tokio::test]
    async fn authorities_that_were_rotated_are_trusted_from_the_next_message_on() {
        let (shown, other) = (certified(), certified());
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("ca.pem");
        std::fs::write(&file, other.cert.pem()).unwrap();
        let target = Target {
            address: Address::Plain(receiver(&shown).await),
            signing_key_file: None,
            ca_file: Some(file.clone()),
        };
        let mailbox = Mailbox::default();
        let post = || mailbox.post(&target, None, "{}".to_owned(), Duration::from_secs(20));
        post().await.unwrap_err();
        std::fs::write(&file, format!("{}{}", other.cert.pem(), shown.cert.pem())).unwrap();
        assert_eq!(post().await.unwrap().status, StatusCode::NO_CONTENT);
        std::fs::write(&file, other.cert.pem()).unwrap();
        post().await.unwrap_err();
    }

    #[test]
    fn every_try_has_the_same_id_and_a_time_of_its_own() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let first = labels("shop/checkout/17", 10, Some(&key), "{}");
        let second = labels("shop/checkout/17", 20, Some(&key), "{}");
        assert_eq!(first.first(), Some(&("webhook-id", "shop/checkout/17".to_owned())));
        assert_eq!(first.first(), second.first());
        assert_eq!(first.get(1), Some(&("webhook-timestamp", "10".to_owned())));
        assert_ne!(first.get(2), second.get(2));
        assert_eq!(labels("shop/checkout/17", 10, None, "{}").len(), 2);
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        assert!(uri("https://example.com/hook").is_some());
        for text in ["", "example.com", "ftp://example.com", "/hook", "https://"] {
            assert!(uri(text).is_none(), "{text}");
        }
    }
}
