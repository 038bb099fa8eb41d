//! Why an object cannot carry a rollout's weights.

use crate::Destination;

/// What is wrong with the object, and where. Nothing in it is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It has no list of entries.
    #[error("spec.http: no list of entries")]
    NoEntries,
    /// There is no entry of this name.
    #[error("http entry {entry}: missing; entries go by `name`, and there are {}", listed(there))]
    EntryMissing {
        /// The name.
        entry: String,
        /// The names that there are.
        there: Vec<String>,
    },
    /// Several entries have this name.
    #[error("http entry {entry}: {count} entries have this name, which stands for one")]
    EntryTwice {
        /// The name.
        entry: String,
        /// How many there are.
        count: usize,
    },
    /// The entry never gets a request, since the first one that fits takes it.
    #[error(
        "http entry {entry}: it stands after {before}, which takes its requests; the first that fits counts"
    )]
    Shadowed {
        /// The entry.
        entry: String,
        /// The name of the one before, or its place.
        before: String,
    },
    /// The entry for marked requests does not ask for the mark.
    #[error(
        "http entry {entry}: every match of it asks for the mark, such as \
         {{headers: {{{mark}: {{exact: {value}}}}}}}"
    )]
    NotByMark {
        /// The entry.
        entry: String,
        /// The header that carries the mark.
        mark: String,
        /// What it has to say.
        value: &'static str,
    },
    /// The entry sends its requests elsewhere: it has a redirect, a delegate or an answer of its own.
    #[error("http entry {entry}: it has no `route` with two destinations")]
    NoRoute {
        /// The entry.
        entry: String,
    },
    /// One of the two destinations is not there.
    #[error("http entry {entry}: destination {destination}: missing; there are {}", listed(there))]
    DestinationMissing {
        /// The entry.
        entry: String,
        /// The destination.
        destination: Destination,
        /// Those that there are.
        there: Vec<String>,
    },
    /// A destination is there more than once.
    #[error(
        "http entry {entry}: destination {destination}: it is there {count} times; once is enough"
    )]
    DestinationTwice {
        /// The entry.
        entry: String,
        /// The destination.
        destination: Destination,
        /// How many there are.
        count: usize,
    },
    /// There is a third destination, whose weight would make the shares of both others smaller.
    #[error(
        "http entry {entry}: destination {other}: an entry has the two sides of the release and no other"
    )]
    DestinationOther {
        /// The entry.
        entry: String,
        /// The third one.
        other: String,
    },
    /// What stands as a weight is no whole number.
    #[error("http entry {entry}: destination {destination}: its weight is no whole number")]
    NoNumber {
        /// The entry.
        entry: String,
        /// The destination.
        destination: Destination,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
