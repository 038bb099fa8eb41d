//! What is wrong with a release, field by field.

use core::fmt;

use serde::Serialize;

/// Where a field stands: `spec.steps[2].weight`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

impl FieldPath {
    /// The path of a field of this one.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.with(Segment::Key(name.to_owned()))
    }

    /// The path of an element of this one, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The path of a place within this one, as the document's reader names it:
    /// `segments[0].when.header`.
    #[must_use]
    pub fn inside(&self, place: &str) -> Self {
        place.split(['.', '[']).filter(|part| !part.is_empty()).fold(self.clone(), |path, part| {
            match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
                Some(index) => path.index(index),
                None => path.field(part),
            }
        })
    }

    /// The path of what this is a field or an element of.
    #[must_use]
    pub fn parent(&self) -> Self {
        let mut path = self.clone();
        path.0.pop();
        path
    }

    fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(name) if place == 0 => f.write_str(name)?,
                Segment::Key(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for FieldPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A field that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {value}: {rule}")]
pub struct Fault {
    /// Where the field stands.
    pub path: FieldPath,
    /// What stands there, shortened; `missing` where nothing does.
    pub value: String,
    /// The rule, with an example.
    pub rule: String,
}

/// The faults found so far. A reader goes on after one, so that a user sees all at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// The longest value, in characters, that a fault repeats.
    const SHOWN: usize = 60;

    pub(crate) fn value(&mut self, path: FieldPath, value: &str, rule: impl fmt::Display) {
        let mut shown: String = value.chars().take(Self::SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        self.0.push(Fault { path, value: format!("{shown:?}"), rule: rule.to_string() });
    }

    /// A fault whose value another check has made fit to be shown.
    pub(crate) fn told(&mut self, path: FieldPath, value: &str, rule: &str) {
        self.0.push(Fault { path, value: value.to_owned(), rule: rule.to_owned() });
    }

    pub(crate) fn missing(&mut self, path: FieldPath, rule: impl fmt::Display) {
        self.0.push(Fault { path, value: "missing".to_owned(), rule: rule.to_string() });
    }

    /// Parses a text; a fault where it breaks its rule.
    pub(crate) fn parse<T>(
        &mut self,
        path: FieldPath,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(rule) => {
                self.value(path, text, rule);
                None
            }
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}
