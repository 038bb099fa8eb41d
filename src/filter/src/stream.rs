//! One request: decide, write or remove what the decision says, and count at the end.

use serin_assignment::Variant;
use serin_document::{Decision, Request, Write};

use crate::class::{Protocol, classify};
use crate::counts::{Counts, Slot};
use crate::headers::HeaderBlock;
use crate::host::{RequestHeaders, StreamEnd};
use crate::responses::Evidence;
use crate::serving::Serving;

/// The numbers of the cohorts as a header carries them.
const COHORTS: [&str; 16] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];

/// What is left to count of a request until its stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The rollout's place in the document.
    rollout: usize,
    slot: Slot,
    variant: Option<Variant>,
    evidence: Option<(Evidence, Protocol)>,
}

/// Marks a request and counts it; what is to be counted at its end, if anything.
///
/// The calls to the proxy, each of which costs more than the decision: one that reads all
/// headers, at most one that writes or removes the mark, one for the cohort where the application
/// is told, and one for each forged header of another rollout. A header that already is as it
/// should be costs none.
#[must_use]
pub fn mark(headers: &impl RequestHeaders, serving: &Serving, counts: &Counts) -> Option<Pending> {
    let block = headers.all();
    let decision = serving.in_force().decide(&block);
    write(headers, &block, &decision);
    serving.asked();
    let found = decision.rollout.as_ref().filter(|found| found.rollout.count())?;
    let slot = serving.slot(found.index)?;
    counts.add(slot, decision.variant, decision.reason);
    let variant = decision.variant;
    let evidence = variant.filter(|_| decision.is_evidence()).map(|variant| {
        let protocol = Protocol::of(block.header("content-type").as_deref());
        (Evidence { variant, cohort: decision.cohort }, protocol)
    });
    let counted = evidence.is_some() || found.rollout.clusters().is_some();
    counted.then_some(Pending { rollout: found.index, slot, variant, evidence })
}

/// Counts how a request has ended.
///
/// The calls to the proxy: one to three for a request that is evidence, and one more where the
/// document names the sides' clusters.
pub fn end(end: &impl StreamEnd, serving: &Serving, counts: &Counts, pending: &Pending) {
    let Some(rollout) = serving.document().rollouts().get(pending.rollout) else { return };
    let slot = pending.slot.responses;
    if let Some((evidence, protocol)) = pending.evidence {
        let class = classify(end, protocol, rollout.latency_bounds());
        counts.responses().add(slot, evidence, class);
    }
    if let Some(clusters) = rollout.clusters() {
        let served = end.cluster().and_then(|cluster| clusters.side(&cluster));
        counts.responses().add_served(slot, pending.variant, served);
    }
}

fn write(headers: &impl RequestHeaders, block: &HeaderBlock, decision: &Decision<'_>) {
    let mark = decision.mark.as_str();
    write_one(headers, block, mark, decision.write, Variant::as_str);
    if let Some((header, cohort)) = decision.cohort_header {
        write_one(headers, block, header.as_str(), cohort, |cohort| {
            COHORTS.get(usize::from(cohort.get())).copied().unwrap_or_default()
        });
    }
    for foreign in decision.foreign() {
        remove(headers, block, foreign.as_str());
    }
}

fn write_one<T>(
    headers: &impl RequestHeaders,
    block: &HeaderBlock,
    name: &str,
    write: Write<T>,
    text: impl Fn(T) -> &'static str,
) {
    match write {
        Write::Set(value) => {
            let right = text(value);
            let mut present = block.values(name);
            let is_right = present.next() == Some(right.as_bytes()) && present.next().is_none();
            if !is_right {
                headers.set(name, right);
            }
        }
        Write::Remove => remove(headers, block, name),
        Write::Leave => {}
    }
}

fn remove(headers: &impl RequestHeaders, block: &HeaderBlock, name: &str) {
    if block.values(name).next().is_some() {
        headers.remove(name);
    }
}
