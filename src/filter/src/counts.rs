//! Assignments and responses counted in this VM's memory, and added to the proxy's counters once a
//! second.
//!
//! A counter of the proxy costs a call out of the VM, more than deciding itself. The counts belong
//! to the VM and to a rollout's name: a new configuration or document finds them where they were.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use serin_assignment::Variant;
use serin_document::token::Refusal;
use serin_document::{CompiledRollout, Named, Reason, Refusals, metrics};

use crate::host::Host;
use crate::metrics::{Metrics, Purpose};
use crate::responses::{self, Responses};
use crate::tripwire::Tallies;

/// The sides that are told apart: canary, stable, and neither.
const SIDES: [Option<Variant>; 3] = [Some(Variant::Canary), Some(Variant::Stable), None];

/// Counts per rollout: one for each side and reason.
const CELLS: usize = SIDES.len() * Reason::ALL.len();

/// Where a rollout's counts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    assignments: usize,
    /// Where it is counted how its requests ended.
    pub responses: responses::Slot,
}

/// The counts of a VM.
#[derive(Debug, Default)]
pub struct Counts {
    rollouts: RefCell<Named<RolloutCounts>>,
    responses: Responses,
    tallies: Tallies,
}

#[derive(Debug)]
struct RolloutCounts {
    name: String,
    metric_id: String,
    cells: [u64; CELLS],
    /// Refused tokens, by reason.
    refused: [u64; Refusal::ALL.len()],
    changed: bool,
    /// Where it is counted how its requests ended: one for each set of bounds that it has had.
    responses: Vec<responses::Slot>,
}

impl Counts {
    /// How requests ended.
    pub const fn responses(&self) -> &Responses {
        &self.responses
    }

    /// The place of a rollout's counts.
    pub fn slot(&self, rollout: &CompiledRollout) -> Slot {
        let name = rollout.name().as_str();
        let mut rollouts = self.rollouts.borrow_mut();
        let assignments = rollouts.place(name.as_bytes(), || RolloutCounts {
            name: name.to_owned(),
            metric_id: rollout.metric_id().to_owned(),
            cells: [0; CELLS],
            refused: [0; Refusal::ALL.len()],
            changed: false,
            responses: Vec::new(),
        });
        let mut none = Vec::new();
        let known = rollouts.at_mut(assignments).map_or(&mut none, |counts| &mut counts.responses);
        Slot { assignments, responses: self.responses.slot(known, rollout) }
    }

    /// What is counted for tripwires.
    pub const fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// Counts one assignment.
    pub fn add(&self, slot: Slot, variant: Option<Variant>, reason: Reason) {
        let side = match variant {
            Some(Variant::Canary) => 0,
            Some(Variant::Stable) => 1,
            None => 2,
        };
        if let Some(rollout) = self.rollouts.borrow_mut().at_mut(slot.assignments)
            && let Some(cell) = rollout.cells.get_mut(side * Reason::ALL.len() + reason as usize)
        {
            *cell += 1;
            rollout.changed = true;
        }
    }

    /// Counts a request's refused tokens.
    pub fn add_refused(&self, slot: Slot, refused: Refusals) {
        if let Some(rollout) = self.rollouts.borrow_mut().at_mut(slot.assignments) {
            for (reason, count) in refused.iter() {
                if let Some(cell) = rollout.refused.get_mut(reason as usize) {
                    *cell += u64::from(count);
                    rollout.changed = true;
                }
            }
        }
    }

    /// Adds what has come together since the last time to the proxy's counters.
    pub fn flush(&self, host: &dyn Host, metrics: &mut Metrics) {
        let mut rollouts = self.rollouts.borrow_mut();
        for rollout in rollouts.values_mut().iter_mut().filter(|rollout| rollout.changed) {
            rollout.changed = false;
            let id = (metrics::ID, rollout.metric_id.as_str());
            let name = (metrics::ROLLOUT, rollout.name.as_str());
            let sides = rollout.cells.chunks_mut(Reason::ALL.len());
            for (variant, cells) in SIDES.iter().zip(sides) {
                let variant = variant.map_or(metrics::UNMARKED, Variant::as_str);
                for (reason, cell) in Reason::ALL.iter().zip(cells) {
                    let reason = (metrics::REASON, reason.as_str());
                    let tags = [id, name, (metrics::VARIANT, variant), reason];
                    add(host, metrics, metrics::ASSIGNMENTS, &tags, cell);
                }
            }
            for (reason, cell) in Refusal::ALL.iter().zip(&mut rollout.refused) {
                let tags = [id, name, (metrics::REASON, reason.as_str())];
                add(host, metrics, metrics::TOKENS_REFUSED, &tags, cell);
            }
        }
        self.responses.flush(host, metrics);
    }
}

/// Adds what a cell has to the proxy's counter of these tags.
fn add(host: &dyn Host, into: &mut Metrics, base: &str, tags: &[(&str, &str)], cell: &mut u64) {
    let count = core::mem::take(cell);
    if count > 0 {
        into.increment(host, Purpose::Count, &metrics::tagged(base, tags), count);
    }
}
