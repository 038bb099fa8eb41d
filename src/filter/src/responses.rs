//! How requests ended, counted in this VM's memory until the next flush.
//!
//! What the classes of slow answers mean depends on the bounds, so a rollout with other bounds has
//! other cells: a stream that began before a change is counted by the bounds it began with.

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::mem::take;

use serin_assignment::{Cohort, Variant};
use serin_document::{CompiledRollout, LatencyBounds, metrics};

use crate::class::Class;
use crate::host::Host;
use crate::metrics::{Metrics, Purpose};

/// The sides that evidence is on.
const VARIANTS: [Variant; 2] = [Variant::Canary, Variant::Stable];
/// Every cohort, and none.
const COHORTS: usize = Cohort::COUNT as usize + 1;
/// Counts of evidence per rollout: one for each side, cohort and class.
const CELLS: usize = VARIANTS.len() * COHORTS * Class::COUNT;
/// The sides that a request is marked for or served by: canary, stable, and neither.
const SIDES: [Option<Variant>; 3] = [Some(Variant::Canary), Some(Variant::Stable), None];
/// Counts of who served per rollout: one for each mark and each side.
const SERVED: usize = SIDES.len() * SIDES.len();

/// A request that is evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its side.
    pub variant: Variant,
    /// Its user's cohort; none where it was drawn by itself.
    pub cohort: Option<Cohort>,
}

/// Where a rollout's counts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

/// How the requests of a VM ended.
#[derive(Debug, Default)]
pub struct Responses {
    rollouts: RefCell<Vec<Rollout>>,
}

#[derive(Debug)]
struct Rollout {
    name: String,
    metric_id: String,
    bounds: Option<LatencyBounds>,
    /// Taken at each flush: of thousands of rollouts few have requests, and those that are gone
    /// have none.
    cells: Option<Box<Cells>>,
}

#[derive(Debug)]
struct Cells {
    evidence: [u64; CELLS],
    served: [u64; SERVED],
}

impl Default for Cells {
    fn default() -> Self {
        Self { evidence: [0; CELLS], served: [0; SERVED] }
    }
}

impl Responses {
    /// The place of a rollout's counts; the same for the same bounds. `known` are the places that
    /// rollouts of its name have.
    pub fn slot(&self, known: &mut Vec<Slot>, rollout: &CompiledRollout) -> Slot {
        let bounds = rollout.latency_bounds();
        let mut rollouts = self.rollouts.borrow_mut();
        let has_them =
            |slot: &&Slot| rollouts.get(slot.0).is_some_and(|it| it.bounds.as_ref() == bounds);
        if let Some(slot) = known.iter().find(has_them) {
            return *slot;
        }
        let slot = Slot(rollouts.len());
        known.push(slot);
        rollouts.push(Rollout {
            name: rollout.name().as_str().to_owned(),
            metric_id: rollout.metric_id().to_owned(),
            bounds: bounds.cloned(),
            cells: None,
        });
        slot
    }

    /// Counts how a request ended that is evidence.
    pub fn add(&self, slot: Slot, evidence: Evidence, class: Class) {
        let Evidence { variant, cohort } = evidence;
        let side = usize::from(variant == Variant::Stable);
        let cohort = cohort.map_or(usize::from(Cohort::COUNT), |cohort| cohort.get().into());
        let cell = (side * COHORTS + cohort) * Class::COUNT + class.index();
        self.count(slot, |cells| cells.evidence.get_mut(cell));
    }

    /// Counts which side served a request, whatever its mark.
    pub fn add_served(&self, slot: Slot, variant: Option<Variant>, served: Option<Variant>) {
        let cell = side(variant) * SIDES.len() + side(served);
        self.count(slot, |cells| cells.served.get_mut(cell));
    }

    fn count(&self, slot: Slot, cell: impl FnOnce(&mut Cells) -> Option<&mut u64>) {
        if let Some(rollout) = self.rollouts.borrow_mut().get_mut(slot.0)
            && let Some(cell) = cell(rollout.cells.get_or_insert_default())
        {
            *cell += 1;
        }
    }

    /// Adds what has come together since the last time to the proxy's counters.
    pub fn flush(&self, host: &dyn Host, metrics: &mut Metrics) {
        for rollout in &mut *self.rollouts.borrow_mut() {
            if let Some(cells) = take(&mut rollout.cells) {
                rollout.flush(&cells, host, metrics);
            }
        }
    }
}

impl Rollout {
    fn flush(&self, cells: &Cells, host: &dyn Host, metrics: &mut Metrics) {
        let mut whole = true;
        let mut add = |base, tags: &[(&str, &str)], count| {
            let own = [(metrics::ID, self.metric_id.as_str()), (metrics::ROLLOUT, &self.name)];
            let name = metrics::tagged(base, &[&own, tags].concat());
            whole &= metrics.increment(host, Purpose::Evidence, &name, count);
        };
        for (index, count) in counted(&cells.evidence) {
            let (rest, class) = (index / Class::COUNT, index % Class::COUNT);
            let (Some(variant), Some(class)) =
                (VARIANTS.get(rest / COHORTS), Class::name(class, self.bounds.as_ref()))
            else {
                continue;
            };
            let cohort = match rest % COHORTS {
                cohort if cohort < usize::from(Cohort::COUNT) => cohort.to_string(),
                _ => metrics::NO_COHORT.to_owned(),
            };
            let tags = [
                (metrics::VARIANT, variant.as_str()),
                (metrics::COHORT, &cohort),
                (metrics::CLASS, &class),
            ];
            add(metrics::RESPONSES, &tags, count);
        }
        for (index, count) in counted(&cells.served) {
            let name = |index, none| {
                let side: Option<Variant> = SIDES.get(index).copied().flatten();
                side.map_or(none, Variant::as_str)
            };
            let tags = [
                (metrics::VARIANT, name(index / SIDES.len(), metrics::UNMARKED)),
                (metrics::SERVED_BY, name(index % SIDES.len(), metrics::NEITHER)),
            ];
            add(metrics::SERVED, &tags, count);
        }
        if !whole {
            let own = [(metrics::ID, self.metric_id.as_str()), (metrics::ROLLOUT, &self.name)];
            metrics.record(host, &metrics::tagged(metrics::EVIDENCE_CAPPED, &own), 1);
        }
    }
}

/// The cells that have counted, with their numbers.
fn counted(cells: &[u64]) -> impl Iterator<Item = (usize, u64)> {
    cells.iter().copied().enumerate().filter(|(_, count)| *count > 0)
}

/// A side's number in [`SIDES`].
const fn side(variant: Option<Variant>) -> usize {
    match variant {
        Some(Variant::Canary) => 0,
        Some(Variant::Stable) => 1,
        None => 2,
    }
}
