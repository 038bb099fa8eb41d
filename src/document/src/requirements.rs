//! What a module must know to be allowed to send anybody to a rollout's canary.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use serin_assignment::Variant;

use crate::{Buckets, Rollout, Rules};

/// What a rollout may require and this module does.
const KNOWN: [&str; 5] = ["buckets", "eligible", "exclude", "segments", "users"];

/// Whether this module does what a rollout requires.
pub(crate) fn is_known(requirement: &str) -> bool {
    KNOWN.contains(&requirement)
}

impl Rollout {
    /// The fields by which this rollout keeps somebody out of the canary whom a module that
    /// ignored them would send there: what [`requires`](Self::requires) has to name.
    #[must_use]
    pub fn narrowed_by(&self) -> Vec<String> {
        let Rules { exclude, eligible, users, segments } = &self.rules;
        let keeps_out = |variant: Variant| variant == Variant::Stable;
        let narrowing = [
            ("buckets", self.buckets != Buckets::ALL),
            ("eligible", eligible.is_some()),
            ("exclude", !exclude.is_empty()),
            ("segments", segments.iter().any(|segment| keeps_out(segment.variant))),
            ("users", users.as_ref().is_some_and(crate::UserLists::keeps_out)),
        ];
        let named = narrowing.into_iter().filter(|(_, narrows)| *narrows);
        named.map(|(name, _)| name.to_owned()).collect()
    }
}
