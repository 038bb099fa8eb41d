//! From host and path to a rollout, at a price that doesn't grow with the number of rollouts: one
//! look for the exact host, one per label for wildcards, one per known length of a prefix.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{HostPattern, Named, PathPrefix};

/// Hosts with their paths; each pair belongs to one rollout, or to several that share it.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    exact: Named<Paths>,
    below: Named<Paths>,
    any: Option<Paths>,
    /// The longest suffix that is known, so that a long hostile host costs no more than that.
    longest_suffix: usize,
}

impl Hosts {
    /// Whose pair this is, if it is somebody's.
    pub(crate) fn owners(&self, host: &HostPattern, prefix: &PathPrefix) -> Option<&Owners> {
        let paths = match host {
            HostPattern::Exact(host) => self.exact.find(host.as_str().as_bytes()),
            HostPattern::Below(suffix) => self.below.find(suffix.as_str().as_bytes()),
            HostPattern::Any => self.any.as_ref(),
        };
        paths?.by_prefix.find(prefix.as_str().as_bytes())
    }

    /// Gives a pair to a rollout, beside those that have it already.
    pub(crate) fn insert(&mut self, host: &HostPattern, prefix: &PathPrefix, index: usize) {
        let (known, name) = match host {
            HostPattern::Exact(host) => (&mut self.exact, host.as_str()),
            HostPattern::Below(suffix) => {
                self.longest_suffix = self.longest_suffix.max(suffix.as_str().len());
                (&mut self.below, suffix.as_str())
            }
            HostPattern::Any => {
                self.any.get_or_insert_default().insert(prefix, index);
                return;
            }
        };
        let place = known.place(name.as_bytes(), Paths::default);
        if let Some(paths) = known.at_mut(place) {
            paths.insert(prefix, index);
        }
    }

    /// The paths of a host of exactly this name.
    #[inline]
    pub(crate) fn find_exact(&self, host: &[u8]) -> Option<&Paths> {
        self.exact.find(host)
    }

    /// The paths of a normalised host that has none of exactly its name: those of the longest
    /// wildcard.
    #[inline]
    pub(crate) fn find_wildcard(&self, host: &[u8]) -> Option<&Paths> {
        self.find_below(host).or(self.any.as_ref())
    }

    #[inline]
    fn find_below(&self, host: &[u8]) -> Option<&Paths> {
        if self.longest_suffix == 0 {
            return None;
        }
        // A wildcard stands for one byte at least, then comes the dot.
        let first = host.len().saturating_sub(self.longest_suffix).max(2);
        (first..host.len())
            .filter(|start| host.get(start - 1) == Some(&b'.'))
            .find_map(|start| self.below.find(host.get(start..)?))
    }
}

/// The rollouts of a pair by their index, in the document's order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Owners {
    pub(crate) first: usize,
    /// Almost always empty, which takes no memory of its own.
    pub(crate) others: Box<[usize]>,
}

impl Owners {
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        core::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// Adds one; a rollout may name a pair twice.
    fn add(&mut self, index: usize) {
        if !self.iter().any(|owner| owner == index) {
            let mut others = core::mem::take(&mut self.others).into_vec();
            others.push(index);
            self.others = others.into();
        }
    }
}

/// The paths of one host.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    by_prefix: Named<Owners>,
    /// The lengths of the prefixes, each once, the longest first.
    lengths: Vec<usize>,
}

impl Paths {
    fn insert(&mut self, prefix: &PathPrefix, index: usize) {
        let bytes = prefix.as_str().as_bytes();
        let first = || Owners { first: index, others: Box::default() };
        let place = self.by_prefix.place(bytes, first);
        if let Some(owners) = self.by_prefix.at_mut(place) {
            owners.add(index);
        }
        if let Err(place) = self.lengths.binary_search_by(|known| bytes.len().cmp(known)) {
            self.lengths.insert(place, bytes.len());
        }
    }

    /// The rollouts of the longest prefix of a path.
    #[inline]
    pub(crate) fn find(&self, path: &[u8]) -> Option<&Owners> {
        self.lengths
            .iter()
            .filter(|length| ends_segment(path, **length))
            .find_map(|length| self.by_prefix.find(path.get(..*length)?))
    }
}

/// Whether a prefix of that length would end where a segment does. `/` itself always does.
#[inline]
fn ends_segment(path: &[u8], length: usize) -> bool {
    length == 1 || path.len() == length || path.get(length) == Some(&b'/')
}
