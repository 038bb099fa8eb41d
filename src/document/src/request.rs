//! What is read from a request: its target, headers, cookies and query parameters, and what the
//! proxy knows of it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::time::Duration;

use serin_assignment::Variant;

use crate::identity::{address, baggage};
use crate::path::{Target, cut};
use crate::{CookieName, GeneratedId, IdentitySource, UserLists, are_same, percent, words};

/// The longest id, in bytes; a request with a longer one counts as anonymous. Ids are names,
/// numbers and UUIDs: what is longer is a token or an attack, and would be hashed at its price.
pub const MAX_ID_BYTES: usize = 256;

/// A request, and what the proxy knows of it.
///
/// Headers are at hand; each of the others is a call to the proxy that costs more than a decision,
/// so they are asked for only where a rollout is configured to need them.
pub trait Request {
    /// The first value of a header by its lower-case name, `:authority` and `:path` too, as the
    /// raw bytes that were sent.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;
    /// A property of the proxy by the parts of its path, with a zero byte between them, such as
    /// `source\0address`; none where it is absent.
    fn property(&self, path: &str) -> Option<Vec<u8>>;
    /// Random bytes, fit for ids that nobody is to guess.
    fn random(&self) -> [u8; 16];
    /// The time of day, as the time since 1970 (UTC, without leap seconds).
    fn now(&self) -> Duration;
    /// The side of a user whom the rollout at a place of the document lists ([`UserLists::find`]).
    /// Who asks for many requests may remember it for as long as the document is the same.
    fn listed(&self, rollout: usize, lists: &UserLists, id: &[u8]) -> Option<Variant> {
        let _ = rollout;
        lists.find(id)
    }
}

/// A request of which path, cookies and address are asked for once at most, and for which one new
/// id at most is made.
pub(crate) struct Reader<'r, R> {
    request: &'r R,
    path: OnceCell<Cow<'r, [u8]>>,
    cookies: OnceCell<Option<Cow<'r, [u8]>>>,
    address: OnceCell<Option<Vec<u8>>>,
    new_id: OnceCell<String>,
}

impl<'r, R: Request> Reader<'r, R> {
    pub(crate) const fn new(request: &'r R) -> Self {
        Self {
            request,
            path: OnceCell::new(),
            cookies: OnceCell::new(),
            address: OnceCell::new(),
            new_id: OnceCell::new(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<Cow<'r, [u8]>> {
        self.request.header(name)
    }

    /// The target; without a `:path`, as in CONNECT, an empty one.
    pub(crate) fn target(&self) -> Target<'_> {
        Target::read(self.path.get_or_init(|| self.request.header(":path").unwrap_or_default()))
    }

    /// The first cookie of a name, its value as sent.
    pub(crate) fn cookie(&self, name: &CookieName) -> Option<&[u8]> {
        let sent = self.cookies.get_or_init(|| self.request.header("cookie")).as_deref()?;
        cookie(sent, name.as_str().as_bytes())
    }

    /// The time of day, which the proxy has to be asked for.
    pub(crate) fn now(&self) -> Duration {
        self.request.now()
    }

    /// The value at a source; absent and empty are told apart.
    pub(crate) fn value(&self, source: &IdentitySource) -> Option<Cow<'_, [u8]>> {
        match source {
            IdentitySource::Header(name) => self.header(name.as_str()),
            IdentitySource::Cookie(name) => self.cookie(name).map(Cow::Borrowed),
            IdentitySource::Query(name) => parameter(self.target().query, name.as_str().as_bytes()),
            IdentitySource::Jwt(claim) => claim.value(self.request).map(Cow::Owned),
            IdentitySource::Baggage(key) => match self.header(baggage::HEADER)? {
                Cow::Borrowed(sent) => baggage::member(sent, key.as_str().as_bytes()),
                Cow::Owned(sent) => baggage::member(&sent, key.as_str().as_bytes())
                    .map(|value| Cow::Owned(value.into_owned())),
            },
            IdentitySource::Address(bits) => {
                let told = self.address.get_or_init(|| self.request.property(address::PROPERTY));
                bits.id(told.as_deref()?).map(|id| Cow::Owned(id.into_bytes()))
            }
            IdentitySource::Generated(own) => self
                .cookie(own.cookie())
                .filter(|value| GeneratedId::is_id(value))
                .map(Cow::Borrowed),
        }
    }

    /// The side of a user who is listed.
    pub(crate) fn listed(&self, rollout: usize, lists: &UserLists, id: &[u8]) -> Option<Variant> {
        self.request.listed(rollout, lists, id)
    }

    /// An id for a request that has none. Of rollouts that share a request each gets the same.
    pub(crate) fn new_id(&self) -> &str {
        self.new_id.get_or_init(|| GeneratedId::id(self.request.random()))
    }
}

/// The first cookie of that name in a `cookie` header, its value as sent. Pairs without `=` have
/// no name and are passed over.
#[inline]
fn cookie<'a>(sent: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut left = sent;
    loop {
        let pair = left.trim_ascii_start();
        if let Some((start, [b'=', rest @ ..])) = pair.split_at_checked(name.len())
            && are_same(start, name)
        {
            return Some(words::cut(rest, b';').0.trim_ascii_end());
        }
        left = words::cut(pair, b';').1?;
    }
}

/// The first parameter of that name in a query, decoded. One without `=` has an empty value.
#[inline]
fn parameter<'a>(query: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    words::split(query, b'&').find_map(|pair| {
        let (key, value) = cut(pair, b'=');
        (*percent::decode(key) == *name).then(|| percent::decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cookie_of_a_name_counts_as_sent() {
        for (sent, value) in [
            ("uid=alice", Some("alice")),
            ("a=1; uid=alice; b=2", Some("alice")),
            ("a=1;uid=alice;b=2", Some("alice")),
            ("a=1;\tuid=alice ;b=2", Some("alice")),
            ("uid=alice; uid=bob", Some("alice")),
            ("uid=; uid=bob", Some("")),
            ("uid=a=b==", Some("a=b==")),
            ("uid=\"alice\"", Some("\"alice\"")),
            ("uid=a%20b", Some("a%20b")),
            ("uid; uid=bob", Some("bob")),
            ("Uid=alice", None),
            ("xuid=alice; uidx=bob", None),
            ("", None),
            (";;; =x", None),
        ] {
            assert_eq!(cookie(sent.as_bytes(), b"uid"), value.map(str::as_bytes), "{sent:?}");
        }
    }

    #[test]
    fn the_first_parameter_of_a_name_counts_decoded() {
        for (query, value) in [
            ("user=alice", Some("alice")),
            ("a=1&user=alice&b=2", Some("alice")),
            ("user=alice&user=bob", Some("alice")),
            ("user&user=bob", Some("")),
            ("user=&user=bob", Some("")),
            ("user=a%20b+c", Some("a b+c")),
            ("%75ser=alice", Some("alice")),
            ("us%65r=%61", Some("a")),
            ("user=a=b", Some("a=b")),
            ("user=%", Some("%")),
            ("User=alice", None),
            ("users=alice&xuser=bob", None),
            ("a;user=alice", None),
            ("", None),
            ("&&=", None),
        ] {
            let found = parameter(query.as_bytes(), b"user");
            assert_eq!(found.as_deref(), value.map(str::as_bytes), "{query:?}");
        }
    }
}
