//! Why an object cannot carry a rollout's weights.

use crate::Destination;

/// What is wrong with the object, and where. `entry` is told with what the object calls its entries,
/// such as `http entry serin-rest`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It has no list of entries.
    #[error("{at}: no list of entries")]
    NoEntries {
        /// Where it would stand.
        at: &'static str,
    },
    /// Its entries have no names at all.
    #[error(
        "none of its rules has a `name`, and rules go by name; definitions of Gateway API before \
         1.4 (standard channel) drop the names: install newer ones, and give each rule its name"
    )]
    NoNames,
    /// There is no entry of this name.
    #[error("{entry}: missing; entries go by `name`, and there are {}", listed(there))]
    EntryMissing {
        /// The entry.
        entry: String,
        /// The names that there are.
        there: Vec<String>,
    },
    /// Several entries have this name.
    #[error("{entry}: {count} entries have this name, which stands for one")]
    EntryTwice {
        /// The entry.
        entry: String,
        /// How many there are.
        count: usize,
    },
    /// Entries are named where objects of this kind have none, or the other way round.
    #[error("the release's entries are those of another kind of object")]
    EntriesOfOther,
    /// The entry never gets a request, since the first one that fits takes it.
    #[error(
        "{entry}: it stands after {before}, which takes its requests; the first that fits counts"
    )]
    Shadowed {
        /// The entry.
        entry: String,
        /// The name of the one before, or its place.
        before: String,
    },
    /// The entry does not get all marked requests, since a more specific one takes some.
    #[error(
        "{entry}: for each match of {rest} it has the same one and besides asks for the mark, else \
         the more specific one takes its requests"
    )]
    LessSpecific {
        /// The entry for marked requests.
        entry: String,
        /// The name of the one for those without a mark.
        rest: String,
    },
    /// The entry for marked requests does not ask for the mark.
    #[error("{entry}: every match of it asks for the mark, such as {example}")]
    NotByMark {
        /// The entry.
        entry: String,
        /// How that is spelt.
        example: String,
    },
    /// The entry sends its requests elsewhere: it has a redirect, a delegate or an answer of its own.
    #[error("{entry}: it has no `{field}` with two destinations")]
    NoRoute {
        /// The entry.
        entry: String,
        /// What lists them.
        field: &'static str,
    },
    /// One of the two destinations is not there.
    #[error("{entry}: destination {destination}: missing; there are {}", listed(there))]
    DestinationMissing {
        /// The entry.
        entry: String,
        /// The destination.
        destination: Destination,
        /// Those that there are.
        there: Vec<String>,
    },
    /// A destination is there more than once.
    #[error("{entry}: destination {destination}: it is there {count} times; once is enough")]
    DestinationTwice {
        /// The entry.
        entry: String,
        /// The destination.
        destination: Destination,
        /// How many there are.
        count: usize,
    },
    /// There is a third destination, whose weight would make the shares of both others smaller.
    #[error("{entry}: destination {other}: an entry has the two sides of the release and no other")]
    DestinationOther {
        /// The entry.
        entry: String,
        /// The third one.
        other: String,
    },
    /// What stands as a weight is no whole number.
    #[error("{entry}: destination {destination}: its weight is no whole number")]
    NoNumber {
        /// The entry.
        entry: String,
        /// The destination.
        destination: Destination,
    },
    /// The Ingress is an ordinary one, whose weight nobody reads.
    #[error("annotation {annotation}: it is not \"true\", without which no weight is read")]
    NotCanary {
        /// The annotation.
        annotation: &'static str,
    },
    /// The Ingress sends requests to none of the sides, or to several services.
    #[error(
        "its backends are {}: a canary's Ingress sends all of its requests to one of {sides}",
        listed(there)
    )]
    Backends {
        /// The services that it sends requests to.
        there: Vec<String>,
        /// Both destinations of the release.
        sides: String,
    },
    /// What stands in an annotation is no weight.
    #[error("annotation {annotation}: a whole number from 0 to the total")]
    Annotation {
        /// The annotation.
        annotation: &'static str,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
