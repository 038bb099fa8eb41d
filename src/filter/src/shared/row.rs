//! What one VM has in force, for the others to read.
//!
//! A VM may run several plugins. Those that take their document from one source belong together
//! and form one scope; so do all with one plugin's name where the document is inline. A rollout is
//! live once every VM that has its scope has it: a VM that has the scope but not yet the rollout
//! holds it back, a VM with other plugins only does not.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serin_document::{Revision, hexadecimal};

use super::bytes::{Reader, Writer};
use crate::host::Host;

/// The state of a scope's source, in the order in which a worse one outweighs a better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceState {
    /// The document is inline.
    Inline,
    /// It has answered lately.
    Fresh,
    /// It has not answered yet.
    Unanswered,
    /// It has been silent for too long.
    Stale,
}

impl SourceState {
    const ALL: [Self; 4] = [Self::Inline, Self::Fresh, Self::Unanswered, Self::Stale];

    /// The value of the gauge; none where there is no source.
    #[must_use]
    pub const fn gauge(self) -> Option<u64> {
        match self {
            Self::Inline => None,
            Self::Unanswered => Some(0),
            Self::Fresh => Some(1),
            Self::Stale => Some(2),
        }
    }
}

/// A rollout in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Live {
    /// Its revision.
    pub revision: Revision,
    /// Its weight at that revision, in basis points.
    pub weight: u16,
}

/// A rollout that is not in force.
const NONE: Live = Live { revision: Revision::new(0), weight: 0 };

/// What a VM has of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeRow {
    /// The source's state.
    pub state: SourceState,
    /// The document's revision; zero before the first.
    pub revision: Revision,
    /// How many rollouts of the document are left out.
    pub left_out: u32,
    /// The others, sorted by name.
    pub rollouts: Vec<ByName>,
}

/// What there is under a rollout's name.
pub type ByName = (String, Live);

impl ScopeRow {
    /// What two VMs of the scope both have: a rollout that one of them lacks has revision zero.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        self.with(other, true)
    }

    /// What two plugins of the scope in one VM have together. Of inline documents each is whole by
    /// itself, so a rollout that one of them lacks is no business of that one.
    #[must_use]
    pub fn together(&self, other: &Self) -> Self {
        self.with(other, self.state != SourceState::Inline)
    }

    fn with(&self, other: &Self, lacking_is_none: bool) -> Self {
        let mut rollouts = smallest(&self.rollouts, &other.rollouts);
        if lacking_is_none {
            let has = |row: &Self, name: &str| {
                row.rollouts.binary_search_by(|(own, _)| own.as_str().cmp(name)).is_ok()
            };
            for (name, live) in &mut rollouts {
                if !has(self, name) || !has(other, name) {
                    *live = NONE;
                }
            }
        }
        Self {
            state: self.state.max(other.state),
            revision: self.revision.min(other.revision),
            left_out: self.left_out.max(other.left_out),
            rollouts,
        }
    }
}

/// Two lists in one, with the smaller of what both have under a name.
#[must_use]
pub fn smallest(one: &[ByName], other: &[ByName]) -> Vec<ByName> {
    let mut merged = Vec::with_capacity(one.len().max(other.len()));
    let (mut one, mut other) = (one, other);
    while let (Some((own, rest)), Some((others, left))) = (one.split_first(), other.split_first()) {
        merged.push(match own.0.cmp(&others.0) {
            Ordering::Less => {
                one = rest;
                own.clone()
            }
            Ordering::Equal => {
                (one, other) = (rest, left);
                (own.0.clone(), own.1.min(others.1))
            }
            Ordering::Greater => {
                other = left;
                others.clone()
            }
        });
    }
    merged.extend_from_slice(one);
    merged.extend_from_slice(other);
    merged
}

/// What a VM has in force, by scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(pub Vec<(String, ScopeRow)>);

impl Row {
    fn key(vm: u64) -> String {
        format!("serin.1.vm.{}", hexadecimal(&vm.to_be_bytes()))
    }

    /// Reads a VM's row; empty where it has none.
    pub fn read(host: &dyn Host, vm: u64) -> Self {
        Self::decode(&host.shared(&Self::key(vm)).value).unwrap_or_default()
    }

    /// Writes a VM's row. No other VM writes it.
    pub fn write(host: &dyn Host, vm: u64, row: &[u8]) {
        // Without an expected version the write always succeeds.
        let _ = host.share(&Self::key(vm), row, None);
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Writer::default();
        for (scope, row) in &self.0 {
            bytes = bytes
                .text(scope)
                .u8(row.state as u8)
                .u64(row.revision.get())
                .u32(row.left_out)
                .u32(u32::try_from(row.rollouts.len()).unwrap_or(u32::MAX));
            for (name, live) in &row.rollouts {
                bytes = bytes.text(name).u64(live.revision.get()).u16(live.weight);
            }
        }
        bytes.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut scopes = Vec::new();
        while !reader.is_empty() {
            let scope = reader.text()?.to_owned();
            let state = *SourceState::ALL.get(usize::from(reader.u8()?))?;
            let revision = Revision::new(reader.u64()?);
            let left_out = reader.u32()?;
            let count = reader.u32()?;
            let mut rollouts = Vec::new();
            for _ in 0..count {
                let name = reader.text()?.to_owned();
                let live = Live { revision: Revision::new(reader.u64()?), weight: reader.u16()? };
                rollouts.push((name, live));
            }
            scopes.push((scope, ScopeRow { state, revision, left_out, rollouts }));
        }
        Some(Self(scopes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_come_back() {
        let live = |revision, weight| Live { revision: Revision::new(revision), weight };
        let row = |state, names: &[&str]| ScopeRow {
            state,
            revision: Revision::new(7),
            left_out: 2,
            rollouts: names.iter().map(|name| ((*name).to_owned(), live(6, 10_000))).collect(),
        };
        let all = SourceState::ALL.map(|state| (format!("{state:?}"), row(state, &["a", "b/c"])));
        let whole = Row(all.into());
        let bytes = whole.encode();
        assert_eq!(Row::decode(&bytes), Some(whole));
        assert_eq!(Row::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Row::decode(&[]), Some(Row::default()));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Row::decode(&bytes);
        }
    }
}
