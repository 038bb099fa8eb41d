//! Where a request says who sends it, and what becomes of one that doesn't.

use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CookieName, HeaderName, Invalid, ParameterName};

/// A place in a request that may hold a user's id, or a tester's choice. Where the header, cookie
/// or parameter is repeated, the first counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentitySource {
    /// A header's value as sent.
    Header(HeaderName),
    /// A cookie's value as sent.
    Cookie(CookieName),
    /// A query parameter's value, percent-decoded; `+` is a plus.
    Query(ParameterName),
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

impl FromStr for Anonymous {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "stable" => Ok(Self::Stable),
            "random" => Ok(Self::Random),
            "route" => Ok(Self::Route),
            _ => {
                Err(Invalid::new(text, "anonymous requests go \"stable\", \"random\" or \"route\""))
            }
        }
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

impl FromStr for Incoming {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "replace" => Ok(Self::Replace),
            "keep" => Ok(Self::Keep),
            _ => {
                Err(Invalid::new(text, "an incoming mark is dealt with by \"replace\" or \"keep\""))
            }
        }
    }
}
