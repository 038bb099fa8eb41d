//! Members of the W3C `baggage` header, which services hand on from call to call.

use alloc::borrow::Cow;
use alloc::sync::Arc;

use crate::checked::{Checked, checked_text, keep};
use crate::path::cut;
use crate::{names, percent, words};

/// The header.
pub(crate) const HEADER: &str = "baggage";

/// The key of a baggage member: 1 to 128 token characters, upper and lower case told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaggageKey(Arc<str>);

impl BaggageKey {
    const RULE: &str = "a member of the baggage is named by 1 to 128 letters, digits and \"!#$%&'*+-.^_`|~\", such as userId";

    fn check(text: &str) -> Checked<'_> {
        keep(text, names::is_token(text), Self::RULE)
    }
}

checked_text!(BaggageKey);

/// The first member of that key, percent-decoded and without its properties. What has no `=` is no
/// member.
pub(crate) fn member<'a>(sent: &'a [u8], key: &[u8]) -> Option<Cow<'a, [u8]>> {
    words::split(sent, b',').find_map(|member| {
        let (pair, _properties) = cut(member, b';');
        let end = pair.iter().position(|b| *b == b'=')?;
        let (name, value) = pair.split_at_checked(end)?;
        let value = value.get(1..)?;
        (name.trim_ascii() == key).then(|| percent::decode(value.trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_member_of_a_key_counts_decoded() {
        for (sent, value) in [
            ("userId=alice", Some("alice")),
            ("a=1,userId=alice,b=2", Some("alice")),
            ("a=1 , userId\t=\t alice ;p=q;r, b=2", Some("alice")),
            ("userId=alice;userId=bob", Some("alice")),
            ("userId=alice,userId=bob", Some("alice")),
            ("userId=,userId=bob", Some("")),
            ("userId=Am%C3%A9lie", Some("Amélie")),
            ("userId=a%2Cb%3Bc%3Dd%20e+f", Some("a,b;c=d e+f")),
            ("userId=a=b", Some("a=b")),
            ("userId=%zz", Some("%zz")),
            ("userId,userId=bob", Some("bob")),
            ("a=1;userId=alice", None),
            ("userid=alice", None),
            ("xuserId=alice,userIdx=bob", None),
            // Keys are not encoded.
            ("user%49d=alice", None),
            ("", None),
            (",,;=", None),
        ] {
            let found = member(sent.as_bytes(), b"userId");
            assert_eq!(found.as_deref(), value.map(str::as_bytes), "{sent:?}");
        }
    }

    #[test]
    fn a_key_is_a_token() {
        assert_eq!(BaggageKey::new("userId").unwrap().as_str(), "userId");
        for bad in ["", "a b", "a=b", "a,b", "ü", &"x".repeat(129)] {
            assert!(BaggageKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
