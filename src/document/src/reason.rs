//! Why a request is on its side, and whether that makes it evidence.

/// Why a request is on its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The hash of the id placed it.
    Hash,
    /// The hash of an id placed it that was made for this request.
    NewId,
    /// A tester asked for the canary.
    OptIn,
    /// A tester asked for stable.
    OptOut,
    /// No id: stable.
    Anonymous,
    /// No id: drawn by its request id.
    Random,
    /// No id and no request id to draw by: unmarked.
    NoRequestId,
    /// No id: unmarked, the route's weights decide.
    Route,
    /// An id over [`MAX_ID_BYTES`](crate::MAX_ID_BYTES), dealt with as if it had none.
    Oversized,
    /// A rule keeps the request out of the canary.
    Excluded,
    /// The request is not among those that may be in the canary.
    Ineligible,
    /// The user is on a list.
    Listed,
    /// The request belongs to a segment.
    Segment,
    /// The hash of the id, or the draw, is outside the rollout's range of buckets: stable.
    OtherRange,
    /// The canary serves nobody now: stable.
    NotServing,
    /// This proxy's tripwire has tripped: stable.
    Tripped,
    /// A proxy before this one has decided.
    Incoming,
    /// The rollout requires what this module doesn't know: stable.
    Requires,
    /// No rollout's request.
    NoRollout,
}

impl Reason {
    /// All reasons, in the order of their numbers (`as usize`).
    pub const ALL: [Self; 19] = [
        Self::Hash,
        Self::NewId,
        Self::OptIn,
        Self::OptOut,
        Self::Anonymous,
        Self::Random,
        Self::NoRequestId,
        Self::Route,
        Self::Oversized,
        Self::Excluded,
        Self::Ineligible,
        Self::Listed,
        Self::Segment,
        Self::OtherRange,
        Self::NotServing,
        Self::Tripped,
        Self::Incoming,
        Self::Requires,
        Self::NoRollout,
    ];

    /// Whether requests that are where they are for this reason tell the sides apart fairly: the
    /// hash placed them, or they were drawn at random. Testers and users without an id differ from
    /// the rest.
    #[must_use]
    pub const fn is_evidence(self) -> bool {
        matches!(self, Self::Hash | Self::NewId | Self::Random)
    }

    /// The name that metrics carry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::NewId => "new-id",
            Self::OptIn => "opt-in",
            Self::OptOut => "opt-out",
            Self::Anonymous => "anonymous",
            Self::Random => "random",
            Self::NoRequestId => "no-request-id",
            Self::Route => "route",
            Self::Oversized => "oversized",
            Self::Excluded => "excluded",
            Self::Ineligible => "ineligible",
            Self::Listed => "listed",
            Self::Segment => "segment",
            Self::OtherRange => "other-range",
            Self::NotServing => "not-serving",
            Self::Tripped => "tripped",
            Self::Incoming => "incoming",
            Self::Requires => "requires",
            Self::NoRollout => "no-rollout",
        }
    }
}
