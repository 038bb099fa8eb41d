//! One try to deliver a message.

use core::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};

use super::receivers::{Format, Receiver};
use super::{Notice, body};
use crate::webhook::Answer;

/// How long a receiver may take to answer. Chat services do at once or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Tries once.
pub(crate) async fn attempt(receiver: &Receiver, notice: &Notice) -> Attempt {
    let text = body::of(notice, receiver.format).to_string();
    let id = (receiver.format == Format::Webhook).then(|| notice.id());
    match receiver.mailbox.post(&receiver.target, id.as_deref(), text, PATIENCE).await {
        Ok(answer) => judge(&answer),
        Err(why) => Attempt::Later { why, after: None },
    }
}

/// What an answer means.
fn judge(answer: &Answer) -> Attempt {
    let why = answer.told();
    match answer.status {
        status if status.is_success() => Attempt::Delivered,
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Attempt::Refused { why },
        _ => Attempt::Later { why, after: retry_after(&answer.headers) },
    }
}

/// Seconds, as all chat services send them.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn judged(status: u16, headers: HeaderMap) -> Attempt {
        let status = StatusCode::from_u16(status).unwrap();
        judge(&Answer { status, headers, said: String::new() })
    }

    #[test]
    fn what_may_go_better_is_tried_again_and_what_is_refused_is_not() {
        for status in [200, 204] {
            assert_eq!(judged(status, HeaderMap::new()), Attempt::Delivered);
        }
        for status in [302, 401, 403, 404, 408, 410, 429, 500, 503] {
            assert!(matches!(judged(status, HeaderMap::new()), Attempt::Later { .. }), "{status}");
        }
        for status in [400, 413, 422] {
            assert!(
                matches!(judged(status, HeaderMap::new()), Attempt::Refused { .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn a_receiver_may_say_when() {
        let after = |value: Option<&'static str>| {
            let value = value.map(|value| (RETRY_AFTER, HeaderValue::from_static(value)));
            match judged(429, HeaderMap::from_iter(value)) {
                Attempt::Later { after, .. } => after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(after(None), None);
        assert_eq!(after(Some("30")), Some(Duration::from_secs(30)));
        assert_eq!(after(Some("Thu, 26 Nov 2026 09:00:00 GMT")), None);
    }
}
