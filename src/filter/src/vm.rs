//! What the plugins of one VM share: counts, metrics, the VM's place among the proxy's VMs, and
//! each plugin's last good configuration.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use hashbrown::HashMap;
use serin_document::plugin::SourceConfig;
use serin_document::{Compiled, Environment, Revision, metrics as names};

use crate::answer::Outcome;
use crate::counts::Counts;
use crate::gauges::Gauges;
use crate::host::{Host, Moment};
use crate::metrics::{Metrics, Purpose};
use crate::serving::Serving;
use crate::shared::row::{Live, Row, ScopeRow, SourceState};
use crate::shared::table::{Entry, SILENCE, Table};
use crate::tripwire::Wire;

/// How often a VM says that it is alive and adds its counts to the proxy's.
const BEAT: Duration = Duration::from_secs(1);

/// A configuration that held, for the plugin to fall back on.
#[derive(Clone, Debug)]
pub struct Good {
    /// The document in force.
    pub document: Rc<Compiled>,
    /// Where it came from, and what it was compiled with; none where it was inline.
    pub source: Option<(SourceConfig, Environment)>,
    /// Whether the document is another source's, which goes on until this one has answered.
    pub carried: bool,
}

/// What a plugin's root context has in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The source's hash, or the plugin's where the document is inline.
    pub scope: String,
    /// The source's state.
    pub state: SourceState,
    /// What decides about its requests.
    pub serving: Rc<Serving>,
}

#[derive(Debug)]
struct Root {
    plugin: String,
    in_force: InForce,
    /// The last beat before which it had decided a request.
    asked: Option<Moment>,
}

/// One VM.
#[derive(Debug)]
pub struct Vm {
    id: u64,
    counts: Counts,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    metrics: Metrics,
    gauges: Gauges,
    wire: Wire,
    /// What is in force has changed since the tripwires were last fitted to it.
    unfitted: bool,
    /// By root context.
    roots: BTreeMap<u32, Root>,
    /// By plugin: the last good configuration, and the root context that was configured last.
    plugins: HashMap<String, (u32, Option<Good>)>,
    /// The row as last shared, and its number.
    row: Vec<u8>,
    row_number: u32,
    dirty: bool,
    next_beat: Moment,
    /// The rows from which the gauges were last made.
    gauged: Vec<(u64, u32)>,
}

impl Vm {
    /// A VM that has just started.
    pub fn new(host: &impl Host) -> Self {
        Self { id: host.random(), counts: Counts::default(), state: RefCell::default() }
    }

    /// The counts of its requests.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A plugin's last good configuration.
    pub fn good(&self, plugin: &str) -> Option<Good> {
        self.state.borrow().plugins.get(plugin).and_then(|(_, good)| good.clone())
    }

    /// Puts what a root context has in force in the place of what it had. `good` is what its
    /// plugin may fall back on; none keeps what it could before.
    pub fn put(&self, root: u32, plugin: &str, in_force: InForce, good: Option<Good>) {
        let state = &mut *self.state.borrow_mut();
        let (newest, fallback) = state.plugins.entry(plugin.to_owned()).or_insert((root, None));
        *newest = root.max(*newest);
        if good.is_some() {
            *fallback = good;
        }
        if let Some(known) = state.roots.get_mut(&root) {
            let old = core::mem::replace(&mut known.in_force, in_force);
            if old.serving.take_asked() {
                known.in_force.serving.asked();
            }
        } else {
            let plugin = plugin.to_owned();
            state.roots.insert(root, Root { plugin, in_force, asked: None });
        }
        // A new configuration or document begins as the one before has ended.
        state.wire.turn(servings(&state.roots));
        state.unfitted = true;
        state.dirty = true;
    }

    /// Whether a later root context of the plugin asks the same source: how that is asked is its
    /// business, however long this one still has streams.
    pub fn is_replaced(&self, root: u32) -> bool {
        let roots = &self.state.borrow().roots;
        roots.get(&root).is_some_and(|own| {
            roots.range(root..).skip(1).any(|(_, later)| {
                later.plugin == own.plugin && later.in_force.scope == own.in_force.scope
            })
        })
    }

    /// Takes a root context out that will see no further request.
    pub fn remove(&self, host: &impl Host, root: u32) {
        let state = &mut *self.state.borrow_mut();
        if let Some(removed) = state.roots.remove(&root)
            && let Some((newest, _)) = state.plugins.get_mut(&removed.plugin)
            && *newest == root
        {
            // A proxy that is given an earlier configuration back takes the root context that it
            // still has of it, and configures none.
            let others = state.roots.iter().filter(|(_, other)| other.plugin == removed.plugin);
            *newest = others.map(|(id, _)| *id).max().unwrap_or(root);
        }
        state.unfitted = true;
        state.dirty = true;
        if state.roots.is_empty() {
            state.wire.leave(host, &mut state.metrics);
            self.counts.flush(host, &mut state.metrics);
            Table::change(host, |table| table.without(self.id));
        }
    }

    /// Counts an answer of a source.
    pub fn count_answer(&self, host: &impl Host, source: &str, outcome: Outcome) {
        let tags = [(names::SOURCE, source), (names::RESULT, outcome.as_str())];
        self.increment(host, &names::tagged(names::SOURCE_ANSWERS, &tags));
    }

    /// Counts a configuration that was JSON but no document.
    pub fn count_refused(&self, host: &impl Host) {
        self.increment(host, names::CONFIG_REFUSED);
    }

    fn increment(&self, host: &impl Host, name: &str) {
        self.state.borrow_mut().metrics.increment(host, Purpose::Count, name, 1);
    }

    /// Says what this VM has in force, that it is alive, and what the proxy as a whole has, each
    /// where it is time.
    pub fn tick(&self, host: &impl Host, now: Moment) {
        let state = &mut *self.state.borrow_mut();
        let beat = now >= state.next_beat;
        if beat {
            state.next_beat = now + BEAT;
            state.note_asked(now);
            self.counts.flush(host, &mut state.metrics);
        }
        if beat || state.dirty {
            state.dirty = !self.share(host, now, state);
        }
        state.watch(host, &self.counts, now, beat);
        let table = Table::read(host);
        if table.speaker(now) == Some(self.id) {
            let live: Vec<Entry> = table.live(now).collect();
            let rows: Vec<(u64, u32)> = live.iter().map(|entry| (entry.vm, entry.row)).collect();
            if beat || rows != state.gauged {
                state.gauges.read(host, &live);
                state.gauges.record(host, &mut state.metrics);
                state.gauged = rows;
            }
        }
    }

    /// Shares this VM's row, if it has changed, and its beat; whether that worked.
    fn share(&self, host: &impl Host, now: Moment, state: &mut State) -> bool {
        let row = state.row(now);
        let bytes = row.encode();
        if bytes != state.row {
            // The row comes before its number, so that nobody takes the old one for the new.
            Row::write(host, self.id, &bytes);
            state.row = bytes;
            state.row_number = state.row_number.wrapping_add(1);
            state.gauges.remember(&row);
        }
        let own = Entry { vm: self.id, seen: now, row: state.row_number };
        Table::change(host, |table| table.with(own))
    }
}

impl State {
    fn note_asked(&mut self, now: Moment) {
        for root in self.roots.values_mut() {
            if root.in_force.serving.take_asked() {
                root.asked = Some(now);
            }
        }
    }

    /// Adds what was counted for tripwires to what the VMs share, and does what that says.
    fn watch(&mut self, host: &impl Host, counts: &Counts, now: Moment, beat: bool) {
        let Self { wire, metrics, roots, plugins, unfitted, .. } = self;
        if core::mem::take(unfitted) {
            let is_newest = |root: &u32| plugins.values().any(|(newest, _)| newest == root);
            let newest = roots.iter().filter(|(root, _)| is_newest(root));
            wire.fit(
                host,
                metrics,
                counts.tallies(),
                newest.map(|(_, root)| &root.in_force.serving),
            );
            wire.turn(servings(roots));
        }
        wire.tick(host, metrics, now, beat, servings(roots));
    }

    /// What this VM has in force.
    ///
    /// A root context counts while it is the one of its plugin that was configured last, or while
    /// it decides requests: a replaced one lives on for as long as it has streams, and must
    /// neither be forgotten while it has new ones nor hold anything back for hours after its last.
    fn row(&self, now: Moment) -> Row {
        let mut row = Row::default();
        for (id, root) in &self.roots {
            let is_newest = self.plugins.get(&root.plugin).is_some_and(|(newest, _)| newest == id);
            if is_newest || root.asked.is_some_and(|asked| now.since(asked) < SILENCE) {
                let own = root.in_force.row();
                let scope = row.0.entry(root.in_force.scope.clone());
                scope.and_modify(|others| *others = others.together(&own)).or_insert(own);
            }
        }
        row
    }
}

/// What decides about requests in each root context, replaced ones included: they still may.
fn servings(roots: &BTreeMap<u32, Root>) -> impl Iterator<Item = &Rc<Serving>> {
    roots.values().map(|root| &root.in_force.serving)
}

impl InForce {
    fn row(&self) -> ScopeRow {
        let document = self.serving.document();
        let rollouts = document.rollouts().iter().map(|rollout| {
            let weight = rollout.weight().basis_points();
            (rollout.name().as_str().to_owned(), Live { revision: rollout.revision(), weight })
        });
        ScopeRow {
            state: self.state,
            revision: document.revision().unwrap_or(Revision::new(0)),
            left_out: u32::try_from(document.left_out().len()).unwrap_or(u32::MAX),
            rollouts: rollouts.collect(),
        }
    }
}
