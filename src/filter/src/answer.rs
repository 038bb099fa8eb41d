//! What an answer of the source is, judged before anything is done with it.

use alloc::format;
use alloc::string::String;
use alloc::string::ToString as _;
use alloc::vec::Vec;

pub use serin_document::plugin::Outcome;
use serin_document::{MAX_DOCUMENT_BYTES, Refused, Revision, parse};

use crate::host::{Answer, Host};
use crate::shared::SourceKeys;
use crate::shared::document::{ETag, Stored, note, store};

/// An outcome, and what to complain of where it is not a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The outcome.
    pub outcome: Outcome,
    /// What is wrong.
    pub complaint: Option<String>,
}

impl Answered {
    const fn good(outcome: Outcome) -> Self {
        Self { outcome, complaint: None }
    }

    pub(crate) fn bad(outcome: Outcome, complaint: impl Into<String>) -> Self {
        Self { outcome, complaint: Some(complaint.into()) }
    }
}

/// An answer that is well-formed.
enum Content {
    NotModified,
    Document(Revision, Vec<u8>),
}

/// Takes in the answer to a call: shares a newer document, notes a good
/// answer, and leaves everything as it is on any other.
pub fn take(host: &dyn Host, keys: &SourceKeys, answer: &Answer) -> Answered {
    let (revision, json) = match read(host, answer) {
        Err(bad) => return bad,
        Ok(Content::NotModified) => {
            note(host, keys, host.now(), None);
            return Answered::good(Outcome::Unchanged);
        }
        Ok(Content::Document(revision, json)) => (revision, json),
    };
    let outcome = match store(host, keys, revision, &json) {
        Stored::Newer => Outcome::Applied,
        Stored::Same => Outcome::Unchanged,
        Stored::Older => {
            let complaint = format!("its document has the older revision {revision}");
            return Answered::bad(Outcome::Older, complaint);
        }
        Stored::Busy => {
            return Answered::bad(Outcome::Failed, "other workers wrote the shared document");
        }
    };
    let etag = answer.etag.as_deref().and_then(ETag::new);
    note(host, keys, host.now(), Some(&(revision, etag)));
    Answered::good(outcome)
}

fn read(host: &dyn Host, answer: &Answer) -> Result<Content, Answered> {
    match answer.status.as_deref() {
        Some(b"200") => {}
        Some(b"304") => return Ok(Content::NotModified),
        None => return Err(Answered::bad(Outcome::Failed, "no answer within the time limit")),
        Some(other) => {
            let number = str::from_utf8(other).unwrap_or_default();
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            // A proxy hands on nothing else; whatever it was would stand in a line of the log.
            let complaint =
                format!("status {}", if is_number { number } else { "that is no number" });
            return Err(Answered::bad(Outcome::Failed, complaint));
        }
    }
    let Answer { body_size, .. } = *answer;
    if body_size > MAX_DOCUMENT_BYTES {
        let complaint =
            format!("{body_size} bytes: a document has at most {MAX_DOCUMENT_BYTES} bytes");
        return Err(Answered::bad(Outcome::Unreadable, complaint));
    }
    let json = host.answer_body(body_size);
    match parse(&json) {
        Ok(parsed) => Ok(Content::Document(parsed.document.revision, json)),
        Err(refused @ Refused::NotJson { .. }) => {
            Err(Answered::bad(Outcome::Unreadable, refused.to_string()))
        }
        Err(refused) => Err(Answered::bad(Outcome::Refused, refused.to_string())),
    }
}
