//! Signed opt-in tokens: what a tester shows where anybody can reach the proxy.
//!
//! ```text
//! serin1~2026-11~shop/checkout~canary~1796050483~shop~SgPlBaGekyNeMiyh6DNNxBlOwRZ9pj-LcLazB6qWwM4
//! format key id  rollout       variant expiry     audience            signature
//! ```
//!
//! The signature is HMAC-SHA256 by the key of that id over all that stands before its `~`, as
//! base64url without padding. The expiry is in seconds since 1970. No field can hold a `~`, so a
//! token reads in one way only, and it stands in headers, cookies and query strings as it is.

use alloc::format;
use alloc::string::String;

mod keys;
mod places;
mod read;

use core::fmt;
use core::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serin_assignment::Variant;

pub use keys::{KeyId, TesterKey, TesterKeys};
pub(crate) use places::Places;
pub use places::{CutCookies, TakeOff};
pub use read::Token;

use crate::RolloutName;
use crate::checked::{Checked, checked_text, is_made_of, keep};

/// What every token of this format begins with; another format will have another number.
const FORMAT: &str = "serin1";

/// Between a token's fields.
const SEPARATOR: char = '~';

/// The environment variable of the proxy's VM that holds the keys, where the plugin's own
/// configuration names none.
pub const KEYS_VARIABLE: &str = "SERIN_TESTER_KEYS";

/// For whom a token is meant: 1 to 64 letters, digits, `.`, `_`, `-`, `/`. A proxy takes tokens for
/// its rollout's audience alone, so one that was made for a test site opens no other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Audience(alloc::sync::Arc<str>);

impl Audience {
    const MAX_LEN: usize = 64;

    const RULE: &str =
        "an audience is 1 to 64 letters, digits, '.', '_', '-' and '/', such as shop";

    fn check(text: &str) -> Checked<'_> {
        keep(text, is_made_of(text, Self::MAX_LEN, b"._-/"), Self::RULE)
    }
}

checked_text!(Audience);

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The rollout that it is for.
    pub rollout: RolloutName,
    /// The side that its bearer wants.
    pub variant: Variant,
    /// When it ends, in whole seconds since 1970.
    pub expires: u64,
    /// For whom it is meant.
    pub audience: Audience,
}

impl Claims {
    /// The token that says so, signed by a key.
    #[must_use]
    pub fn sign(&self, key: &TesterKey) -> String {
        let Self { rollout, variant, expires, audience } = self;
        let id = key.id();
        let mut token = format!("{FORMAT}~{id}~{rollout}~{variant}~{expires}~{audience}");
        let signature = key.sign(token.as_bytes());
        token.push(SEPARATOR);
        token.push_str(&Base64UrlUnpadded::encode_string(&signature));
        token
    }

    /// Whether a token that says so opens this rollout to this audience; `now` is the time since
    /// 1970 and is asked for last.
    ///
    /// # Errors
    /// [`Refusal`], the first of other rollout, other audience and expired that applies.
    pub fn admit(
        &self,
        rollout: &RolloutName,
        audience: &Audience,
        now: impl FnOnce() -> Duration,
    ) -> Result<Variant, Refusal> {
        if self.rollout != *rollout {
            Err(Refusal::OtherRollout)
        } else if self.audience != *audience {
            Err(Refusal::OtherAudience)
        } else if self.is_expired(now()) {
            Err(Refusal::Expired)
        } else {
            Ok(self.variant)
        }
    }

    /// Whether it has ended at that time since 1970.
    #[must_use]
    pub const fn is_expired(&self, now: Duration) -> bool {
        now.as_secs() >= self.expires
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// It is no token of this format.
    Malformed,
    /// No key here has its id.
    UnknownKey,
    /// It was not signed with the key of its id, or was changed since.
    BadSignature,
    /// It has ended.
    Expired,
    /// It is meant for somebody else.
    OtherAudience,
    /// It is for another rollout.
    OtherRollout,
}

impl Refusal {
    /// All of them, in the order of their numbers (`as usize`).
    pub const ALL: [Self; 6] = [
        Self::Malformed,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Expired,
        Self::OtherAudience,
        Self::OtherRollout,
    ];

    /// The name that metrics carry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown-key",
            Self::BadSignature => "bad-signature",
            Self::Expired => "expired",
            Self::OtherAudience => "other-audience",
            Self::OtherRollout => "other-rollout",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
