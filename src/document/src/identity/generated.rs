//! An id of our own for visitors who have none: random, in a cookie.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::str::FromStr;
use core::time::Duration;

use serde::Serialize;

use crate::checked::{Checked, Word, checked_text, keep, word};
use crate::json::Escaped;
use crate::{CookieName, Fault, Host, Invalid, Joined, duration, hexadecimal, internet};

/// The length of an id as the cookie has it: 16 bytes in hexadecimal.
const ID_LEN: usize = 32;

/// For which requests a browser sends the cookie: those below this path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CookiePath(Arc<str>);

impl CookiePath {
    /// The longest path, in bytes: browsers ignore attributes of over 1024.
    const MAX_LEN: usize = 512;

    const RULE: &str = "a cookie's path starts with '/' and has at most 512 printable ASCII characters without ';', such as /shop";

    fn check(text: &str) -> Checked<'_> {
        let fits = text.len() <= Self::MAX_LEN
            && text.starts_with('/')
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b';');
        keep(text, fits, Self::RULE)
    }
}

checked_text!(CookiePath);

/// To which hosts a browser sends the cookie: this one and those below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CookieDomain(Arc<str>);

impl CookieDomain {
    const RULE: &str = "a cookie's domain is a host name with a dot in it, such as example.com: no address, no '*'";

    /// Makes it lower-case and drops one leading dot, as browsers do.
    fn check(text: &str) -> Checked<'_> {
        let name = Host::check(text.strip_prefix('.').unwrap_or(text)).map_err(|_| Self::RULE)?;
        let is_name = name.contains('.') && !name.contains('[') && internet::v4(&name).is_none();
        if is_name { Ok(name) } else { Err(Self::RULE) }
    }
}

checked_text!(CookieDomain);

/// Whether a browser sends the cookie with requests that other sites start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Never.
    Strict,
    /// When a link leads here.
    #[default]
    Lax,
    /// Always; such a cookie must be secure.
    None,
}

impl SameSite {
    const fn as_attribute(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

impl Word for SameSite {
    const ALL: &'static [Self] = &[Self::Strict, Self::Lax, Self::None];
    const WORDS: &'static [&'static str] = &["strict", "lax", "none"];
    const RULE: &'static str = "sameSite is \"strict\", \"lax\" or \"none\"";
}

impl FromStr for SameSite {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        word(text)
    }
}

/// What a cookie is set with, each part checked already.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CookieAttributes {
    /// How long the browser keeps it.
    pub max_age: Duration,
    /// The domain; the request's host alone where there is none.
    pub domain: Option<CookieDomain>,
    /// The path.
    pub path: CookiePath,
    /// With which requests it is sent.
    pub same_site: SameSite,
    /// Whether it is sent over HTTPS only.
    pub secure: bool,
}

impl Default for CookieAttributes {
    /// A year, this host, every path, `Lax`, HTTPS only.
    fn default() -> Self {
        Self {
            max_age: Duration::from_hours(365 * 24),
            domain: None,
            path: CookiePath("/".into()),
            same_site: SameSite::default(),
            secure: true,
        }
    }
}

/// A cookie with an id of our own. Scripts can't read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GeneratedId {
    cookie: CookieName,
    attributes: CookieAttributes,
    /// What follows the id in a `set-cookie`.
    suffix: Arc<str>,
}

impl GeneratedId {
    /// The longest time: browsers keep no cookie for longer.
    pub const MAX_AGE: Duration = Duration::from_hours(400 * 24);

    /// Checks what browsers check, since they drop a cookie that breaks a rule without a word, and
    /// such a visitor would be a new one with each request.
    ///
    /// # Errors
    /// A [`Fault`] of the field `maxAge`, `secure`, `path` or `domain`.
    pub fn new(cookie: CookieName, attributes: CookieAttributes) -> Result<Self, Fault> {
        let CookieAttributes { max_age, domain, path, same_site, secure } = &attributes;
        if !(Duration::from_secs(1)..=Self::MAX_AGE).contains(max_age) {
            let rule = "from 1s to 400d, as browsers keep no cookie for longer, such as 365d";
            return Err(Fault::new(
                "maxAge",
                format_args!("\"{}\"", duration::format(*max_age)),
                rule,
            ));
        }
        let name = cookie.as_str();
        let starts = |prefix: &str| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let (of_host, of_https) = (starts("__Host-"), starts("__Secure-"));
        if !secure && (of_host || of_https || *same_site == SameSite::None) {
            let rule = "browsers take a cookie with sameSite \"none\", or whose name starts with __Host- or __Secure-, only with secure: true";
            return Err(Fault::new("secure", "false", rule));
        }
        if of_host && path.as_str() != "/" {
            let rule = "browsers take a cookie whose name starts with __Host- only with path \"/\"";
            return Err(Fault::new("path", format_args!("\"{}\"", Escaped(path.as_str())), rule));
        }
        if let Some(domain) = domain.as_ref().filter(|_| of_host) {
            let rule = "browsers take a cookie whose name starts with __Host- only without domain";
            return Err(Fault::new("domain", format_args!("\"{domain}\""), rule));
        }
        let suffix = suffix(&attributes).into();
        Ok(Self { cookie, attributes, suffix })
    }

    /// The cookie's name.
    #[must_use]
    pub const fn cookie(&self) -> &CookieName {
        &self.cookie
    }

    /// What it is set with.
    #[must_use]
    pub const fn attributes(&self) -> &CookieAttributes {
        &self.attributes
    }

    /// Whether a value may be an id that was made here.
    #[inline(never)]
    pub(crate) fn is_id(value: &[u8]) -> bool {
        value.len() == ID_LEN && value.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// An id made of random bytes: 32 digits in hexadecimal.
    #[inline(never)]
    pub(crate) fn id(random: [u8; 16]) -> String {
        hexadecimal(&random)
    }

    /// The `set-cookie` that hands an id to its visitor.
    pub(crate) fn set_cookie(&self, id: &str) -> String {
        let mut cookie = Joined::by("");
        cookie.extend([self.cookie.as_str(), "=", id, &self.suffix]);
        cookie.into_text()
    }
}

fn suffix(attributes: &CookieAttributes) -> String {
    let CookieAttributes { max_age, domain, path, same_site, secure } = attributes;
    let domain = domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let secure = if *secure { "; Secure" } else { "" };
    let (seconds, same_site) = (max_age.as_secs(), same_site.as_attribute());
    format!("; Max-Age={seconds}; Path={path}{domain}; HttpOnly{secure}; SameSite={same_site}")
}

impl Serialize for GeneratedId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            cookie: &'a CookieName,
            max_age: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            domain: Option<&'a CookieDomain>,
            path: &'a CookiePath,
            same_site: SameSite,
            secure: bool,
        }
        let CookieAttributes { max_age, domain, path, same_site, secure } = &self.attributes;
        Wire {
            cookie: &self.cookie,
            max_age: duration::format(*max_age),
            domain: domain.as_ref(),
            path,
            same_site: *same_site,
            secure: *secure,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
#[path = "generated_tests.rs"]
mod tests;
