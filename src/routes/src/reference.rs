//! The names under which a rollout's weights stand.

use core::fmt;

/// Where a side's requests go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The host, spelt as the object spells it.
    pub host: String,
    /// The subset of the host; none where the host as a whole is meant.
    pub subset: Option<String>,
    /// The port; none where the host has only one.
    pub port: Option<u16>,
}

/// The names of the three entries, in the order in which they must stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entries {
    /// Takes the requests that are marked canary.
    pub canary: String,
    /// Takes the requests that are marked stable.
    pub stable: String,
    /// Takes those without a mark, by weight.
    pub rest: String,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            canary: "serin-canary".to_owned(),
            stable: "serin-stable".to_owned(),
            rest: "serin-rest".to_owned(),
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
