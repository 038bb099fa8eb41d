//! Texts that are checked once, where they enter.

use alloc::borrow::Cow;
use alloc::sync::Arc;

use crate::Invalid;

/// What is kept of a text, or the rule that it breaks.
pub(crate) type Checked<'t> = Result<Cow<'t, str>, &'static str>;

/// Checks a text.
pub(crate) type Check = fn(&str) -> Checked<'_>;

/// What is a text that fits a rule. The rule is the type's own; all else that is done with such
/// texts is done for all types by the same code.
pub(crate) trait CheckedText: Sized {
    fn check(text: &str) -> Checked<'_>;

    /// Made of what was kept.
    fn of(kept: Arc<str>) -> Self;
}

/// A text as it is, where it fits.
pub(crate) const fn keep<'t>(text: &'t str, fits: bool, rule: &'static str) -> Checked<'t> {
    if fits { Ok(Cow::Borrowed(text)) } else { Err(rule) }
}

#[inline(never)]
pub(crate) fn checked(text: &str, check: Check) -> Result<Arc<str>, Invalid> {
    match check(text) {
        Ok(kept) => Ok(kept.into()),
        Err(rule) => Err(Invalid::new(text, rule)),
    }
}

/// Whether a text is 1 to `most` ASCII letters, digits and `others`.
#[inline(never)]
pub(crate) fn is_made_of(text: &str, most: usize, others: &[u8]) -> bool {
    (1..=most).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}

/// Gives a newtype over `Arc<str>` with a `check(&str) -> Checked` what every such text has: `new`,
/// its text, printing, parsing, and serde by the same rule.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// Checks a text, and keeps what there is to keep of it.
            ///
            /// # Errors
            /// [`Invalid`](crate::Invalid) where it breaks the rule of this type.
            pub fn new(text: &str) -> Result<Self, crate::Invalid> {
                crate::checked::checked(text, Self::check).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl crate::checked::CheckedText for $name {
            fn check(text: &str) -> crate::checked::Checked<'_> {
                Self::check(text)
            }

            fn of(kept: alloc::sync::Arc<str>) -> Self {
                Self(kept)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl core::str::FromStr for $name {
            type Err = crate::Invalid;

            fn from_str(text: &str) -> Result<Self, crate::Invalid> {
                Self::new(text)
            }
        }

        impl TryFrom<alloc::string::String> for $name {
            type Error = crate::Invalid;

            fn try_from(text: alloc::string::String) -> Result<Self, crate::Invalid> {
                Self::new(&text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

pub(crate) use checked_text;

/// What is one of a few words.
pub(crate) trait Word: Copy + 'static {
    /// What the words mean.
    const ALL: &'static [Self];
    /// The words, in the same order.
    const WORDS: &'static [&'static str];
    const RULE: &'static str;
}

/// Reads a word.
pub(crate) fn word<T: Word>(text: &str) -> Result<T, Invalid> {
    let place = T::WORDS.iter().position(|word| *word == text);
    let meant = place.and_then(|place| T::ALL.get(place));
    meant.copied().ok_or_else(|| Invalid::new(text, T::RULE))
}
