//! The names under which a rollout's weights stand.

use core::fmt;

/// Where a side's requests go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The host, spelt as the object spells it; of kinds that name services, the service, or
    /// `service.namespace.svc.cluster.local` where it is in another namespace than the object.
    pub host: String,
    /// The subset of the host; none where the host as a whole is meant.
    pub subset: Option<String>,
    /// The port; none where the host has only one.
    pub port: Option<u16>,
}

/// The entries of an object in which a rollout's weights stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entries {
    /// Three, by the mark that a filter has left. In an object whose first entry that fits counts
    /// they stand in this order.
    ByMark {
        /// Takes the requests that are marked canary.
        canary: String,
        /// Takes the requests that are marked stable.
        stable: String,
        /// Takes those without a mark, by weight.
        rest: String,
    },
    /// This one, which takes all requests by weight.
    One(String),
    /// None: the object as a whole is what takes all requests by weight.
    Whole,
}

impl Entries {
    /// The name of the entry for marked canary where a release does not say.
    pub const CANARY: &str = "serin-canary";
    /// The name of the entry for marked stable where a release does not say.
    pub const STABLE: &str = "serin-stable";
    /// The name of the entry for those without a mark where a release does not say.
    pub const REST: &str = "serin-rest";
}

impl Default for Entries {
    fn default() -> Self {
        Self::ByMark {
            canary: Self::CANARY.to_owned(),
            stable: Self::STABLE.to_owned(),
            rest: Self::REST.to_owned(),
        }
    }
}

/// `entries a, b, c`, `entry a`, or `as a whole`.
impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByMark { canary, stable, rest } => {
                write!(f, "entries {canary}, {stable}, {rest}")
            }
            Self::One(name) => write!(f, "entry {name}"),
            Self::Whole => f.write_str("as a whole"),
        }
    }
}

/// The names under which a rollout's weights stand in a router's object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The entries.
    pub entries: Entries,
    /// The header that carries the mark.
    pub mark: String,
    /// The version before; another destination than `canary`.
    pub stable: Destination,
    /// The version on trial.
    pub canary: Destination,
}

impl Reference {
    /// The same names with the two destinations in each other's place.
    #[must_use]
    pub fn swapped(&self) -> Self {
        let Self { entries, mark, stable, canary } = self.clone();
        Self { entries, mark, stable: canary, canary: stable }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if let Some(subset) = &self.subset {
            write!(f, " subset {subset}")?;
        }
        match self.port {
            Some(port) => write!(f, " port {port}"),
            None => Ok(()),
        }
    }
}
