//! What can go wrong before a query.

use std::path::{Path, PathBuf};

/// A file that is needed to ask, and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {}: {why}", file.display())]
pub struct SetupError {
    /// What the file holds.
    pub what: &'static str,
    /// Its path; empty where the fault lies in the system's own certificates.
    pub file: PathBuf,
    /// Why it cannot be used; never its content.
    pub why: String,
}

impl SetupError {
    pub(super) fn new(what: &'static str, file: &Path, why: &dyn ToString) -> Self {
        Self { what, file: file.to_owned(), why: why.to_string() }
    }
}
