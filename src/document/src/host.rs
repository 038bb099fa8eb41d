//! Hosts: how the document names them and how a request's host is read.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString as _;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::checked::{Checked, checked_text};
use crate::{Invalid, internet};

/// One host: a name of up to 253 bytes, lower-case, or an address; without port or trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Host(Arc<str>);

impl Host {
    /// The longest name, in bytes, that DNS allows.
    pub const MAX_LEN: usize = 253;

    const RULE: &str = "a host is a name such as shop.example.com or an address such as 192.0.2.7 or [2001:db8::7], without port (it holds on every port), outside ASCII as xn--…";

    /// Makes it lower-case and drops one trailing dot.
    pub(crate) fn check(text: &str) -> Checked<'_> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let fits = is_address_v6(name) || is_name(name);
        if fits { Ok(name.to_ascii_lowercase().into()) } else { Err(Self::RULE) }
    }
}

checked_text!(Host);

fn is_address_v6(text: &str) -> bool {
    text.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| internet::v6(address).is_some())
}

/// Labels of 1 to 63 letters, digits, `-` and `_` (which service names in the wild do hold).
fn is_name(text: &str) -> bool {
    text.len() <= Host::MAX_LEN
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// Which hosts a rollout takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// `shop.example.com`: this host.
    Exact(Host),
    /// `*.example.com`: every host with one or more labels before `.example.com`.
    Below(Host),
    /// `*`: every host.
    Any,
}

impl HostPattern {
    const RULE: &str = "a host pattern is a host such as shop.example.com, a wildcard such as *.example.com, or *; without port";

    /// Checks a pattern, makes it lower-case and drops one trailing dot.
    ///
    /// # Errors
    /// [`Invalid`] where it is no pattern.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let suffix = text.strip_prefix("*.");
        let host =
            Host::check(suffix.unwrap_or(text)).map_err(|_| Invalid::new(text, Self::RULE))?;
        let host = Host(host.into());
        Ok(if suffix.is_some() { Self::Below(host) } else { Self::Exact(host) })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.pad(host.as_str()),
            Self::Below(suffix) => f.pad(&format!("*.{suffix}")),
            Self::Any => f.pad("*"),
        }
    }
}

impl FromStr for HostPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl TryFrom<String> for HostPattern {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(&text)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

/// The host that a request names, as the document would: lower-case, without port and without one
/// trailing dot. Anything that is no host stays as it is and matches only `*`.
#[inline]
pub(crate) fn normalise(authority: &[u8]) -> Cow<'_, [u8]> {
    let host = without_port(authority);
    let host = host.strip_suffix(b".").unwrap_or(host);
    if host.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// Drops `:` and the digits after it. Within the brackets of an IPv6 address no `:` starts a port,
/// as a `]` follows.
#[inline]
fn without_port(authority: &[u8]) -> &[u8] {
    let digits = authority.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let rest = authority.get(..authority.len() - digits).unwrap_or(authority);
    rest.strip_suffix(b":").unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_made_alike() {
        for (given, read) in [
            ("Shop.Example.COM", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("web", "web"),
            ("my_svc.ns", "my_svc.ns"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:DB8::7]", "[2001:db8::7]"),
        ] {
            assert_eq!(Host::new(given).unwrap().as_str(), read);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = ["a".repeat(63).as_str(); 4].join(".");
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "shop.example.com:8080",
            "a/b",
            "a b",
            "*",
            "*.a",
            "bücher.example",
            "[::1",
            "::1",
            "[zz]",
            &"a".repeat(64),
            &format!("{long}.b"),
        ] {
            assert!(Host::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_are_hosts_wildcards_or_all() {
        assert_eq!(HostPattern::new("*").unwrap(), HostPattern::Any);
        let below = HostPattern::Below(Host::new("example.com").unwrap());
        assert_eq!(HostPattern::new("*.Example.com.").unwrap(), below);
        assert_eq!(below.to_string(), "*.example.com");
        for bad in ["", "*.", "**", "*a.b", "a.*.b", "*.*.a", "*.a:80", "*:80"] {
            let refused = HostPattern::new(bad).unwrap_err();
            assert_eq!(refused.value, bad);
        }
    }

    #[test]
    fn a_requests_host_loses_case_port_and_one_dot() {
        for (sent, read) in [
            ("shop.example.com", "shop.example.com"),
            ("Shop.example.com:8080", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("shop.example.com.:443", "shop.example.com"),
            ("shop.example.com..", "shop.example.com."),
            ("shop.example.com:", "shop.example.com"),
            ("shop.example.com:80:80", "shop.example.com:80"),
            ("shop.example.com:http", "shop.example.com:http"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:80", "192.0.2.7"),
            ("[2001:DB8::7]", "[2001:db8::7]"),
            ("[2001:db8::7]:80", "[2001:db8::7]"),
            ("", ""),
            (":80", ""),
            ("80", "80"),
        ] {
            assert_eq!(&*normalise(sent.as_bytes()), read.as_bytes(), "{sent:?}");
        }
        assert_eq!(&*normalise(b"\xff\x00:9"), b"\xff\x00");
    }
}
