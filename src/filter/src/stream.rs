//! One request: decide, write or remove what the decision says, add to its response what the
//! decision wants there, and count at the end.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serin_assignment::{Cohort, Variant};
use serin_document::token::{CutCookies, TakeOff};
use serin_document::{Decision, Decisions, Request, UserLists, Write};

use crate::class::{Protocol, classify};
use crate::counts::{Counts, Slot};
use crate::headers::HeaderBlock;
use crate::host::{RequestHeaders, ResponseHeaders, StreamEnd};
use crate::responses::Evidence;
use crate::serving::Serving;
use crate::told;

/// The numbers of the cohorts as a header carries them.
const COHORTS: [&str; 16] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];

const COOKIE: &str = "cookie";
const PATH: &str = ":path";

/// What is left to count of a request until its stream ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The only one on almost every request.
    first: Count,
    /// Those of further rollouts that share the request.
    others: Vec<Count>,
}

/// What is left to count of a request for one rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    /// The rollout's place in the document.
    rollout: usize,
    slot: Slot,
    variant: Option<Variant>,
    evidence: Option<(Evidence, Protocol)>,
}

/// What a stream keeps of its request's decision. Reading the request again later is no way: its
/// headers are gone, and the call would panic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// None where there is nothing to count.
    pub pending: Option<Pending>,
    /// The `set-cookie` headers for the response.
    pub set_cookies: Vec<String>,
}

/// Marks a request and counts it.
///
/// The calls to the proxy, each of which costs more than the decision: one that reads all
/// headers, at most one for each rollout that writes or removes the mark, one for the cohort where
/// the application is told, one for each forged header of another rollout, and one for each of the
/// other things that a rollout is configured to ask for. A header that already is as it should be
/// costs none, and so does a request that carries no tester's token; taking one off costs one for
/// each header that it stands in. Where access logs and traces are told, that is one more.
#[must_use]
pub fn mark(request: &impl RequestHeaders, serving: &Serving, counts: &Counts) -> Marked {
    let block = request.all();
    let mut decisions =
        serving.in_force().decide_unless(&Asked { block: &block, request, serving }, |index| {
            serving.is_tripped(index)
        });
    write(request, &block, &decisions);
    let is_searched = decisions.found_no_token() && block.values(COOKIE).nth(1).is_none();
    if !is_searched && let Some(tokens) = decisions.take_off() {
        take_off(request, &block, &tokens);
    }
    if serving.in_force().filter_state()
        && let Some(line) = told::line(&decisions)
    {
        request.tell(told::KEY, &line);
    }
    serving.asked();
    let set_cookies = core::mem::take(&mut decisions.set_cookies);
    let mut counted =
        decisions.iter().filter_map(|decision| count(&block, serving, counts, decision));
    // The others are counted too where nothing of the first is left for the end.
    let pending = counted.next().map(|first| Pending { first, others: counted.collect() });
    Marked { pending, set_cookies }
}

/// Counts an assignment; what is left to count of it.
fn count(
    block: &HeaderBlock,
    serving: &Serving,
    counts: &Counts,
    decision: &Decision<'_>,
) -> Option<Count> {
    let found = decision.rollout.as_ref().filter(|found| found.rollout.count())?;
    let slot = serving.slot(found.index)?;
    counts.add(slot, decision.variant, decision.reason);
    if !decision.refused.is_empty() {
        counts.add_refused(slot, decision.refused);
    }
    let variant = decision.variant;
    let evidence = variant.filter(|_| decision.is_evidence()).map(|variant| {
        let protocol = Protocol::of(block.header("content-type").as_deref());
        (Evidence { variant, cohort: decision.evidence_cohort() }, protocol)
    });
    let counted = evidence.is_some() || found.rollout.clusters().is_some();
    counted.then_some(Count { rollout: found.index, slot, variant, evidence })
}

/// Adds what a decision wants on the response: one call to the proxy for each.
pub fn respond(headers: &impl ResponseHeaders, set_cookies: &[String]) {
    for value in set_cookies {
        headers.add("set-cookie", value);
    }
}

/// Keeps the status of gRPC, which stands in the trailers, or in the headers of an answer that is
/// nothing else: once a stream has ended, a proxy has neither any more. One call for each of the two,
/// and only where the request is gRPC and evidence.
pub fn note_status(headers: &impl ResponseHeaders, pending: &mut Pending) {
    for count in core::iter::once(&mut pending.first).chain(&mut pending.others) {
        if let Some((_, Protocol::Grpc(status))) = &mut count.evidence {
            *status = headers.grpc_status().or(*status);
        }
    }
}

/// Counts how a request has ended.
///
/// The calls to the proxy for each rollout: one to three for a request that is evidence, one more
/// where the document names the sides' clusters, and one where a tripwire has a bound for slow
/// answers.
pub fn end(end: &impl StreamEnd, serving: &Serving, counts: &Counts, pending: &Pending) {
    for count in core::iter::once(&pending.first).chain(&pending.others) {
        end_one(end, serving, counts, count);
    }
}

fn end_one(end: &impl StreamEnd, serving: &Serving, counts: &Counts, count: &Count) {
    let Some(rollout) = serving.document().rollouts().get(count.rollout) else { return };
    let slot = count.slot.responses;
    if let Some((evidence, protocol)) = count.evidence {
        let class = classify(end, protocol, rollout.latency_bounds());
        counts.responses().add(slot, evidence, class);
        if let Some(tally) = serving.tally(count.rollout) {
            let bound = rollout.tripwire().and_then(|tripwire| tripwire.slow);
            let is_over = |bound| end.duration().is_some_and(|took| took > bound);
            tally.add(evidence, class, || bound.is_some_and(is_over));
        }
    }
    if let Some(clusters) = rollout.clusters() {
        let served = end.cluster().and_then(|cluster| clusters.side(&cluster));
        counts.responses().add_served(slot, count.variant, served);
    }
}

/// A request of which the headers have been read, and the rest is asked for.
struct Asked<'a, R> {
    block: &'a HeaderBlock,
    request: &'a R,
    serving: &'a Serving,
}

impl<R: RequestHeaders> Request for Asked<'_, R> {
    // Once for all that ask: it would stand in each of two dozen places.
    #[inline(never)]
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.block.header(name)
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        self.request.property(path)
    }

    fn random(&self) -> [u8; 16] {
        self.request.random()
    }

    fn now(&self) -> Duration {
        self.request.time_of_day()
    }

    fn listed(&self, rollout: usize, lists: &UserLists, id: &[u8]) -> Option<Variant> {
        self.serving.listed().find(rollout, lists, id)
    }
}

/// A cohort's number as text.
pub(crate) fn cohort_text(cohort: Cohort) -> &'static str {
    COHORTS.get(usize::from(cohort.get())).copied().unwrap_or_default()
}

/// Takes testers' tokens off, which few documents have: not generic, so that it is compiled for size.
#[inline(never)]
fn take_off(headers: &dyn RequestHeaders, block: &HeaderBlock, tokens: &TakeOff<'_>) {
    for name in tokens.headers() {
        if block.values(name).any(|value| tokens.header_goes(name, value)) {
            headers.remove(name);
        }
    }
    match tokens.cut_cookies(block.values(COOKIE)) {
        Some(CutCookies::Set(left)) => headers.set(COOKIE, &left),
        Some(CutCookies::Remove) => headers.remove(COOKIE),
        None => {}
    }
    let path = block.header(PATH).unwrap_or_default();
    if let Some(path) = tokens.cut_path(&path) {
        headers.set(PATH, &path);
    }
}

fn write(headers: &impl RequestHeaders, block: &HeaderBlock, decisions: &Decisions<'_>) {
    for decision in decisions.iter() {
        let mark = decision.mark.as_str();
        write_one(headers, block, mark, decision.write.map(Variant::as_str));
        if let Some((header, cohort)) = decision.cohort_header {
            write_one(headers, block, header.as_str(), cohort.map(cohort_text));
        }
    }
    for foreign in decisions.foreign() {
        remove(headers, block, foreign.as_str());
    }
}

#[inline(never)]
fn write_one(
    headers: &impl RequestHeaders,
    block: &HeaderBlock,
    name: &str,
    write: Write<&'static str>,
) {
    match write {
        Write::Set(value) => {
            let mut present = block.values(name);
            match present.next() {
                None => headers.add(name, value.as_bytes()),
                Some(same) if same == value.as_bytes() && present.next().is_none() => {}
                Some(_) => headers.set(name, value.as_bytes()),
            }
        }
        Write::Remove => remove(headers, block, name),
        Write::Leave => {}
    }
}

#[inline(never)]
fn remove(headers: &impl RequestHeaders, block: &HeaderBlock, name: &str) {
    if block.values(name).next().is_some() {
        headers.remove(name);
    }
}
