//! One request: decide, then write or remove the mark.

use serin_document::{Decision, Write};

use crate::counts::Counts;
use crate::headers::HeaderBlock;
use crate::host::RequestHeaders;
use crate::serving::Serving;

/// Marks a request and counts it.
///
/// The calls to the proxy, each of which costs more than the decision: one that reads all
/// headers, at most one that writes or removes the mark, and one for each forged mark of another
/// rollout. A mark that already is as it should be costs none.
pub fn mark(headers: &impl RequestHeaders, serving: &Serving, counts: &Counts) {
    let block = headers.all();
    let decision = serving.in_force().decide(&block);
    write(headers, &block, &decision);
    serving.asked();
    if let Some(found) = &decision.rollout
        && found.rollout.count()
        && let Some(slot) = serving.slot(found.index)
    {
        counts.add(slot, decision.variant, decision.reason);
    }
}

fn write(headers: &impl RequestHeaders, block: &HeaderBlock, decision: &Decision<'_>) {
    let mark = decision.mark.as_str();
    match decision.write {
        Write::Set(variant) => {
            let right = variant.as_str();
            let mut present = block.values(mark);
            let is_right = present.next() == Some(right.as_bytes()) && present.next().is_none();
            if !is_right {
                headers.set(mark, right);
            }
        }
        Write::Remove => remove(headers, block, mark),
        Write::Leave => {}
    }
    for foreign in decision.foreign() {
        remove(headers, block, foreign.as_str());
    }
}

fn remove(headers: &impl RequestHeaders, block: &HeaderBlock, name: &str) {
    if block.values(name).next().is_some() {
        headers.remove(name);
    }
}
