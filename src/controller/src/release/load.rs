//! A release from its file.

use core::fmt;
use std::path::{Path, PathBuf};

use serde_saphyr::{Error as YamlError, MessageFormatter as _, UserMessageFormatter};

use super::locate::{Place, Places, place};
use super::read::{Origin, read};
use super::{Fault, FieldPath, Release};
use crate::input;

/// The longest release file, in bytes: a hundred times a large one.
const LONGEST_FILE: usize = 1 << 20;

impl Release {
    /// Reads a release file.
    ///
    /// # Errors
    /// [`LoadError`] with every fault that was found, each with its line.
    pub fn load(file: &Path) -> Result<Self, LoadError> {
        let bytes = input::read(file, LONGEST_FILE).map_err(|error| unreadable(file, &error))?;
        Self::from_bytes(&bytes, file)
    }

    /// Reads what a release file holds. `file` is as for [`Release::parse`].
    ///
    /// # Errors
    /// As [`Release::load`].
    pub fn from_bytes(bytes: &[u8], file: &Path) -> Result<Self, LoadError> {
        if bytes.len() > LONGEST_FILE {
            let why =
                format!("it has {} bytes; a release file has at most {LONGEST_FILE}", bytes.len());
            return Err(unreadable(file, &why));
        }
        let text = str::from_utf8(bytes).map_err(|error| unreadable(file, &error))?;
        Self::parse(text, file)
    }

    /// Reads the text of a release file. `file` stands in errors, and relative paths in the text
    /// start from its folder.
    ///
    /// # Errors
    /// As [`Release::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, LoadError> {
        let places = Places::of(text);
        let refused =
            |faults| LoadError::Refused { faults: Faulty { file: file.to_owned(), faults } };
        let spec = serde_saphyr::from_str(text)
            .map_err(|error| refused(vec![located(&error, places.as_ref())]))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        read(spec, &Origin::File { folder }).map_err(|faults| {
            let locate = |fault: Fault| Located {
                place: places.as_ref().and_then(|places| places.of_field(&fault.path)),
                message: fault.to_string(),
            };
            let mut located: Vec<Located> = faults.into_iter().map(locate).collect();
            located.sort_by_key(|fault| fault.place);
            refused(located)
        })
    }
}

fn unreadable(file: &Path, why: &dyn fmt::Display) -> LoadError {
    LoadError::Unreadable { file: file.to_owned(), why: why.to_string() }
}

/// Why a release file cannot be used. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("{}: {why}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The file says something that breaks a rule.
    #[error("{faults}")]
    Refused {
        /// What, at least once.
        faults: Faulty,
    },
}

/// A file's faults; printed one a line, as `file:line:column: field: value: rule`.
#[derive(Debug)]
pub struct Faulty {
    /// Which file.
    pub file: PathBuf,
    /// The faults, in the order of their places.
    pub faults: Vec<Located>,
}

/// A fault and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Line and column, counted from 1; of the nearest enclosing field where the field is missing.
    pub place: Option<Place>,
    /// Field, value and rule.
    pub message: String,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, Located { place, message }) in self.faults.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            match place {
                Some((line, column)) => {
                    write!(f, "{}:{line}:{column}: {message}", self.file.display())?;
                }
                None => write!(f, "{}: {message}", self.file.display())?,
            }
        }
        Ok(())
    }
}

/// A fault of the shape: bad YAML, an unknown or missing field, a list where a text belongs.
fn located(error: &YamlError, places: Option<&Places>) -> Located {
    let error = error.without_snippet();
    let at = error.location().and_then(place);
    let (field, value) =
        at.zip(places).and_then(|(at, places)| places.field_at(at)).unwrap_or_default();
    match error {
        YamlError::SerdeUnknownField { field: name, expected, .. } => {
            let field = field.parent().field(name);
            Located { place: at, message: format!("{field}: {}", unknown_field(name, expected)) }
        }
        YamlError::SerdeMissingField { field: name, .. } => {
            // Its place is the last field that is there, or the mapping where that is empty.
            let empty = value.is_none() && places.is_some_and(|places| places.is_empty(&field));
            let mapping = if empty { field } else { field.parent() };
            let place = places.and_then(|places| places.of_field(&mapping)).or(at);
            Located { place, message: format!("{}: missing", mapping.field(name)) }
        }
        _ => {
            let value = value.map_or(String::new(), |value| format!("{value:?}: "));
            let rule = rule_of_shape(error);
            let whole = field == FieldPath::default();
            let message = if whole { rule } else { format!("{field}: {value}{rule}") };
            Located { place: at, message }
        }
    }
}

/// The reader's own words, but for the commonest mistakes, which it tells in terms of a parser.
fn rule_of_shape(error: &YamlError) -> String {
    match error {
        YamlError::InvalidScalar { ty: "u64", .. } => "a whole number such as 500".to_owned(),
        YamlError::Unexpected { expected: "sequence start", .. } => {
            "a list, such as [a, b] or lines that begin with `- `".to_owned()
        }
        YamlError::Unexpected { expected: "mapping start", .. } => {
            "fields with values, such as {name: shop}".to_owned()
        }
        other => UserMessageFormatter.format_message(other).into_owned(),
    }
}

fn unknown_field(name: &str, expected: &[&str]) -> String {
    let nearest = expected
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        // Below it the two have little more in common than letters.
        Some((similarity, known)) if similarity > 0.8 => {
            format!("no such field, did you mean `{known}`?")
        }
        _ => format!("no such field; there are {}", expected.join(", ")),
    }
}
