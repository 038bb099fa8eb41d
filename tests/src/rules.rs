//! The rule of stickiness, by which every answer of a load is judged.
//!
//! Between the publication of a revision and the moment when the last worker has applied it, the
//! answer of either revision is right, and at any other time only one. So an answer is judged
//! against each revision that may have been in force between its sending and its receipt, and it
//! breaks the rule where it fits none of them: on the canary with a bucket at or above every
//! possible weight, or on stable with a bucket below every possible weight.

use std::collections::{BTreeMap, BTreeSet};

use serin_assignment::{Bucket, Salt, Variant, Weight, assign};

/// What one revision of a rollout says, and when it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Its number.
    pub number: u64,
    /// The salt of the hash.
    pub salt: Salt,
    /// The canary's share.
    pub weight: Weight,
    /// Whether anybody may be sent to the canary.
    pub canary_serves: bool,
    /// When it was published, in microseconds since 1970: no worker can have it earlier.
    pub published_us: u64,
    /// When the last worker was seen to have it (or a later one); `None` while none was.
    pub applied_us: Option<u64>,
}

impl Revision {
    /// What holds before any document: everyone on stable.
    #[must_use]
    pub fn before_all(salt: Salt) -> Self {
        let weight = Weight::ZERO;
        Self { number: 0, salt, weight, canary_serves: false, published_us: 0, applied_us: Some(0) }
    }

    /// Where a user belongs under this revision.
    #[must_use]
    pub fn variant(&self, user: &[u8]) -> Variant {
        assign(&self.salt, user).variant(self.weight_in_force())
    }

    /// The share that counts: none while the canary must not serve.
    #[must_use]
    pub fn weight_in_force(&self) -> Weight {
        if self.canary_serves { self.weight } else { Weight::ZERO }
    }
}

/// All revisions of a rollout in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(Vec<Revision>);

impl History {
    /// Orders revisions by their number.
    #[must_use]
    pub fn new(mut revisions: Vec<Revision>) -> Self {
        revisions.sort_by_key(|revision| revision.number);
        Self(revisions)
    }

    /// The revisions, oldest first.
    #[must_use]
    pub fn revisions(&self) -> &[Revision] {
        &self.0
    }

    /// Each revision with the one before it.
    pub fn changes(&self) -> impl Iterator<Item = (&Revision, &Revision)> {
        self.0.iter().zip(self.0.iter().skip(1))
    }

    /// The revisions that some worker may have had between two moments.
    pub fn possible(&self, from_us: u64, to_us: u64) -> impl Iterator<Item = &Revision> {
        self.0.iter().enumerate().filter_map(move |(index, revision)| {
            let next = self.0.get(index + 1).and_then(|next| next.applied_us);
            let superseded = next.is_some_and(|applied| applied <= from_us);
            (revision.published_us <= to_us && !superseded).then_some(revision)
        })
    }
}

/// An answer that shows which side served a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The user's id.
    pub user: &'a [u8],
    /// When the request was sent, in microseconds since 1970.
    pub sent_us: u64,
    /// When the answer was complete.
    pub received_us: u64,
    /// The side that answered.
    pub served: Variant,
}

/// An answer that no possible revision explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The user's id as text.
    pub user: String,
    /// When the request was sent, in microseconds since 1970.
    pub sent_us: u64,
    /// The side that answered.
    pub served: Variant,
    /// The possible revisions: number, user's bucket, weight in force.
    pub possible: Vec<(u64, Bucket, Weight)>,
}

/// What the check found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Answers judged.
    pub judged: usize,
    /// Answers against the rule, in their order.
    pub violations: Vec<Violation>,
    /// Users with at least one of them.
    pub changed_sides: usize,
    /// Users who saw both sides between a publication and its last worker: allowed, and told.
    pub users_seen_to_differ: usize,
}

/// Judges every answer.
pub fn check<'a>(
    history: &History,
    answers: &(impl Iterator<Item = Seen<'a>> + Clone),
) -> Findings {
    let mut findings = Findings::default();
    let mut users = BTreeSet::new();
    for seen in answers.clone() {
        findings.judged += 1;
        let possible = || history.possible(seen.sent_us, seen.received_us);
        if possible().any(|revision| revision.variant(seen.user) == seen.served) {
            continue;
        }
        users.insert(seen.user);
        findings.violations.push(Violation {
            user: String::from_utf8_lossy(seen.user).into_owned(),
            sent_us: seen.sent_us,
            served: seen.served,
            possible: possible()
                .map(|r| (r.number, assign(&r.salt, seen.user).bucket, r.weight_in_force()))
                .collect(),
        });
    }
    findings.changed_sides = users.len();
    findings.users_seen_to_differ = seen_to_differ(history, answers);
    findings
}

/// Counts the users who were answered by both sides within one change.
fn seen_to_differ<'a>(
    history: &History,
    answers: &(impl Iterator<Item = Seen<'a>> + Clone),
) -> usize {
    let mut differing = BTreeSet::new();
    for (_, change) in history.changes() {
        let end = change.applied_us.unwrap_or(u64::MAX);
        let mut first: BTreeMap<&[u8], Variant> = BTreeMap::new();
        for seen in answers.clone() {
            let within = seen.received_us >= change.published_us && seen.sent_us <= end;
            if within && *first.entry(seen.user).or_insert(seen.served) != seen.served {
                differing.insert(seen.user);
            }
        }
    }
    differing.len()
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
