//! Where a Prometheus listens.

use core::fmt;
use core::str::FromStr;

use hyper::Uri;

/// The base of a Prometheus: `http` or `https`, host and port, perhaps a path prefix.
///
/// It holds no credentials, so that it can be printed in every message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Without a slash at its end.
    base: String,
    https: bool,
}

impl Address {
    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The address of an API endpoint, such as `/api/v1/query`.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.contains('#') {
            return Err(InvalidAddress::Extra);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidAddress::NotUri)?;
        let authority = uri.authority().ok_or(InvalidAddress::NotUri)?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(InvalidAddress::Scheme),
        };
        if authority.as_str().contains('@') {
            return Err(InvalidAddress::Credentials);
        }
        if uri.query().is_some() {
            return Err(InvalidAddress::Extra);
        }
        let scheme = if https { "https" } else { "http" };
        let path = uri.path().trim_end_matches('/');
        Ok(Self { base: format!("{scheme}://{authority}{path}"), https })
    }
}

/// Why a text is no address of a Prometheus. The text itself is not part of it: it may hold a
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Not a URI with a host.
    #[error("an address is a URI such as http://127.0.0.1:9090")]
    NotUri,
    /// Another scheme.
    #[error("an address begins with http:// or https://")]
    Scheme,
    /// A user or password in it.
    #[error(
        "an address holds no user and no password; use `basicAuth` or `bearerTokenFile`, which keep them out of logs"
    )]
    Credentials,
    /// A query or fragment behind it.
    #[error("an address ends with its path: no `?` and no `#`")]
    Extra,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_kept_and_a_slash_at_the_end_is_not() {
        for (text, endpoint) in [
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090/api/v1/query"),
            ("http://127.0.0.1:9090/", "http://127.0.0.1:9090/api/v1/query"),
            ("https://metrics/prometheus/", "https://metrics/prometheus/api/v1/query"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.endpoint("/api/v1/query"), endpoint);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_rule() {
        for (text, why) in [
            ("127.0.0.1:9090", InvalidAddress::Scheme),
            ("/metrics", InvalidAddress::NotUri),
            ("ftp://metrics", InvalidAddress::Scheme),
            ("http://admin:secret@metrics", InvalidAddress::Credentials),
            ("http://metrics/?a=b", InvalidAddress::Extra),
            ("http://metrics/#a", InvalidAddress::Extra),
            ("http:// metrics", InvalidAddress::NotUri),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text}");
        }
    }
}
