//! The newest document of a source, as the VMs share it.
//!
//! The document is written by compare-and-swap and only by a newer one, so it never goes back,
//! whoever writes. The head is small and read on every tick: it says which document there is and
//! when the source last gave a good answer. It may lag behind the document, never lead it.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use serin_document::Revision;

use super::bytes::{Reader, Writer};
use super::{ATTEMPTS, SourceKeys};
use crate::host::{Host, Moment};

/// The longest entity tag, in bytes, that is sent back to the source. Ours have fewer than 20; with a
/// longer one the source is asked without.
const MAX_ETAG: usize = 256;

/// An entity tag that can stand in a request's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Takes an answer's header; `None` where it is empty, too long or not printable ASCII.
    #[must_use]
    pub fn new(value: &[u8]) -> Option<Self> {
        let fits = (1..=MAX_ETAG).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        let text = core::str::from_utf8(value).ok()?;
        fits.then(|| Self(text.to_owned()))
    }

    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the source last said, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The revision of the document.
    pub revision: Revision,
    /// When the source last gave a good answer.
    pub answered: Moment,
    /// The document's entity tag, where the source gave one.
    pub etag: Option<ETag>,
}

impl Head {
    /// Reads the head; `None` before the source's first good answer.
    pub fn read(host: &dyn Host, keys: &SourceKeys) -> Option<Self> {
        Self::decode(&host.shared(&keys.head).value)
    }

    fn encode(&self) -> Vec<u8> {
        Writer::default()
            .u64(self.revision.get())
            .u64(self.answered.as_millis())
            .text(self.etag.as_ref().map_or("", ETag::as_str))
            .finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            revision: Revision::new(reader.u64()?),
            answered: Moment::from_millis(reader.u64()?),
            etag: ETag::new(reader.text()?.as_bytes()),
        })
    }
}

/// What became of a document that was to be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is the newest one.
    Newer,
    /// It was there already.
    Same,
    /// There is a newer one.
    Older,
    /// Others wrote all the time; the next answer tries again.
    Busy,
}

/// Shares a document, if it is newer than the one there.
pub fn store(host: &dyn Host, keys: &SourceKeys, revision: Revision, json: &[u8]) -> Stored {
    for _ in 0..ATTEMPTS {
        let shared = host.shared(&keys.document);
        if let Some((present, _)) = decode(&shared.value) {
            match revision.cmp(&present) {
                core::cmp::Ordering::Less => return Stored::Older,
                core::cmp::Ordering::Equal => return Stored::Same,
                core::cmp::Ordering::Greater => {}
            }
        }
        let value = Writer::default().u64(revision.get()).bytes(json).finish();
        if host.share(&keys.document, &value, Some(shared.version)).is_ok() {
            return Stored::Newer;
        }
    }
    Stored::Busy
}

/// Notes a good answer: the document that it brought or confirmed, and when.
///
/// `answer` is the revision and entity tag of the document that came; without one (the source says that
/// nothing changed) what the head says of the document stays as it is.
pub fn note(
    host: &dyn Host,
    keys: &SourceKeys,
    now: Moment,
    answer: Option<&(Revision, Option<ETag>)>,
) {
    for _ in 0..ATTEMPTS {
        let shared = host.shared(&keys.head);
        let head = match (Head::decode(&shared.value), answer) {
            (None, None) => return,
            // Another VM has got a newer document in the meantime: its ETag is the right one.
            (Some(head), Some((revision, _))) if head.revision > *revision => {
                Head { answered: now, ..head }
            }
            (_, Some((revision, etag))) => {
                Head { revision: *revision, answered: now, etag: etag.clone() }
            }
            (Some(head), None) => Head { answered: now, ..head },
        };
        if host.share(&keys.head, &head.encode(), Some(shared.version)).is_ok() {
            return;
        }
    }
}

/// Reads the document and its revision; `None` before the first.
pub fn load(host: &dyn Host, keys: &SourceKeys) -> Option<(Revision, Vec<u8>)> {
    let mut value = host.shared(&keys.document).value;
    let (revision, json) = decode(&value)?;
    let json = value.len() - json.len();
    value.drain(..json);
    Some((revision, value))
}

fn decode(bytes: &[u8]) -> Option<(Revision, &[u8])> {
    let mut reader = Reader::new(bytes);
    let revision = Revision::new(reader.u64()?);
    // A number that no document may carry is none that was written here, and must not keep the
    // next document out.
    (revision <= Revision::MAX).then(|| (revision, reader.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Proxy;

    fn keys() -> SourceKeys {
        SourceKeys::new("0a1b2c3d")
    }

    const fn rev(number: u64) -> Revision {
        Revision::new(number)
    }

    #[test]
    fn only_a_newer_document_is_kept() {
        let host = Proxy::new().vm();
        assert_eq!(load(&host, &keys()), None);
        assert_eq!(store(&host, &keys(), rev(5), b"five"), Stored::Newer);
        assert_eq!(store(&host, &keys(), rev(4), b"four"), Stored::Older);
        assert_eq!(store(&host, &keys(), rev(5), b"FIVE"), Stored::Same);
        assert_eq!(load(&host, &keys()), Some((rev(5), b"five".to_vec())));
    }

    #[test]
    fn a_late_head_does_not_overwrite_a_newer_one() {
        let host = Proxy::new().vm();
        let now = Moment::from_millis;
        note(&host, &keys(), now(1), None);
        assert_eq!(Head::read(&host, &keys()), None);
        note(&host, &keys(), now(2), Some(&(rev(9), ETag::new(b"\"9\""))));
        note(&host, &keys(), now(3), Some(&(rev(8), ETag::new(b"\"8\""))));
        note(&host, &keys(), now(4), None);
        let head = Head { revision: rev(9), answered: now(4), etag: ETag::new(b"\"9\"") };
        assert_eq!(Head::read(&host, &keys()), Some(head));
    }

    #[test]
    fn a_lost_race_is_run_again() {
        let proxy = Proxy::new();
        let (host, rival) = (proxy.vm(), proxy.vm());
        let keys = keys();
        // Between our read and our write the rival stores a newer document.
        proxy.before_next_share(move || {
            store(&rival, &keys, rev(7), b"seven");
        });
        assert_eq!(store(&host, &self::keys(), rev(6), b"six"), Stored::Older);
        assert_eq!(load(&host, &self::keys()), Some((rev(7), b"seven".to_vec())));
    }

    #[test]
    fn an_etag_that_cannot_stand_in_a_header_is_none() {
        assert_eq!(ETag::new(b"\"abc\"").map(|etag| etag.0), Some("\"abc\"".to_owned()));
        for bad in [b"".as_slice(), b"a b", b"a\r\nx: y", b"\xff", &[b'e'; 257]] {
            assert_eq!(ETag::new(bad), None);
        }
    }
}
