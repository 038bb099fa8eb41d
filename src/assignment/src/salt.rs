//! The salt of a release.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names a release to the hash, so that each release picks other users first.
///
/// 1 to 128 printable ASCII characters without a space and without `:`, which separates salt and
/// id in the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Salt(Box<str>);

impl Salt {
    /// The longest salt, in bytes: room for a namespace and a name of 63 characters each.
    pub const MAX_LEN: usize = 128;

    /// Checks a salt.
    ///
    /// # Errors
    /// [`InvalidSalt`] where it is empty, too long or holds a character outside the rule.
    pub fn new(salt: &str) -> Result<Self, InvalidSalt> {
        if salt.is_empty() {
            return Err(InvalidSalt::Empty);
        }
        if salt.len() > Self::MAX_LEN {
            return Err(InvalidSalt::TooLong(salt.len()));
        }
        match salt.chars().find(|c| !c.is_ascii_graphic() || *c == ':') {
            Some(found) => Err(InvalidSalt::Character(found)),
            None => Ok(Self(salt.into())),
        }
    }

    /// The salt as text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Salt {
    type Err = InvalidSalt;

    fn from_str(text: &str) -> Result<Self, InvalidSalt> {
        Self::new(text)
    }
}

impl TryFrom<String> for Salt {
    type Error = InvalidSalt;

    fn try_from(text: String) -> Result<Self, InvalidSalt> {
        Self::new(&text)
    }
}

/// Why a text is no salt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSalt {
    /// Nothing in it.
    #[error("a salt needs at least one character")]
    Empty,
    /// Longer than [`Salt::MAX_LEN`].
    #[error("a salt has at most {max} bytes, this one has {0}", max = Salt::MAX_LEN)]
    TooLong(usize),
    /// A character that a salt may not hold.
    #[error(
        "a salt holds printable ASCII without spaces and without ':' (which separates it from the user's id), this one holds '{chars}'",
        chars = .0.escape_default()
    )]
    Character(char),
}
