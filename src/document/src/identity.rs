//! Where a request says who sends it, and what becomes of one that doesn't.

use alloc::format;

pub(crate) mod address;
pub(crate) mod baggage;
pub(crate) mod claim;
pub(crate) mod generated;
mod payload;
pub(crate) mod reach;
pub(crate) mod read;

use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::checked::{Word, word};
use crate::{
    AddressBits, BaggageKey, CookieName, Fault, GeneratedId, HeaderName, Invalid, JwtClaim,
    ParameterName,
};

/// A place in a request that may hold a user's id, or a tester's choice. Where a header, cookie,
/// parameter or member is repeated, the first counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentitySource {
    /// A header's value as sent.
    Header(HeaderName),
    /// A cookie's value as sent.
    Cookie(CookieName),
    /// A query parameter's value, percent-decoded; `+` is a plus.
    Query(ParameterName),
    /// A claim of a verified token.
    Jwt(JwtClaim),
    /// A member of the W3C `baggage`, percent-decoded.
    Baggage(BaggageKey),
    /// The caller's address, or the network that stands for it.
    Address(AddressBits),
    /// An id of our own in a cookie; made for a request that has none.
    Generated(GeneratedId),
}

impl core::fmt::Display for IdentitySource {
    /// For people: `header x-user-id`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Query(name) => write!(f, "query {name}"),
            Self::Jwt(claim) => write!(f, "{claim}"),
            Self::Baggage(key) => write!(f, "baggage {key}"),
            Self::Address(bits) => write!(f, "address /{}, IPv6 /{}", bits.ipv4(), bits.ipv6()),
            Self::Generated(own) => write!(f, "an id made here, in cookie {}", own.cookie()),
        }
    }
}

impl IdentitySource {
    pub(crate) const RULE: &str = "a source is exactly one of {\"header\": name}, {\"cookie\": name}, {\"query\": name}, {\"jwt\": claim}, {\"baggage\": key}, {\"address\": bits}; the last one for an id also {\"generated\": cookie}";

    /// The header that it reads, where it reads one of its own.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Header(name) => Some(name.as_str()),
            Self::Jwt(claim) => claim.header().map(HeaderName::as_str),
            Self::Baggage(_) => Some(baggage::HEADER),
            Self::Cookie(_) | Self::Query(_) | Self::Address(_) | Self::Generated(_) => None,
        }
    }

    /// Whether it looks at the place of another one.
    pub(crate) fn stands_at(&self, place: &Self) -> bool {
        match place {
            Self::Cookie(name) => self.cookie() == Some(name),
            _ => self == place,
        }
    }

    /// The cookie that it reads, where it reads one.
    pub(crate) const fn cookie(&self) -> Option<&CookieName> {
        match self {
            Self::Cookie(name) => Some(name),
            Self::Generated(own) => Some(own.cookie()),
            _ => None,
        }
    }

    /// Checks that an id which is made here comes last: no request gets past it.
    ///
    /// # Errors
    /// The place of one that doesn't, and a [`Fault`] of its field `generated`.
    pub fn check_order(sources: &[Self]) -> Result<(), (usize, Fault)> {
        let generated = |source: &Self| matches!(source, Self::Generated(_));
        match sources.iter().position(generated) {
            Some(index) if index + 1 < sources.len() => {
                let rule =
                    "it comes last: who has no id gets one here, and no source after it is asked";
                let followed = format!("{} after it", sources.len() - index - 1);
                Err((index, Fault::new("generated", &followed, rule)))
            }
            _ => Ok(()),
        }
    }
}

/// What becomes of a request without an id.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Anonymous {
    /// It is marked stable.
    #[default]
    Stable,
    /// It is drawn by itself at the weight, by its `x-request-id`.
    Random,
    /// It stays unmarked: the route's own weights decide.
    Route,
}

impl Word for Anonymous {
    const ALL: &'static [Self] = &[Self::Stable, Self::Random, Self::Route];
    const WORDS: &'static [&'static str] = &["stable", "random", "route"];
    const RULE: &'static str = "anonymous requests go \"stable\", \"random\" or \"route\"";
}

impl FromStr for Anonymous {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        word(text)
    }
}

/// What becomes of a mark that a request brings along.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Incoming {
    /// It is overwritten or removed: anybody may have sent it.
    #[default]
    Replace,
    /// It is taken over: for a proxy that only proxies which have already decided can reach.
    Keep,
}

impl Word for Incoming {
    const ALL: &'static [Self] = &[Self::Replace, Self::Keep];
    const WORDS: &'static [&'static str] = &["replace", "keep"];
    const RULE: &'static str = "an incoming mark is dealt with by \"replace\" or \"keep\"";
}

impl FromStr for Incoming {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        word(text)
    }
}
