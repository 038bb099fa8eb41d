//! The version of a document's format.

use core::fmt;
use core::str::FromStr;

use serde::{Serialize, Serializer};

use crate::Invalid;
use crate::digits::decimal;

/// `major.minor`. Another major version may mean anything; a newer minor one has fields that this
/// crate doesn't know and may ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormatVersion {
    major: u16,
    minor: u16,
}

impl FormatVersion {
    /// The version that this crate writes.
    pub const CURRENT: Self = Self { major: 1, minor: 0 };

    pub(crate) const RULE: &str =
        "the format's version is text such as \"1.0\"; this module reads every 1.x";

    /// Whether documents of this version can be read here.
    #[must_use]
    pub const fn is_known_major(self) -> bool {
        self.major == Self::CURRENT.major
    }

    /// Whether it may hold fields that are unknown here and are to be ignored.
    #[must_use]
    pub const fn is_newer_minor(self) -> bool {
        self.major == Self::CURRENT.major && self.minor > Self::CURRENT.minor
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for FormatVersion {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number = |part: &str| {
            let number = decimal(part).filter(|_| part == "0" || !part.starts_with('0'))?;
            u16::try_from(number).ok()
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self { major: number(major)?, minor: number(minor)? }))
            .ok_or_else(|| Invalid::new(text, Self::RULE))
    }
}

impl Serialize for FormatVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_and_print_the_same() {
        for text in ["0.0", "1.0", "1.7", "2.0", "10.20", "65535.65535"] {
            assert_eq!(text.parse::<FormatVersion>().unwrap().to_string(), text);
        }
        for bad in
            ["", "1", "1.", ".1", "1.0.0", "01.0", "1.00", "v1.0", "1.x", "-1.0", "+1.0", "65536.0"]
        {
            assert!(bad.parse::<FormatVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_minor_version_is_newer_only_within_the_major() {
        let newer = |text: &str| text.parse::<FormatVersion>().unwrap().is_newer_minor();
        assert!(newer("1.1"));
        assert!(!newer("1.0"));
        assert!(!newer("2.1"));
    }
}
