//! What is wrong with an input: the field, the value and the rule it breaks.

use alloc::borrow::Cow;
use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString as _;
use core::fmt;
use core::ops::Deref;

use crate::json::Escaped;
use crate::{FormatVersion, Joined};

/// The longest value, in characters, that an error repeats: enough to recognise it by.
const SHOWN: usize = 60;

/// The longest place, in characters: room for the deepest of our own fields.
const SHOWN_FIELD: usize = 120;

/// Cuts a value to what an error may show.
pub(crate) fn shorten(value: &str) -> String {
    shorten_to(SHOWN, value)
}

/// Texts as a list, each in quotes.
#[inline(never)]
pub(crate) fn listed(texts: &mut dyn Iterator<Item = String>, between: &'static str) -> String {
    let mut list = Joined::by(between);
    for text in texts {
        list.add(&format!("\"{text}\""));
    }
    format!("[{}]", list.into_text())
}

fn shorten_to(limit: usize, value: &str) -> String {
    match value.char_indices().nth(limit) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
    }
}

/// A text that breaks the rule of its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\": {rule}", Escaped(value))]
pub struct Invalid {
    /// The text, shortened.
    pub value: String,
    /// The rule, with an example.
    pub rule: Cow<'static, str>,
}

impl Invalid {
    pub(crate) fn new(value: &str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { value: shorten(value), rule: rule.into() }
    }
}

/// A field that breaks its rule.
///
/// In a box, so that what may fail and almost never does hands over no more than a pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}: {}", .0.field, .0.value, .0.rule)]
pub struct Fault(Box<Broken>);

/// What a [`Fault`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where it stands, such as `rollouts[3].weight`.
    pub field: String,
    /// What stands there as JSON, shortened; `missing` where nothing does.
    pub value: String,
    /// The rule, with an example.
    pub rule: String,
}

impl Deref for Fault {
    type Target = Broken;

    fn deref(&self) -> &Broken {
        &self.0
    }
}

impl Fault {
    /// The value of a field that is not there.
    pub(crate) const MISSING: &str = "missing";
    /// What stands in the place of a value that may be a secret.
    pub(crate) const HIDDEN: &str = "(not shown)";

    /// What is at fault, put into words only here.
    pub(crate) fn new(
        field: impl fmt::Display,
        value: impl fmt::Display,
        rule: impl fmt::Display,
    ) -> Self {
        Self::of(&field, &value, &rule)
    }

    fn of(field: &dyn fmt::Display, value: &dyn fmt::Display, rule: &dyn fmt::Display) -> Self {
        // A place may hold keys that somebody else chose: no line ends into the log.
        let field = Escaped(&field.to_string()).to_string();
        let (field, value) = (shorten_to(SHOWN_FIELD, &field), shorten(&value.to_string()));
        Self(Box::new(Broken { field, value, rule: rule.to_string() }))
    }

    /// The same for a field of what stands at a place.
    pub(crate) fn below(self, at: impl fmt::Display) -> Self {
        let field = shorten_to(SHOWN_FIELD, &format!("{at}.{}", self.field));
        Self(Box::new(Broken { field, ..*self.0 }))
    }

    /// Leaves the value out, which may be a secret.
    pub(crate) fn hide(&mut self) {
        Self::HIDDEN.clone_into(&mut self.0.value);
    }

    pub(crate) fn missing(field: impl fmt::Display, rule: impl fmt::Display) -> Self {
        Self::new(field, Self::MISSING, rule)
    }
}

/// A rollout that is not in force, while the others of its document are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The rollout's name, or its place such as `rollouts[3]` where the name cannot be read.
    pub rollout: String,
    /// The field at fault.
    pub field: String,
    /// Its value as JSON, shortened; `missing` where there is none.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
}

impl LeftOut {
    pub(crate) fn new(rollout: impl Into<String>, fault: Fault) -> Self {
        let Broken { field, value, rule } = *fault.0;
        Self { rollout: rollout.into(), field, value, rule }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rollout, field, value, rule } = self;
        write!(f, "rollout {rollout} left out: {field}: {value}: {rule}")
    }
}

/// Why bytes are no document (or no plugin configuration): nothing of them is in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not JSON at all.
    #[error("not JSON: {problem}")]
    NotJson {
        /// What the reader stumbled over, with line and column.
        problem: String,
    },
    /// JSON, but nothing that could be a document.
    #[error("no assignment document: {value}: {rule}")]
    NotDocument {
        /// What it is, shortened.
        value: String,
        /// What it would have to be.
        rule: String,
    },
    /// A document of another major version, whose fields may mean anything.
    #[error("formatVersion: \"{found}\": {}", FormatVersion::RULE)]
    UnknownMajor {
        /// The version it says it has.
        found: FormatVersion,
    },
    /// A field at the top level breaks its rule.
    #[error(transparent)]
    Field(#[from] Fault),
}

impl Refused {
    /// Whether the bytes were JSON. A plugin accepts any JSON as its configuration and refuses
    /// anything else, because that verdict has to be the same for the same bytes on every load.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        !matches!(self, Self::NotJson { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(&"ü".repeat(60)), "ü".repeat(60));
        assert_eq!(shorten(&"ü".repeat(61)), "ü".repeat(60) + "…");
    }
}
