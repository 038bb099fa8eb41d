//! One try to deliver a message.

use core::time::Duration;
use std::path::Path;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::receivers::{Address, Receiver};
use super::sign::Key;
use super::{Notice, body, file};
use crate::metrics::http::{self, Cap, Http};
use crate::prometheus::tls;

/// How long a receiver may take to answer. Chat services ask for it at once or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nothing in an answer's body matters but for the beginning of what it says against a message.
const ANSWER: Cap = Cap { bytes: 64 << 10, remedy: "a receiver answers with a status" };

/// The way to one receiver: its connection, made with the first message.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    http: OnceCell<Http>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The receiver has it.
    Delivered,
    /// Another try may go better, no sooner than this where the receiver said so.
    Later {
        /// What went wrong; never an address, which may be a secret.
        why: String,
        /// As the receiver asked.
        after: Option<Duration>,
    },
    /// The receiver understood the request and will not have this message.
    Refused {
        /// The receiver's status and words.
        why: String,
    },
}

impl Delivery {
    /// Tries once.
    pub(crate) async fn attempt(&self, receiver: &Receiver, notice: &Notice) -> Attempt {
        let tried = tokio::time::timeout(PATIENCE, self.post(receiver, notice)).await;
        match tried {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(why)) => Attempt::Later { why, after: None },
            Err(_) => {
                let why = format!("no answer within {} s", PATIENCE.as_secs());
                Attempt::Later { why, after: None }
            }
        }
    }

    async fn post(&self, receiver: &Receiver, notice: &Notice) -> Result<Attempt, String> {
        let request = request(receiver, notice).await?;
        let http = self.http.get_or_try_init(async || connect(receiver)).await?;
        let answer = http.request(request).await;
        let answer = answer.map_err(|error| http::unreachable(&error).to_string())?;
        let (head, body) = answer.into_parts();
        let said = http::read(body, &ANSWER).await;
        // What a receiver sends along with its yes is its own matter.
        let said = said.map(|said| http::beginning(&said)).unwrap_or_default();
        Ok(judge(head.status, &head.headers, &said))
    }
}

fn connect(receiver: &Receiver) -> Result<Http, String> {
    let tls = match &receiver.ca_file {
        Some(file) => tls::trusting(file),
        None => tls::system_config(true),
    };
    tls.map(http::connections).map_err(|error| error.to_string())
}

/// What an answer means.
fn judge(status: StatusCode, headers: &HeaderMap, said: &str) -> Attempt {
    let why = if said.is_empty() {
        format!("answered HTTP {}", status.as_u16())
    } else {
        format!("answered HTTP {}: {said:?}", status.as_u16())
    };
    match status {
        status if status.is_success() => Attempt::Delivered,
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Attempt::Refused { why },
        // A redirect too: a message with a signature is meant for this address.
        _ => Attempt::Later { why, after: retry_after(headers) },
    }
}

/// Seconds, as all chat services send them.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn request(receiver: &Receiver, notice: &Notice) -> Result<Request<Full<Bytes>>, String> {
    let text = body::of(notice, receiver.format).to_string();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(address(&receiver.address).await?)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("serin/", env!("CARGO_PKG_VERSION")))
        .body(Full::from(text.clone()))
        .map_err(|error| error.to_string())?;
    if receiver.format == super::receivers::Format::Webhook {
        let now = Timestamp::now().as_second();
        let key = match &receiver.signing_key_file {
            Some(file) => Some(Key::parse(&secret("the signing key", file).await?)?),
            None => None,
        };
        for (name, value) in labels(notice, now, key.as_ref(), &text) {
            let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

/// The headers of the Standard Webhooks specification. The id stays the same over all tries, so that
/// a receiver can tell a message that it has already.
fn labels(
    notice: &Notice,
    seconds: i64,
    key: Option<&Key>,
    body: &str,
) -> Vec<(&'static str, String)> {
    let id = format!("{}/{}/{}", notice.key(), notice.number, notice.at.as_millisecond());
    let signature = key.map(|key| ("webhook-signature", key.signature(&id, seconds, body)));
    let mut labels = vec![("webhook-id", id), ("webhook-timestamp", seconds.to_string())];
    labels.extend(signature);
    labels
}

async fn address(address: &Address) -> Result<Uri, String> {
    match address {
        Address::Plain(uri) => Ok(uri.clone()),
        Address::File(path) => {
            let text = secret("the address", path).await?;
            file::uri(&text)
                .ok_or_else(|| format!("{} holds no `https://` address", path.display()))
        }
    }
}

/// A secret, without the line end that editors put behind it.
async fn secret(what: &str, path: &Path) -> Result<String, String> {
    let text = tokio::fs::read_to_string(path).await;
    let text = text.map_err(|error| format!("{what}: {}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::example;

    fn judged(status: u16) -> Attempt {
        judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), "")
    }

    #[test]
    fn what_may_go_better_is_tried_again_and_what_is_refused_is_not() {
        assert_eq!(judged(200), Attempt::Delivered);
        assert_eq!(judged(204), Attempt::Delivered);
        for status in [302, 401, 403, 404, 408, 410, 429, 500, 503] {
            assert!(matches!(judged(status), Attempt::Later { .. }), "{status}");
        }
        for status in [400, 413, 422] {
            assert!(matches!(judged(status), Attempt::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn a_receiver_may_say_when() {
        let mut headers = HeaderMap::new();
        let judged = |headers: &HeaderMap| match judge(StatusCode::TOO_MANY_REQUESTS, headers, "") {
            Attempt::Later { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(judged(&headers), None);
        headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        assert_eq!(judged(&headers), Some(Duration::from_secs(30)));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Thu, 26 Nov 2026 09:00:00 GMT"));
        assert_eq!(judged(&headers), None);
    }

    #[test]
    fn every_try_has_the_same_id_and_a_time_of_its_own() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (first, second) =
            (labels(&example(), 10, Some(&key), "{}"), labels(&example(), 20, Some(&key), "{}"));
        let id = ("webhook-id", "shop/checkout/17/1795445683700".to_owned());
        assert_eq!(first.first(), Some(&id));
        assert_eq!(first.first(), second.first());
        assert_eq!(first.get(1), Some(&("webhook-timestamp", "10".to_owned())));
        assert_ne!(first.get(2), second.get(2));
        assert_eq!(labels(&example(), 10, None, "{}").len(), 2);
    }
}
