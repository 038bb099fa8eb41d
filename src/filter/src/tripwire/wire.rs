//! What a VM does about its rollouts' tripwires at each tick.
//!
//! What ends a trip is for [`trips`](super::trips) alone to say. So a trip goes on where the rollout's
//! tripwire is taken off, where the proxy is told to count no more, and where the rollout leaves the
//! document and comes back: none of these says that the canary has become any better.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use serin_document::{Compiled, CompiledRollout, Tripwire, duration, metrics as names};

use super::tally::{Sums, Tallies, Tally};
use super::trips::{Fate, Subject, Trip, Trips};
use super::watch::{Terms, Watch};
use crate::host::{Host, Level, Moment};
use crate::metrics::Metrics;
use crate::serving::Serving;
use crate::shared::ATTEMPTS;
use crate::shared::bytes::{Reader, Writer};
use crate::spread::Map;

/// A VM's rollouts, by their names.
#[derive(Debug, Default)]
pub struct Wire(Map<String, Wired>);

/// One of them.
#[derive(Debug)]
struct Wired {
    subject: Subject,
    /// How its answers are watched; none where it has no tripwire or this proxy does not count.
    watched: Option<Watched>,
    /// Whether the subject took another's place since the last tick.
    just: bool,
    /// Whether it is in force no more, and only its trip is kept.
    away: bool,
    trip: Option<Trip>,
    /// The shared watch's key, and the gauge's name.
    key: String,
    gauge: String,
}

#[derive(Debug)]
struct Watched {
    tripwire: Tripwire,
    terms: Terms,
    tally: Rc<Tally>,
}

impl Wire {
    /// Takes in what the VM has in force.
    pub fn fit<'a>(
        &mut self,
        host: &dyn Host,
        metrics: &mut Metrics,
        tallies: &Tallies,
        servings: impl Iterator<Item = &'a Rc<Serving>>,
    ) {
        // Where several plugins have a rollout, one that watches it.
        let rank = |it: &CompiledRollout| (it.tripwire().is_some() && it.count(), it.revision());
        let mut newest: Map<&str, &CompiledRollout> = Map::default();
        for rollout in servings.flat_map(|serving| serving.document().rollouts()) {
            let known = newest.entry(rollout.name().as_str()).or_insert(rollout);
            if rank(rollout) > rank(known) {
                *known = rollout;
            }
        }
        self.0.retain(|name, wired| {
            let left = !wired.away && !newest.contains_key(name.as_str());
            if left {
                if wired.shows() {
                    metrics.record(host, &wired.gauge, 0);
                }
                wired.watched = None;
            }
            wired.away |= left;
            !wired.away || wired.trip.is_some()
        });
        for (name, rollout) in newest {
            let watched = Watched::of(rollout, tallies);
            let subject = Subject::of(rollout);
            let before = self.0.remove(name);
            let changed = |it: &Wired| {
                let terms = |watched: &Option<Watched>| watched.as_ref().map(|it| it.tripwire);
                it.subject != subject || terms(&it.watched) != terms(&watched)
            };
            let just = before.as_ref().is_some_and(|it| it.just || changed(it));
            let wired = Wired {
                subject,
                watched,
                just,
                away: false,
                trip: before.and_then(|before| before.trip),
                key: format!("serin.1.watch.{}", rollout.metric_id()),
                gauge: gauge(rollout),
            };
            self.0.insert(name.to_owned(), wired);
        }
        tallies.tidy();
    }

    /// Looks whether anything has tripped or a trip has ended, and adds what was counted since the
    /// last tick to what is shared. `beat`: the gauges are written even where nothing has changed.
    pub fn tick<'a>(
        &mut self,
        host: &dyn Host,
        metrics: &mut Metrics,
        now: Moment,
        beat: bool,
        servings: impl Iterator<Item = &'a Rc<Serving>>,
    ) {
        // Where nothing is watched, only what another VM has seen before it knew of that can be new.
        if self.0.is_empty() || !(beat || self.0.values().any(Wired::shows)) {
            return;
        }
        let trips = Trips::read(host);
        let mut changed = false;
        for (name, wired) in &mut self.0 {
            let before = wired.trip;
            wired.trip = trips.of(wired.subject.name).copied();
            wired.settle(host, name, now);
            let counted = wired.watched.as_ref().and_then(|watched| watched.tally.take());
            // Answers to requests from before the trip are no evidence for what comes after.
            if let Some(sums) = counted.filter(|_| wired.trip.is_none()) {
                wired.add(host, name, &sums, now);
            }
            wired.just = false;
            let turned = before.is_some() != wired.trip.is_some();
            if turned || (beat && wired.shows()) {
                metrics.record(host, &wired.gauge, (!wired.away && wired.trip.is_some()).into());
            }
            changed |= turned;
        }
        if changed {
            self.turn(servings);
            self.0.retain(|_, wired| !wired.away || wired.trip.is_some());
        }
    }

    /// Says that none of its rollouts has tripped, since this VM will see no further request. Others
    /// know better, where there are any, and say so within a beat.
    pub fn leave(&mut self, host: &dyn Host, metrics: &mut Metrics) {
        for (_, wired) in self.0.drain().filter(|(_, wired)| wired.shows()) {
            metrics.record(host, &wired.gauge, 0);
        }
    }

    /// Turns each rollout that is in force, whichever configuration it is of, to what its trip says.
    pub fn turn<'a>(&self, servings: impl Iterator<Item = &'a Rc<Serving>>) {
        for (rollout, tripped) in servings.flat_map(|serving| serving.tripwires()) {
            let wired = self.0.get(rollout.name().as_str());
            tripped.set(wired.is_some_and(|wired| wired.trip.is_some()));
        }
    }
}

impl Watched {
    fn of(rollout: &CompiledRollout, tallies: &Tallies) -> Option<Self> {
        let tripwire = *rollout.tripwire()?;
        Some(Self { tripwire, terms: Terms::new(&tripwire)?, tally: tallies.of(rollout)? })
    }

    fn encode(&self, subject: &Subject, watch: &Watch) -> Vec<u8> {
        watch.write(subject.write(Writer::default()).u64(self.set())).finish()
    }

    /// What the evidence hangs on besides the release: evidence under other terms is another's.
    fn set(&self) -> u64 {
        let slow = self.tripwire.slow.map_or(0, |slow| slow.as_millis());
        let slow = u64::try_from(slow).unwrap_or(u64::MAX);
        slow << 16 | u64::from(self.tripwire.floor.basis_points())
    }
}

impl Wired {
    /// Whether it has a gauge: rollouts that nobody watches have none unless one has tripped.
    const fn shows(&self) -> bool {
        self.watched.is_some() || self.trip.is_some()
    }

    /// Lets a trip go on or end, by what this VM has in force.
    fn settle(&mut self, host: &dyn Host, name: &str, now: Moment) {
        let Some(trip) = self.trip else { return };
        let (new, end) = match trip.fate(&self.subject, self.just, now) {
            Fate::Stays => return,
            Fate::Moves(subject) => (Some(Trip { subject, ..trip }), None),
            Fate::Ends(end) => (None, Some(end)),
        };
        if end.is_some() && !self.begin_anew(host) {
            // Without that the old proof would trip it again: the next tick tries again.
            return;
        }
        let Some(trips) = Trips::change(host, |trips| trips.replace(&trip, new)) else { return };
        self.trip = trips.of(self.subject.name).copied();
        if let Some(end) = end.filter(|_| self.trip.is_none()) {
            let line = format!("rollout \"{name}\" has tripped no more: {}", end.as_str());
            host.log(Level::Info, &line);
        }
    }

    /// Empties the shared watch; whether that worked.
    fn begin_anew(&self, host: &dyn Host) -> bool {
        let empty = |watched: &Watched| watched.encode(&self.subject, &Watch::new(&watched.terms));
        let empty = self.watched.as_ref().map(empty).unwrap_or_default();
        (0..ATTEMPTS).any(|_| {
            let version = host.shared(&self.key).version;
            host.share(&self.key, &empty, Some(version)).is_ok()
        })
    }

    /// Adds what was counted to what is shared, looks where it is time, and trips on proof.
    fn add(&mut self, host: &dyn Host, name: &str, sums: &Sums, now: Moment) {
        let Some(watched) = &self.watched else { return };
        for _ in 0..ATTEMPTS {
            let shared = host.shared(&self.key);
            let Some((subject, mut watch)) = self.follow(watched, &shared.value) else { return };
            watch.add(sums);
            watch.look(&watched.terms, now);
            let bytes = watched.encode(&subject, &watch);
            if host.share(&self.key, &bytes, Some(shared.version)).is_ok() {
                if watch.is_proof(&watched.terms) {
                    let tripwire = watched.tripwire;
                    self.trip(host, name, &tripwire, &watch, now);
                }
                return;
            }
        }
        watched.tally.give_back(sums);
    }

    fn trip(
        &mut self,
        host: &dyn Host,
        name: &str,
        tripwire: &Tripwire,
        watch: &Watch,
        now: Moment,
    ) {
        let trip = Trip::new(self.subject, tripwire, now);
        let Some(trips) = Trips::change(host, |trips| trips.add(trip)) else { return };
        self.trip = trips.of(self.subject.name).copied();
        if self.trip == Some(trip) {
            let lasts = duration::format(tripwire.lasts);
            let told = watch.told();
            let line = format!(
                "rollout \"{name}\" tripped: {told}; everyone goes to stable at this proxy, for \
                 {lasts} at most"
            );
            host.log(Level::Warn, &line);
        }
    }

    /// The shared watch, as far as it is about the release that this VM has; a new one where it is
    /// about an earlier one, and none where it is about a later one.
    fn follow(&self, watched: &Watched, bytes: &[u8]) -> Option<(Subject, Watch)> {
        let fresh = || Some((self.subject, Watch::new(&watched.terms)));
        let mut reader = Reader::new(bytes);
        let Some(noted) = Subject::read(&mut reader) else { return fresh() };
        let newer = self.subject.is_newer(&noted, self.just);
        let same = noted.salt == self.subject.salt && Some(watched.set()) == reader.u64();
        if !same {
            let ahead = newer || (self.just && self.subject.revision == noted.revision);
            return if ahead { fresh() } else { None };
        }
        let Some(mut watch) = Watch::read(&mut reader, &watched.terms) else { return fresh() };
        if !newer {
            return Some((noted, watch));
        }
        if noted.weight != self.subject.weight {
            watch.drop_pending();
        }
        Some((self.subject, watch))
    }
}

fn gauge(rollout: &CompiledRollout) -> String {
    let name = rollout.name().as_str();
    names::tagged(names::TRIPPED, &[(names::ID, rollout.metric_id()), (names::ROLLOUT, name)])
}

/// The switches of a document's rollouts, each of which sends everyone to stable. One without a
/// tripwire may have had one when it tripped.
#[must_use]
pub fn switches(document: &Compiled) -> Vec<Cell<bool>> {
    vec![Cell::new(false); document.rollouts().len()]
}
