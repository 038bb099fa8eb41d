//! What a VM does about its rollouts' tripwires at each tick.

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

/// The tripwires of a VM's rollouts, by the rollout's name.
#[derive(Debug, Default)]
pub struct Wire(Map<String, Wired>);

/// One of them.
#[derive(Debug)]
struct Wired {
    subject: Subject,
    tripwire: Tripwire,
    terms: Terms,
    tally: Rc<Tally>,
    /// Whether the subject took another's place since the last tick.
    just: bool,
    trip: Option<Trip>,
    /// The shared watch's key, and the gauge's name.
    key: String,
    gauge: String,
}

impl Wire {
    /// Takes in what the VM has in force. What is in force no more has no trip either.
    pub fn fit<'a>(
        &mut self,
        host: &dyn Host,
        metrics: &mut Metrics,
        tallies: &Tallies,
        servings: impl Iterator<Item = &'a Rc<Serving>>,
    ) {
        let mut newest: Map<&str, &CompiledRollout> = Map::default();
        for rollout in servings.flat_map(|serving| serving.document().rollouts()) {
            if rollout.tripwire().is_some() && rollout.count() {
                let known = newest.entry(rollout.name().as_str()).or_insert(rollout);
                if rollout.revision() > known.revision() {
                    *known = rollout;
                }
            }
        }
        self.0.retain(|name, wired| {
            let stays = newest.contains_key(name.as_str());
            if !stays {
                metrics.record(host, &wired.gauge, 0);
            }
            stays
        });
        for (name, rollout) in newest {
            let (Some(tripwire), Some(tally)) = (rollout.tripwire(), tallies.of(rollout)) else {
                continue;
            };
            let Some(terms) = Terms::new(tripwire) else { continue };
            let subject = Subject::of(rollout);
            let before = self.0.remove(name);
            let changed = |it: &Wired| it.subject != subject || it.tripwire != *tripwire;
            let just = before.as_ref().is_some_and(|it| it.just || changed(it));
            let wired = Wired {
                subject,
                tripwire: *tripwire,
                terms,
                tally,
                just,
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
        if self.0.is_empty() {
            return;
        }
        let trips = Trips::read(host);
        let mut changed = false;
        for (name, wired) in &mut self.0 {
            let before = wired.trip;
            wired.trip = trips.of(wired.subject.name).copied();
            wired.settle(host, name, now);
            match (wired.tally.take(), wired.trip) {
                // Answers to requests from before the trip are no evidence for what comes after.
                (Some(_), Some(_)) | (None, _) => {}
                (Some(sums), None) => wired.add(host, name, &sums, now),
            }
            wired.just = false;
            let turned = before.is_some() != wired.trip.is_some();
            if turned || beat {
                metrics.record(host, &wired.gauge, wired.trip.is_some().into());
            }
            changed |= turned;
        }
        if changed {
            self.turn(servings);
        }
    }

    /// Says that none of its rollouts has tripped, since this VM will see no further request. Others
    /// know better, where there are any, and say so within a beat.
    pub fn leave(&mut self, host: &dyn Host, metrics: &mut Metrics) {
        for (_, wired) in self.0.drain() {
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

impl Wired {
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
        (0..ATTEMPTS).any(|_| {
            let version = host.shared(&self.key).version;
            let empty = self.encode(&self.subject, &Watch::new(&self.terms));
            host.share(&self.key, &empty, Some(version)).is_ok()
        })
    }

    /// Adds what was counted to what is shared, looks where it is time, and trips on proof.
    fn add(&mut self, host: &dyn Host, name: &str, sums: &Sums, now: Moment) {
        for _ in 0..ATTEMPTS {
            let shared = host.shared(&self.key);
            let Some((subject, mut watch)) = self.follow(&shared.value) else { return };
            watch.add(sums);
            watch.look(&self.terms, now);
            let bytes = self.encode(&subject, &watch);
            if host.share(&self.key, &bytes, Some(shared.version)).is_ok() {
                if watch.is_proof(&self.terms) {
                    self.trip(host, name, &watch, now);
                }
                return;
            }
        }
        self.tally.give_back(sums);
    }

    fn trip(&mut self, host: &dyn Host, name: &str, watch: &Watch, now: Moment) {
        let trip = Trip::new(self.subject, &self.tripwire, now);
        let Some(trips) = Trips::change(host, |trips| trips.add(trip)) else { return };
        self.trip = trips.of(self.subject.name).copied();
        if self.trip == Some(trip) {
            let lasts = duration::format(self.tripwire.lasts);
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
    fn follow(&self, bytes: &[u8]) -> Option<(Subject, Watch)> {
        let fresh = || Some((self.subject, Watch::new(&self.terms)));
        let mut reader = Reader::new(bytes);
        let Some(noted) = Subject::read(&mut reader) else { return fresh() };
        let newer = self.subject.is_newer(&noted, self.just);
        let same = noted.salt == self.subject.salt && Some(self.set()) == reader.u64();
        if !same {
            let ahead = newer || (self.just && self.subject.revision == noted.revision);
            return if ahead { fresh() } else { None };
        }
        let Some(mut watch) = Watch::read(&mut reader, &self.terms) else { return fresh() };
        if !newer {
            return Some((noted, watch));
        }
        if noted.weight != self.subject.weight {
            watch.drop_pending();
        }
        Some((self.subject, watch))
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

fn gauge(rollout: &CompiledRollout) -> String {
    let name = rollout.name().as_str();
    names::tagged(names::TRIPPED, &[(names::ID, rollout.metric_id()), (names::ROLLOUT, name)])
}

/// The switches of a document's rollouts, each of which sends everyone to stable; empty where none
/// has a tripwire.
#[must_use]
pub fn switches(document: &Compiled) -> Vec<Cell<bool>> {
    let rollouts = document.rollouts();
    if rollouts.iter().any(|rollout| rollout.tripwire().is_some()) {
        vec![Cell::new(false); rollouts.len()]
    } else {
        Vec::new()
    }
}
