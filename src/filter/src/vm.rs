//! What the plugins of one VM share: counts, metrics, the VM's place among the proxy's VMs, and
//! each plugin's last good configuration.

use alloc::borrow::ToOwned as _;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use serin_document::plugin::SourceConfig;
use serin_document::{Compiled, CompiledRollout, Environment, Revision, metrics as names, sorted};

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
    id: u32,
    plugin: String,
    in_force: InForce,
    /// The last beat before which it had decided a request.
    asked: Option<Moment>,
}

impl Root {
    /// Whether it is the one of its plugin that was configured last.
    fn is_newest(&self, plugins: &[Known]) -> bool {
        plugins.iter().any(|known| known.newest == self.id)
    }
}

/// What is known of a plugin.
#[derive(Debug)]
struct Known {
    plugin: String,
    /// The root context that was configured last.
    newest: u32,
    /// The last good configuration.
    good: Option<Good>,
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
    /// Few: one of each plugin, and replaced ones for as long as they have streams.
    roots: Vec<Root>,
    plugins: Vec<Known>,
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
    pub fn new(host: &dyn Host) -> Self {
        Self { id: host.random(), counts: Counts::default(), state: RefCell::default() }
    }

    /// The counts of its requests.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A plugin's last good configuration.
    pub fn good(&self, plugin: &str) -> Option<Good> {
        let state = self.state.borrow();
        state.plugins.iter().find(|known| known.plugin == plugin)?.good.clone()
    }

    /// Puts what a root context has in force in the place of what it had. `good` is what its
    /// plugin may fall back on; none keeps what it could before.
    pub fn put(&self, root: u32, plugin: &str, in_force: InForce, good: Option<Good>) {
        let state = &mut *self.state.borrow_mut();
        match state.plugins.iter_mut().find(|known| known.plugin == plugin) {
            Some(known) => {
                known.newest = root.max(known.newest);
                if good.is_some() {
                    known.good = good;
                }
            }
            None => state.plugins.push(Known { plugin: plugin.to_owned(), newest: root, good }),
        }
        if let Some(known) = state.roots.iter_mut().find(|known| known.id == root) {
            let old = core::mem::replace(&mut known.in_force, in_force);
            old.serving.listed().forget();
            if old.serving.take_asked() {
                known.in_force.serving.asked();
            }
        } else {
            let plugin = plugin.to_owned();
            state.roots.push(Root { id: root, plugin, in_force, asked: None });
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
        roots.iter().find(|own| own.id == root).is_some_and(|own| {
            roots.iter().any(|later| {
                later.id > root
                    && later.plugin == own.plugin
                    && later.in_force.scope == own.in_force.scope
            })
        })
    }

    /// Takes a root context out that will see no further request.
    pub fn remove(&self, host: &dyn Host, root: u32) {
        let state = &mut *self.state.borrow_mut();
        if let Some(place) = state.roots.iter().position(|known| known.id == root) {
            let removed = state.roots.remove(place);
            removed.in_force.serving.listed().forget();
            if let Some(known) = state.plugins.iter_mut().find(|it| it.plugin == removed.plugin)
                && known.newest == root
            {
                // A proxy that is given an earlier configuration back takes the root context that it
                // still has of it, and configures none.
                let others = state.roots.iter().filter(|other| other.plugin == removed.plugin);
                known.newest = others.map(|other| other.id).max().unwrap_or(root);
            }
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
    pub fn count_answer(&self, host: &dyn Host, source: &str, outcome: Outcome) {
        let tags = [(names::SOURCE, source), (names::RESULT, outcome.as_str())];
        self.increment(host, &names::tagged(names::SOURCE_ANSWERS, &tags));
    }

    /// Counts a configuration that was JSON but no document.
    pub fn count_refused(&self, host: &dyn Host) {
        self.increment(host, names::CONFIG_REFUSED);
    }

    fn increment(&self, host: &dyn Host, name: &str) {
        self.state.borrow_mut().metrics.increment(host, Purpose::Count, name, 1);
    }

    /// Says what this VM has in force, that it is alive, and what the proxy as a whole has, each
    /// where it is time.
    pub fn tick(&self, host: &dyn Host, now: Moment) {
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
    fn share(&self, host: &dyn Host, now: Moment, state: &mut State) -> bool {
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
    /// Notes which root contexts have decided requests. One that was replaced and has not, lives on for
    /// the streams that it has, whose lists nobody asks any more.
    fn note_asked(&mut self, now: Moment) {
        let Self { roots, plugins, .. } = self;
        for root in roots {
            let serving = &root.in_force.serving;
            if serving.take_asked() {
                root.asked = Some(now);
            } else if !root.is_newest(plugins) {
                serving.listed().forget();
            }
        }
    }

    /// Adds what was counted for tripwires to what the VMs share, and does what that says.
    fn watch(&mut self, host: &dyn Host, counts: &Counts, now: Moment, beat: bool) {
        let Self { wire, metrics, roots, plugins, unfitted, .. } = self;
        if core::mem::take(unfitted) {
            let newest = roots.iter().filter(|root| root.is_newest(plugins));
            wire.fit(host, metrics, counts.tallies(), newest.map(|root| &root.in_force.serving));
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
        for root in &self.roots {
            if root.is_newest(&self.plugins)
                || root.asked.is_some_and(|asked| now.since(asked) < SILENCE)
            {
                let own = root.in_force.row();
                let scope = &root.in_force.scope;
                match row.0.iter_mut().find(|(known, _)| known == scope) {
                    Some((_, others)) => *others = others.together(&own),
                    None => row.0.push((scope.clone(), own)),
                }
            }
        }
        row
    }
}

/// What decides about requests in each root context, replaced ones included: they still may.
fn servings(roots: &[Root]) -> impl Iterator<Item = &Rc<Serving>> {
    roots.iter().map(|root| &root.in_force.serving)
}

impl InForce {
    fn row(&self) -> ScopeRow {
        let document = self.serving.document();
        let rollouts = document.rollouts();
        let order = sorted(rollouts.iter().map(|rollout| rollout.name().as_str().as_bytes()));
        let live = |rollout: &CompiledRollout| {
            let weight = rollout.weight().basis_points();
            (rollout.name().as_str().to_owned(), Live { revision: rollout.revision(), weight })
        };
        let in_order = order.iter().filter_map(|(_, place)| rollouts.get(*place));
        ScopeRow {
            state: self.state,
            revision: document.revision().unwrap_or(Revision::new(0)),
            left_out: u32::try_from(document.left_out().len()).unwrap_or(u32::MAX),
            rollouts: in_order.map(live).collect(),
        }
    }
}
