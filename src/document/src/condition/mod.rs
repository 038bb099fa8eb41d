//! What a rule asks of a request: `{"header": "x-country", "oneOf": ["de", "fr"]}`, joined by
//! `all`, `any` and `not`.
//!
//! A condition is asked as it stands. What could cost a request anything is done where it is read:
//! lists are sorted, names and texts are checked, depth and number are bounded. Asking takes no
//! memory where the source's own value takes none.

use alloc::boxed::Box;
use alloc::vec::Vec;

mod read;

use serde::Serialize;

pub(crate) use read::condition as read;

use crate::request::Reader;
use crate::{IdentitySource, Request};

/// A condition on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// Each of them holds.
    All(Vec<Self>),
    /// At least one of them holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The path as it was sent, without the query.
    Path(Test),
    /// What stands at a source.
    #[serde(untagged)]
    Value(Subject),
}

/// A source and what is asked of its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Where the value stands. Where it stands several times, the first counts.
    #[serde(flatten)]
    pub source: IdentitySource,
    /// What is asked.
    #[serde(flatten)]
    pub test: Test,
}

/// What is asked of a value. Values are bytes as sent, and cases are told apart. A value that is
/// not there fulfils none but `present: false`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Test {
    /// It is this text.
    Is(Box<str>),
    /// It is one of these.
    OneOf(Texts),
    /// It begins so.
    Prefix(Box<str>),
    /// It ends so.
    Suffix(Box<str>),
    /// It is there, or it is not. An empty value is there.
    Present(bool),
}

/// Texts that a value is looked up among: sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Texts(Box<[Box<str>]>);

impl Texts {
    /// Sorts texts.
    #[must_use]
    pub fn new(texts: Vec<Box<str>>) -> Self {
        let mut sorted = Vec::with_capacity(texts.len());
        for text in texts {
            // There are few.
            if let Err(place) = sorted.binary_search(&text) {
                sorted.insert(place, text);
            }
        }
        Self(sorted.into())
    }

    fn contains(&self, value: &[u8]) -> bool {
        self.0.binary_search_by(|text| text.as_bytes().cmp(value)).is_ok()
    }
}

impl Condition {
    /// Whether a request fulfils it.
    pub(crate) fn holds(&self, reader: &Reader<'_, impl Request>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(reader)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(reader)),
            Self::Not(part) => !part.holds(reader),
            Self::Path(test) => test.holds(Some(reader.target().path)),
            Self::Value(Subject { source, test }) => test.holds(reader.value(source).as_deref()),
        }
    }

    /// How many conditions it is, those within it too.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::size).sum::<usize>(),
            Self::Not(part) => 1 + part.size(),
            Self::Path(_) | Self::Value(_) => 1,
        }
    }

    /// Whether it reads a source of which `is` holds.
    pub(crate) fn reads(&self, is: &dyn Fn(&IdentitySource) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.reads(is)),
            Self::Not(part) => part.reads(is),
            Self::Path(_) => false,
            Self::Value(subject) => is(&subject.source),
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (Self::Present(wanted), value) => *wanted == value.is_some(),
            (_, None) => false,
            (Self::Is(text), Some(value)) => text.as_bytes() == value,
            (Self::OneOf(texts), Some(value)) => texts.contains(value),
            (Self::Prefix(text), Some(value)) => value.starts_with(text.as_bytes()),
            (Self::Suffix(text), Some(value)) => value.ends_with(text.as_bytes()),
        }
    }
}
