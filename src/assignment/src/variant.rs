//! The two sides of a release.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The side of a release that serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// The version that served before.
    Stable,
    /// The version on trial.
    Canary,
}

impl Variant {
    /// The name by which marks, metrics and documents call it: `stable` or `canary`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }

    /// Reads a name from raw bytes, exactly as [`Variant::as_str`] writes it.
    #[must_use]
    pub const fn from_bytes(name: &[u8]) -> Option<Self> {
        match name {
            b"stable" => Some(Self::Stable),
            b"canary" => Some(Self::Canary),
            _ => None,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Variant {
    type Err = InvalidVariant;

    fn from_str(name: &str) -> Result<Self, InvalidVariant> {
        Self::from_bytes(name.as_bytes()).ok_or_else(|| InvalidVariant(name.to_owned()))
    }
}

/// The text names no side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a variant is `stable` or `canary`, not `{0}`")]
pub struct InvalidVariant(String);
