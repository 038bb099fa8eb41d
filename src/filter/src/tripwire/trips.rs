//! Which rollouts have tripped at this proxy, and what ends that.
//!
//! A trip follows its rollout from revision to revision, so that "a lower weight" means lower than
//! the one before, whatever it was when the wire tripped: a rise may have been on its way then, and
//! whoever lowers the weight after it means to. What is still too much trips again within seconds.

use alloc::vec::Vec;
use core::time::Duration;

use serin_assignment::{Weight, murmur3_x86_32};
use serin_document::{CompiledRollout, Revision, Tripwire};

use crate::host::{Host, Moment};
use crate::shared::ATTEMPTS;
use crate::shared::bytes::{Reader, Writer};

/// The key of the list.
pub const KEY: &str = "serin.1.trips";

/// What a tripwire is about: a rollout at one of its revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The hash of the rollout's name.
    pub name: u32,
    /// The hash of its salt, which names the release.
    pub salt: u32,
    /// Its revision; 0 in an inline document that has none.
    pub revision: Revision,
    /// Its weight.
    pub weight: Weight,
}

impl Subject {
    /// A rollout as a document has it.
    #[must_use]
    pub fn of(rollout: &CompiledRollout) -> Self {
        Self {
            name: hash(rollout.name().as_str()),
            salt: hash(rollout.rollout().salt.as_str()),
            revision: rollout.revision(),
            weight: rollout.weight(),
        }
    }

    /// Whether a VM that has this one is ahead of what others have noted: by its revision, or,
    /// where documents carry none, because it has `just` got it in place of another.
    #[must_use]
    pub fn is_newer(&self, noted: &Self, just: bool) -> bool {
        self.revision > noted.revision || (self.revision == noted.revision && just && self != noted)
    }
}

pub(super) fn hash(text: &str) -> u32 {
    murmur3_x86_32(text.as_bytes())
}

/// A rollout that has tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// The newest that was seen of it since.
    pub subject: Subject,
    /// When it ends by itself.
    pub until: Moment,
}

/// What becomes of a trip when a VM looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Stays,
    /// It goes on under a newer revision, which is to be noted.
    Moves(Subject),
    /// It ends.
    Ends(End),
}

/// Why a trip ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The rollout has a lower weight.
    LowerWeight,
    /// The rollout has another salt: it is a new release.
    NewRelease,
    /// The rollout is at 100 %, where perhaps no stable is left to go to.
    Full,
    /// Its time is over.
    Time,
}

impl End {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LowerWeight => "a lower weight",
            Self::NewRelease => "a new release",
            Self::Full => "weight 100%",
            Self::Time => "its time is over",
        }
    }
}

impl Trip {
    /// A trip that begins now.
    #[must_use]
    pub fn new(subject: Subject, tripwire: &Tripwire, now: Moment) -> Self {
        Self { subject, until: now + tripwire.lasts }
    }

    /// What becomes of it by what a VM has in force. A VM that is behind ends nothing, but by time.
    #[must_use]
    pub fn fate(&self, own: &Subject, just: bool, now: Moment) -> Fate {
        if self.until.since(now) == Duration::ZERO {
            return Fate::Ends(End::Time);
        }
        if own.is_newer(&self.subject, just) {
            if own.salt != self.subject.salt {
                return Fate::Ends(End::NewRelease);
            }
            if own.weight < self.subject.weight {
                return Fate::Ends(End::LowerWeight);
            }
            if own.weight != Weight::FULL {
                return Fate::Moves(*own);
            }
        }
        if own.weight == Weight::FULL && own.revision >= self.subject.revision {
            Fate::Ends(End::Full)
        } else {
            Fate::Stays
        }
    }
}

/// All trips of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trips(Vec<Trip>);

impl Trips {
    /// Reads the list.
    pub fn read(host: &dyn Host) -> Self {
        Self::decode(&host.shared(KEY).value)
    }

    /// The trip of a rollout, by the hash of its name.
    #[must_use]
    pub fn of(&self, name: u32) -> Option<&Trip> {
        self.0.iter().find(|trip| trip.subject.name == name)
    }

    /// Changes the list that is shared, by a change that says whether there is anything to change;
    /// the list as it is after that. None where others wrote all the time.
    pub fn change(host: &dyn Host, change: impl Fn(&mut Self) -> bool) -> Option<Self> {
        (0..ATTEMPTS).find_map(|_| {
            let shared = host.shared(KEY);
            let mut trips = Self::decode(&shared.value);
            let done = !change(&mut trips)
                || host.share(KEY, &trips.encode(), Some(shared.version)).is_ok();
            done.then_some(trips)
        })
    }

    /// Puts a trip in, unless its rollout has one: whether it was put in.
    pub fn add(&mut self, trip: Trip) -> bool {
        let is_new = self.of(trip.subject.name).is_none();
        if is_new {
            self.0.push(trip);
        }
        is_new
    }

    /// Puts another in the place of a trip, or takes it out: whether it was there.
    pub fn replace(&mut self, old: &Trip, new: Option<Trip>) -> bool {
        let Some(place) = self.0.iter().position(|trip| trip == old) else { return false };
        self.0.remove(place);
        self.0.extend(new);
        true
    }

    fn encode(&self) -> Vec<u8> {
        let trips = self.0.iter().fold(Writer::default(), |bytes, trip| {
            trip.subject.write(bytes).u64(trip.until.as_millis())
        });
        trips.finish()
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let trip = move || {
            Some(Trip {
                subject: Subject::read(&mut reader)?,
                until: Moment::from_millis(reader.u64()?),
            })
        };
        Self(core::iter::from_fn(trip).collect())
    }
}

impl Subject {
    pub(super) fn write(&self, bytes: Writer) -> Writer {
        bytes.u32(self.name).u32(self.salt).u64(self.revision.get()).u16(self.weight.basis_points())
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            name: reader.u32()?,
            salt: reader.u32()?,
            revision: Some(Revision::new(reader.u64()?)).filter(|it| *it <= Revision::MAX)?,
            weight: Weight::from_basis_points(reader.u16()?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(salt: u32, revision: u64, percent: u16) -> Subject {
        let weight = Weight::from_basis_points(percent * 100).unwrap();
        Subject { name: 1, salt, revision: Revision::new(revision), weight }
    }

    fn trip() -> Trip {
        Trip { subject: subject(7, 20, 25), until: Moment::from_millis(9_000) }
    }

    #[test]
    fn what_ends_a_trip_and_what_does_not() {
        let early = Moment::from_millis(8_999);
        for (own, fate) in [
            (subject(7, 20, 25), Fate::Stays),
            (subject(7, 21, 25), Fate::Moves(subject(7, 21, 25))),
            (subject(7, 21, 50), Fate::Moves(subject(7, 21, 50))),
            (subject(7, 21, 24), Fate::Ends(End::LowerWeight)),
            (subject(7, 21, 0), Fate::Ends(End::LowerWeight)),
            (subject(8, 21, 25), Fate::Ends(End::NewRelease)),
            (subject(7, 21, 100), Fate::Ends(End::Full)),
            // A VM that is behind, or has the revision that has tripped.
            (subject(7, 19, 1), Fate::Stays),
            (subject(6, 19, 25), Fate::Stays),
            (subject(7, 19, 100), Fate::Stays),
            (subject(7, 20, 10), Fate::Stays),
        ] {
            assert_eq!(trip().fate(&own, false, early), fate, "{own:?}");
        }
        // Lower than what it has become, not than what it was at the trip.
        let risen = Trip { subject: subject(7, 21, 50), ..trip() };
        let lower = subject(7, 22, 40);
        assert_eq!(risen.fate(&lower, false, early), Fate::Ends(End::LowerWeight));
        let late = Moment::from_millis(9_000);
        assert_eq!(trip().fate(&subject(7, 20, 25), false, late), Fate::Ends(End::Time));
        assert_eq!(trip().fate(&subject(7, 19, 25), false, late), Fate::Ends(End::Time));
    }

    #[test]
    fn documents_without_revisions_change_where_a_vm_has_just_got_another() {
        let early = Moment::default();
        let trip = Trip { subject: subject(7, 0, 25), ..trip() };
        let lower = subject(7, 0, 5);
        assert_eq!(trip.fate(&lower, true, early), Fate::Ends(End::LowerWeight));
        assert_eq!(trip.fate(&lower, false, early), Fate::Stays);
        assert_eq!(trip.fate(&trip.subject, true, early), Fate::Stays);
    }

    #[test]
    fn bytes_come_back_and_a_torn_end_is_dropped() {
        let mut trips = Trips::default();
        let other = Trip { subject: Subject { name: 2, ..trip().subject }, ..trip() };
        assert!(trips.add(trip()) && trips.add(other));
        assert!(!trips.add(trip()), "one for each rollout");
        let bytes = trips.encode();
        assert_eq!(Trips::decode(&bytes), trips);
        assert_eq!(Trips::decode(&bytes[..bytes.len() - 1]).0, [trip()]);
        let moved = Trip { subject: subject(7, 21, 50), ..trip() };
        assert!(trips.replace(&trip(), Some(moved)));
        assert!(!trips.replace(&trip(), None));
        assert!(trips.replace(&moved, None));
        assert_eq!(trips.0, [other]);
    }
}
