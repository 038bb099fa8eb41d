//! Other systems that have a say: a change board, a load test, a freeze of the calendar.
//!
//! | answer | verdict |
//! |---|---|
//! | HTTP 2xx | pass |
//! | none in time, 429, 502, 503, 504 | by `onError`: broken, fail or pass |
//! | any other | by `onNo`: hold or fail |

use core::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use serin_assignment::Weight;
use serin_rollout::{Before, Verdict, Version};

use super::Judgement;
use crate::webhook::{Answer, Mailbox, Target};

/// Another system, and what its answers mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name, unique among the release's gates.
    pub name: String,
    /// Before what it is asked.
    pub before: Before,
    pub(crate) target: Target,
    pub(crate) on_no: OnNo,
    pub(crate) on_error: OnError,
    /// The longest time that it may take to answer.
    pub timeout: Duration,
}

/// What follows a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnNo {
    /// The weight stays, and it is asked again.
    Hold,
    /// Back to stable.
    RollBack,
}

/// What follows an answer that says neither yes nor no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// The weight stays, and it is asked again.
    Hold,
    /// Back to stable.
    RollBack,
    /// It counts as a yes.
    Pass,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The release's namespace.
    pub(crate) namespace: String,
    /// The release's name.
    pub(crate) name: String,
    /// What is on trial.
    pub(crate) version: Version,
    /// The canary's share now.
    pub(crate) weight: Weight,
    /// Since when it is asked, in milliseconds since 1970: the same question has the same.
    pub(crate) since_ms: u64,
}

impl Webhook {
    /// Asks once.
    pub(crate) async fn ask(&self, mailbox: &Mailbox, question: &Question) -> Judgement {
        let Question { namespace, name, version, weight, since_ms } = question;
        let id = format!("{namespace}/{name}/{}/{since_ms}", self.name);
        let data = json!({
            "namespace": namespace,
            "name": name,
            "version": version,
            "gate": self.name,
            "before": before(self.before),
            "weight": weight,
        });
        let body = json!({ "type": "serin.question", "timestamp": Timestamp::now(), "data": data });
        let answer = mailbox.post(&self.target, Some(&id), body.to_string(), self.timeout).await;
        self.judge(&answer)
    }

    fn judge(&self, answer: &Result<Answer, String>) -> Judgement {
        let (why, unclear) = match answer {
            Ok(answer) if answer.status.is_success() => {
                let status = answer.status.as_u16();
                return Judgement::new(Verdict::Pass, format!("yes: answered HTTP {status}"));
            }
            Ok(answer) => (answer.told(), is_unclear(answer.status)),
            Err(why) => (why.clone(), true),
        };
        match (unclear, self.on_no, self.on_error) {
            (false, OnNo::Hold, _) => Judgement::new(Verdict::Hold, format!("no: {why}")),
            (false, OnNo::RollBack, _) => Judgement::new(Verdict::Fail, format!("no: {why}")),
            (true, _, OnError::Hold) => Judgement::new(Verdict::Broken, why),
            (true, _, OnError::RollBack) => Judgement::new(Verdict::Fail, why),
            (true, _, OnError::Pass) => {
                Judgement::new(Verdict::Pass, format!("{why}, which counts as a yes"))
            }
        }
    }
}

/// Whether an answer is rather one of something in between.
const fn is_unclear(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// As a release file says it.
pub(crate) fn before(before: Before) -> String {
    match before {
        Before::Start => "start".to_owned(),
        Before::Exposure => "exposure".to_owned(),
        Before::Rise => "rise".to_owned(),
        Before::Weight(weight) => weight.to_string(),
        Before::End => "end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderMap;

    use super::*;
    use crate::webhook::Address;

    fn verdict(on_no: OnNo, on_error: OnError, status: Option<u16>) -> Verdict {
        let address = Address::Plain(hyper::Uri::from_static("https://example.com/"));
        let webhook = Webhook {
            name: "board".to_owned(),
            before: Before::Start,
            target: Target { address, signing_key_file: None, ca_file: None },
            on_no,
            on_error,
            timeout: Duration::from_secs(10),
        };
        let answer = status.map(|status| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            said: String::new(),
        });
        webhook.judge(&answer.ok_or_else(|| "no answer".to_owned())).verdict
    }

    #[test]
    fn a_yes_is_a_yes_whatever_the_policies() {
        for status in [200, 202, 204] {
            assert_eq!(verdict(OnNo::RollBack, OnError::RollBack, Some(status)), Verdict::Pass);
        }
    }

    #[test]
    fn a_no_follows_its_own_policy() {
        for status in [302, 400, 403, 404, 409, 500] {
            assert_eq!(verdict(OnNo::Hold, OnError::Pass, Some(status)), Verdict::Hold);
            assert_eq!(verdict(OnNo::RollBack, OnError::Pass, Some(status)), Verdict::Fail);
        }
    }

    #[test]
    fn silence_is_no_answer_and_follows_its_own_policy() {
        for status in [None, Some(429), Some(502), Some(503), Some(504)] {
            assert_eq!(verdict(OnNo::RollBack, OnError::Hold, status), Verdict::Broken);
            assert_eq!(verdict(OnNo::Hold, OnError::RollBack, status), Verdict::Fail);
            assert_eq!(verdict(OnNo::RollBack, OnError::Pass, status), Verdict::Pass);
        }
    }
}
