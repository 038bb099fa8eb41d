//! What became of an answer of the source.

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It brought a newer document.
    Applied,
    /// It brought or confirmed the document that is there.
    Unchanged,
    /// It brought an older document.
    Older,
    /// It was JSON, but no document that this version understands.
    Refused,
    /// It was no JSON, or too large.
    Unreadable,
    /// There was none, or one with another status than 200 and 304.
    Failed,
}

impl Outcome {
    /// All of them, in the order of their numbers (`as usize`).
    pub const ALL: [Self; 6] = [
        Self::Applied,
        Self::Unchanged,
        Self::Older,
        Self::Refused,
        Self::Unreadable,
        Self::Failed,
    ];

    /// The name that the counter carries.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Older => "older",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Failed => "failed",
        }
    }
}
