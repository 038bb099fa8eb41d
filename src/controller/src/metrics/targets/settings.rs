//! Which pages are read, and how often.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::net::IpAddr;

use hyper::Uri;

/// The pages of a release, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// Pages with a fixed address, one a host and port.
    pub pages: Vec<PageAddress>,
    /// Names behind each address of which there is a page.
    pub names: Vec<DnsName>,
    /// The time between two readings.
    pub interval: Duration,
    /// The longest time that one reading may take.
    pub timeout: Duration,
}

impl Targets {
    /// Soon enough to see a fault within seconds, and no burden for a proxy.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
    /// A page comes from a neighbour, out of its memory.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

    pub(super) fn has_https(&self) -> bool {
        self.pages.iter().any(PageAddress::is_https)
    }
}

/// The address of a page, such as `http://127.0.0.1:9901/stats/prometheus`.
///
/// It holds no credentials, so that it can be printed in every message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAddress(Uri);

impl PageAddress {
    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }

    fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// What tells targets apart: `host:port`, the label `instance` of all series of the page.
    #[must_use]
    pub fn instance(&self) -> String {
        let port = self.0.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 });
        format!("{}:{port}", self.0.host().unwrap_or_default())
    }
}

impl fmt::Display for PageAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PageAddress {
    type Err = InvalidPage;

    fn from_str(text: &str) -> Result<Self, InvalidPage> {
        if text.contains('#') {
            return Err(InvalidPage::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidPage::NotUri)?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            _ => return Err(InvalidPage::Scheme),
        }
        let authority = uri.authority().ok_or(InvalidPage::NotUri)?;
        if authority.as_str().contains('@') {
            return Err(InvalidPage::Credentials);
        }
        Ok(Self(uri))
    }
}

/// A name with one page behind each of its addresses, such as a headless service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsName {
    name: String,
    port: u16,
    path: String,
}

impl DnsName {
    /// Where Envoy's admin interface has its page.
    pub const DEFAULT_PATH: &'static str = "/stats/prometheus";

    /// A name, a port, and the path of the page.
    ///
    /// # Errors
    /// [`InvalidPage`] where `http://name:port/path` is no address of a page.
    pub fn try_new(name: &str, port: u16, path: &str) -> Result<Self, InvalidPage> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || !name.chars().all(plain) || port == 0 || !path.starts_with('/') {
            return Err(InvalidPage::NotName);
        }
        let _: PageAddress = format!("http://{name}:{port}{path}").parse()?;
        Ok(Self { name: name.to_owned(), port, path: path.to_owned() })
    }

    /// The name and the port, as they are resolved.
    pub(super) fn question(&self) -> (&str, u16) {
        (&self.name, self.port)
    }

    /// The page at one of its addresses.
    pub(super) fn page(&self, address: IpAddr) -> Result<PageAddress, InvalidPage> {
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        format!("http://{host}:{}{}", self.port, self.path).parse()
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dns {}:{}{}", self.name, self.port, self.path)
    }
}

/// Why a text is no address of a page. The text itself is not part of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPage {
    /// Not a URI with a host.
    #[error("the address of a page is a URI such as http://127.0.0.1:9901/stats/prometheus")]
    NotUri,
    /// Another scheme.
    #[error("the address of a page begins with http:// or https://")]
    Scheme,
    /// A user or password in it.
    #[error("the address of a page holds no user and no password, which every message would show")]
    Credentials,
    /// A fragment behind it.
    #[error("the address of a page ends with its path or query: no `#`")]
    Fragment,
    /// Not the parts of an address.
    #[error(
        "a DNS target is a name such as envoy-admin.shop.svc, a port above 0, and a path that \
         begins with '/'"
    )]
    NotName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_a_host_with_its_port() {
        for (text, instance) in [
            ("http://127.0.0.1:9901/stats/prometheus?filter=serin", "127.0.0.1:9901"),
            ("http://envoy/metrics", "envoy:80"),
            ("https://envoy/metrics", "envoy:443"),
            ("http://[::1]:9901/", "[::1]:9901"),
        ] {
            let page: PageAddress = text.parse().unwrap();
            assert_eq!(page.instance(), instance);
            assert_eq!(page.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_page_is_refused_with_the_rule() {
        for (text, why) in [
            ("127.0.0.1:9901", InvalidPage::Scheme),
            ("/metrics", InvalidPage::Scheme),
            ("ftp://envoy/", InvalidPage::Scheme),
            ("http://admin:secret@envoy/", InvalidPage::Credentials),
            ("http://envoy/#a", InvalidPage::Fragment),
            ("http:// envoy", InvalidPage::NotUri),
        ] {
            assert_eq!(text.parse::<PageAddress>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_name_has_a_page_at_each_address() {
        let name = DnsName::try_new("envoy.shop.svc", 9901, "/stats/prometheus").unwrap();
        assert_eq!(name.to_string(), "dns envoy.shop.svc:9901/stats/prometheus");
        for (address, page) in [
            ("10.0.0.1", "http://10.0.0.1:9901/stats/prometheus"),
            ("fd00::1", "http://[fd00::1]:9901/stats/prometheus"),
        ] {
            assert_eq!(name.page(address.parse().unwrap()).unwrap().to_string(), page);
        }
        for (name, port, path) in
            [("a:1", 9901, "/"), ("", 9901, "/"), ("a", 0, "/"), ("a", 1, "metrics")]
        {
            assert_eq!(DnsName::try_new(name, port, path), Err(InvalidPage::NotName));
        }
        assert_eq!(DnsName::try_new("a", 1, "/#b"), Err(InvalidPage::Fragment));
    }
}
