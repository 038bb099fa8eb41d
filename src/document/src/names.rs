//! Names of rollouts, headers, cookies and query parameters.

use alloc::string::String;
use alloc::sync::Arc;

use serde::Deserialize;
use serin_assignment::murmur3_x86_32;

use crate::checked::{Checked, checked_text, is_made_of, keep};
use crate::hexadecimal;

/// The longest name of a header, cookie or parameter, in bytes: far above any in use, and it keeps
/// what a request is searched for small.
const MAX_LEN: usize = 128;

pub(crate) fn is_token(text: &str) -> bool {
    is_made_of(text, MAX_LEN, b"!#$%&'*+-.^_`|~")
}

/// The name of a rollout, unique within a document: 1 to 128 letters, digits, `.`, `_`, `-`, `/`,
/// such as `shop/checkout`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct RolloutName(Arc<str>);

impl RolloutName {
    /// The longest name, in bytes: a namespace and a name of 63 characters each.
    pub const MAX_LEN: usize = 128;

    const RULE: &str = "a rollout's name is 1 to 128 letters, digits, '.', '_', '-' and '/', such as shop/checkout (metric names carry it, so nothing else fits)";

    pub(crate) fn check(text: &str) -> Checked<'_> {
        keep(text, is_made_of(text, Self::MAX_LEN, b"._-/"), Self::RULE)
    }

    /// The id under which metrics carry this rollout: 8 lower-case hexadecimal digits of
    /// `murmur3_x86_32(name, seed 0)`. It survives where a metrics system rewrites the name's
    /// other characters.
    #[must_use]
    pub fn metric_id(&self) -> String {
        short_hash(self.0.as_bytes())
    }
}

/// What people call a segment of users: 1 to 64 letters, digits, `.`, `_`, `-`, such as
/// `employees`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SegmentName(Arc<str>);

impl SegmentName {
    const MAX_LEN: usize = 64;

    pub(crate) const RULE: &str =
        "a segment's name is 1 to 64 letters, digits, '.', '_' and '-', such as employees";

    fn check(text: &str) -> Checked<'_> {
        keep(text, is_made_of(text, Self::MAX_LEN, b"._-"), Self::RULE)
    }
}

/// Whether a text is 1 to `most` bytes that read as one line.
pub(crate) fn is_line(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// 8 lower-case hexadecimal digits of `murmur3_x86_32(bytes, seed 0)`.
#[must_use]
pub fn short_hash(bytes: &[u8]) -> String {
    hexadecimal(&murmur3_x86_32(bytes).to_be_bytes())
}

/// The name of a request header to read, in lower case: 1 to 128 token characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderName(Arc<str>);

impl HeaderName {
    const RULE: &str = "a header's name is 1 to 128 letters, digits and \"!#$%&'*+-.^_`|~\", such as x-user-id (no ':')";

    /// Makes it lower-case, as headers' names don't tell cases apart. `:path` is none.
    fn check(text: &str) -> Checked<'_> {
        if is_token(text) { Ok(text.to_ascii_lowercase().into()) } else { Err(Self::RULE) }
    }
}

/// The name of a header that the filter writes, the mark or the cohort, in lower case: one that
/// nothing else gives a meaning to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct MarkName(Arc<str>);

impl MarkName {
    /// The mark's name where nothing else is said.
    pub const DEFAULT: &str = "x-serin-variant";

    const RULE: &str = "what is written here has a header of its own, such as x-serin-variant: none that carries the message, credentials, cookies, forwarding or request ids, none of Envoy's x-envoy-…";

    /// Headers that mean something to proxies or applications: overwriting one would break
    /// requests, or leak into decisions that are not ours.
    const TAKEN: [&str; 26] = [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "origin",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    ];

    pub(crate) fn check(text: &str) -> Checked<'_> {
        let name = HeaderName::check(text)?;
        let is_taken = Self::TAKEN.contains(&&*name) || name.starts_with("x-envoy-");
        if is_taken { Err(Self::RULE) } else { Ok(name) }
    }
}

impl Default for MarkName {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

/// The name of a cookie: 1 to 128 token characters, upper and lower case told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct CookieName(Arc<str>);

impl CookieName {
    const RULE: &str =
        "a cookie's name is 1 to 128 letters, digits and \"!#$%&'*+-.^_`|~\", such as uid";

    fn check(text: &str) -> Checked<'_> {
        keep(text, is_token(text), Self::RULE)
    }
}

/// The name of a query parameter as it reads after percent-decoding: 1 to 128 bytes of text
/// without control characters, upper and lower case told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ParameterName(Arc<str>);

impl ParameterName {
    const RULE: &str = "a query parameter's name is 1 to 128 bytes of text without control characters, not percent-encoded, such as user";

    fn check(text: &str) -> Checked<'_> {
        keep(text, is_line(text, MAX_LEN), Self::RULE)
    }
}

checked_text!(RolloutName);
checked_text!(SegmentName);
checked_text!(HeaderName);
checked_text!(MarkName);
checked_text!(CookieName);
checked_text!(ParameterName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollouts_name_holds_what_metric_names_can_carry() {
        for good in ["a", "shop/checkout", "shop/check-out.v2_b", &"x".repeat(128)] {
            assert_eq!(RolloutName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a;b", "a=b", "ä", "a\n", "a:b", &"x".repeat(129)] {
            assert!(RolloutName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_metric_id_is_the_hash_in_eight_digits() {
        // flagd's published vectors of the same hash; the second has seven leading zeros.
        for (name, id) in [("fractional-flagjack", "9fe843e0"), ("bY9fO-", "00000001")] {
            assert_eq!(RolloutName::new(name).unwrap().metric_id(), id);
        }
    }

    #[test]
    fn a_headers_name_is_a_token_in_lower_case() {
        assert_eq!(HeaderName::new("X-User-Id").unwrap().as_str(), "x-user-id");
        for bad in ["", ":path", "x user", "x:user", "x-ü", "x\r\ny", &"x".repeat(129)] {
            assert!(HeaderName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_mark_is_no_header_that_means_something_else() {
        assert_eq!(MarkName::new("X-Side").unwrap().as_str(), "x-side");
        assert_eq!(MarkName::default(), MarkName::new("x-serin-variant").unwrap());
        let taken = ["Host", "content-length", "transfer-encoding", "connection", "cookie"];
        for bad in taken.into_iter().chain(["x-request-id", "x-envoy-retry-on", ":path", ""]) {
            assert!(MarkName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn cookies_and_parameters_tell_cases_apart() {
        assert_eq!(CookieName::new("Uid").unwrap().as_str(), "Uid");
        assert!(CookieName::new("a;b").is_err());
        assert!(CookieName::new("a=b").is_err());
        assert_eq!(ParameterName::new("User Id ü").unwrap().as_str(), "User Id ü");
        assert!(ParameterName::new("").is_err());
        assert!(ParameterName::new("a\tb").is_err());
    }
}
