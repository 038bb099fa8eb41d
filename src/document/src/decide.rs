//! What becomes of one request: the rules in their order.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::LazyCell;

use serin_assignment::{Cohort, Variant};

use crate::request::Reader;
use crate::tester::{self, Said};
use crate::token::{Places, TakeOff};
use crate::{
    Anonymous, Compiled, CompiledRollout, IdentitySource, Incoming, MAX_ID_BYTES, MarkName, Reason,
    Refusals, Request, host,
};

/// What to do to a request and its response: one decision, or one for each of the rollouts that share it.
#[derive(Clone, Debug)]
pub struct Decisions<'a> {
    /// The only one on almost every request.
    pub first: Decision<'a>,
    /// Those of further rollouts of the same host and path, each with a mark of its own. Empty,
    /// and so without memory of its own, where there is none.
    pub others: Vec<Decision<'a>>,
    /// The `set-cookie` headers to add to the response, as they are sent; none on the ordinary
    /// path. Rollouts that share a request share its id, too, so they are not each one's own.
    pub set_cookies: Vec<String>,
    removable: &'a [MarkName],
    token_places: &'a Places,
}

impl<'a> Decisions<'a> {
    /// All of them, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = &Decision<'a>> {
        core::iter::once(&self.first).chain(&self.others)
    }

    /// Marks and cohorts of other rollouts, which have to go from this request: whoever sent them,
    /// nothing here wrote them.
    pub fn foreign(&self) -> impl Iterator<Item = &'a MarkName> {
        self.removable.iter().filter(|header| !self.iter().any(|own| own.writes(header)))
    }

    /// Whether the document has places for tokens, each was looked at while the request was decided, and
    /// nothing stood there. Then nothing has to be taken off, but where cookies stand in several headers:
    /// only the first was looked at. Else [`take_off`](Self::take_off) tells.
    #[must_use]
    pub fn found_no_token(&self) -> bool {
        let places = |found: RolloutRef<'_>| found.rollout.token_places().len();
        // A rollout's places are among the document's.
        !self.token_places.is_empty()
            && self.first.is_silent
            && self.first.rollout.map(places) == Some(self.token_places.len())
    }

    /// What has to be taken off the request, whatever became of it, so that no tester's token goes
    /// upstream; none where the document has no place for tokens.
    #[must_use]
    pub fn take_off(&self) -> Option<TakeOff<'a>> {
        let own = self.iter().filter_map(|own| Some(own.rollout?.rollout.token_places()));
        TakeOff::new(self.token_places, own)
    }
}

/// What one rollout does to a request, and why.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The rollout whose request it is.
    pub rollout: Option<RolloutRef<'a>>,
    /// The header that carries the mark.
    pub mark: &'a MarkName,
    /// What to do with that header.
    pub write: Write,
    /// The side on which the request is; none where the route's own weights decide.
    pub variant: Option<Variant>,
    /// Why.
    pub reason: Reason,
    /// The user's sixteenth, where the hash of an id placed the request ([`Reason::Hash`],
    /// [`Reason::NewId`]).
    pub cohort: Option<Cohort>,
    /// The header that hands the cohort to the application, and what to do with it.
    pub cohort_header: Option<(&'a MarkName, Write<Cohort>)>,
    /// The testers' tokens that were refused.
    pub refused: Refusals,
    /// Whether nothing stands where testers choose their side, and each such place was looked at.
    is_silent: bool,
}

impl Decision<'_> {
    /// Whether what becomes of the request tells the sides apart fairly
    /// ([`Reason::is_evidence`]).
    #[must_use]
    pub const fn is_evidence(&self) -> bool {
        self.reason.is_evidence()
    }

    /// The user's sixteenth as evidence has it. A new id is a draw of its own, as those at random
    /// are: who keeps no cookies has another one with each request, and is no user of any cohort.
    #[must_use]
    pub fn evidence_cohort(&self) -> Option<Cohort> {
        self.cohort.filter(|_| self.reason == Reason::Hash)
    }

    /// Whether a header is this decision's to write, or to leave.
    fn writes(&self, header: &MarkName) -> bool {
        self.mark == header || self.cohort_header.is_some_and(|(cohort, _)| cohort == header)
    }
}

/// A rollout with its place in [`Compiled::rollouts`].
#[derive(Clone, Copy, Debug)]
pub struct RolloutRef<'a> {
    /// The place.
    pub index: usize,
    /// The rollout.
    pub rollout: &'a CompiledRollout,
}

/// What to do with a header that is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<T = Variant> {
    /// Let it have this one value.
    Set(T),
    /// See that it is absent.
    Remove,
    /// Leave it as it came.
    Leave,
}

impl<T> Write<T> {
    /// The same with another kind of value.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Write<U> {
        match self {
            Self::Set(value) => Write::Set(of(value)),
            Self::Remove => Write::Remove,
            Self::Leave => Write::Leave,
        }
    }
}

/// A side with its reason.
struct Choice {
    variant: Option<Variant>,
    reason: Reason,
    cohort: Option<Cohort>,
    refused: Refusals,
    is_silent: bool,
}

impl Choice {
    fn plain(variant: Option<Variant>, reason: Reason) -> Self {
        Self { variant, reason, cohort: None, refused: Refusals::default(), is_silent: false }
    }
}

impl Compiled {
    /// Decides about a request. The document can't make this fail, nor can the request.
    pub fn decide<'a>(&'a self, request: &impl Request) -> Decisions<'a> {
        self.decide_unless(request, |_| false)
    }

    /// Decides about a request where tripwires may have tripped at this proxy: `tripped` says it of
    /// the rollout at a place, and such a rollout sends everyone to stable.
    pub fn decide_unless<'a>(
        &'a self,
        request: &impl Request,
        tripped: impl Fn(usize) -> bool,
    ) -> Decisions<'a> {
        let reader = Reader::new(request);
        let (removable, token_places) = (self.removable(), self.token_places());
        let Some((first, others)) = self.find(&reader) else {
            return Decisions {
                first: self.no_rollout(),
                others: Vec::new(),
                set_cookies: Vec::new(),
                removable,
                token_places,
            };
        };
        let mut set_cookies = Vec::new();
        let others = others.iter().filter_map(|index| self.rollout(*index));
        Decisions {
            first: decide(first, &reader, &tripped, &mut set_cookies),
            others: others
                .map(|other| decide(other, &reader, &tripped, &mut set_cookies))
                .collect(),
            set_cookies,
            removable,
            token_places,
        }
    }

    fn no_rollout(&self) -> Decision<'_> {
        let write = match self.incoming() {
            Incoming::Replace => Write::Remove,
            Incoming::Keep => Write::Leave,
        };
        Decision {
            rollout: None,
            mark: self.mark(),
            write,
            variant: None,
            reason: Reason::NoRollout,
            cohort: None,
            cohort_header: None,
            refused: Refusals::default(),
            is_silent: false,
        }
    }

    /// The first rollout of a request and the places of the others.
    fn find(&self, reader: &Reader<'_, impl Request>) -> Option<(RolloutRef<'_>, &[usize])> {
        if self.rollouts().is_empty() {
            return None;
        }
        let authority = reader.header(":authority").unwrap_or_default();
        // Most callers name the host as the document has it.
        let hosts = self.hosts();
        let paths = hosts.find_exact(&authority).or_else(|| {
            let host = host::normalise(&authority);
            let exact = if *host == *authority { None } else { hosts.find_exact(&host) };
            exact.or_else(|| hosts.find_wildcard(&host))
        })?;
        let owners = paths.find(reader.target().path)?;
        Some((self.rollout(owners.first)?, &owners.others))
    }

    fn rollout(&self, index: usize) -> Option<RolloutRef<'_>> {
        self.rollouts().get(index).map(|rollout| RolloutRef { index, rollout })
    }
}

fn decide<'a>(
    found: RolloutRef<'a>,
    reader: &Reader<'_, impl Request>,
    tripped: &impl Fn(usize) -> bool,
    set_cookies: &mut Vec<String>,
) -> Decision<'a> {
    let is_tripped = || tripped(found.index);
    let Choice { variant, reason, cohort, refused, is_silent } =
        choose(found, reader, is_tripped, set_cookies);
    // One that was taken over is set, too: were it there twice, routes would go by neither.
    let write = variant.map_or(Write::Remove, Write::Set);
    let cohort_header = found.rollout.cohort_header().map(|header| {
        let write = match (cohort, reason) {
            (Some(cohort), _) => Write::Set(cohort),
            // Who decided before knows the cohort, too.
            (None, Reason::Incoming) => Write::Leave,
            (None, _) => Write::Remove,
        };
        (header, write)
    });
    Decision {
        rollout: Some(found),
        mark: found.rollout.mark(),
        write,
        variant,
        reason,
        cohort,
        cohort_header,
        refused,
        is_silent,
    }
}

fn choose(
    found: RolloutRef<'_>,
    reader: &Reader<'_, impl Request>,
    is_tripped: impl Fn() -> bool,
    set_cookies: &mut Vec<String>,
) -> Choice {
    let RolloutRef { rollout, .. } = found;
    let stable = Some(Variant::Stable);
    if rollout.requires_unknown() {
        return Choice::plain(stable, Reason::Requires);
    }
    if !rollout.canary_serves() {
        return Choice::plain(stable, Reason::NotServing);
    }
    if is_tripped() {
        return Choice::plain(stable, Reason::Tripped);
    }
    if let Some(variant) = incoming(rollout, reader) {
        return Choice::plain(Some(variant), Reason::Incoming);
    }
    let rules = &rollout.rollout().rules;
    if let Some(reason) = rules.keep_out(reader) {
        return Choice::plain(stable, reason);
    }
    let Said { variant, refused, is_silent } = tester::ask(rollout, reader, set_cookies);
    let choice = match variant {
        Some(Variant::Canary) => Choice::plain(variant, Reason::OptIn),
        Some(Variant::Stable) => Choice::plain(variant, Reason::OptOut),
        None => by_user(found, reader, set_cookies),
    };
    Choice { refused, is_silent, ..choice }
}

/// By who the user is: the lists, the segments, the hash.
fn by_user(
    RolloutRef { index, rollout }: RolloutRef<'_>,
    reader: &Reader<'_, impl Request>,
    set_cookies: &mut Vec<String>,
) -> Choice {
    let rules = &rollout.rollout().rules;
    // Looked for once at most, and not at all where a segment decides.
    let id = LazyCell::new(|| {
        let identity = rollout.rollout().identity.iter();
        identity.filter_map(|source| reader.value(source)).find(|id| !id.is_empty())
    });
    let is_short = |id: &&[u8]| id.len() <= MAX_ID_BYTES;
    if let Some(lists) = &rules.users
        && let Some(id) = id.as_deref().filter(is_short)
        && let Some(variant) = reader.listed(index, lists, id)
    {
        return Choice::plain(Some(variant), Reason::Listed);
    }
    if let Some(variant) = rules.segment(reader) {
        return Choice::plain(Some(variant), Reason::Segment);
    }
    match id.as_deref() {
        Some(id) if is_short(&id) => by_hash(rollout, id, Reason::Hash),
        Some(_) => {
            let Choice { variant, .. } = anonymous(rollout, reader);
            Choice::plain(variant, Reason::Oversized)
        }
        None => match rollout.rollout().identity.last() {
            Some(IdentitySource::Generated(own)) => {
                let id = reader.new_id();
                let set_cookie = own.set_cookie(id);
                if !set_cookies.contains(&set_cookie) {
                    set_cookies.push(set_cookie);
                }
                by_hash(rollout, id.as_bytes(), Reason::NewId)
            }
            _ => anonymous(rollout, reader),
        },
    }
}

fn by_hash(rollout: &CompiledRollout, id: &[u8], reason: Reason) -> Choice {
    let placed = rollout.assign(id);
    match rollout.place(placed.bucket) {
        None => Choice::plain(Some(Variant::Stable), Reason::OtherRange),
        variant => Choice { cohort: Some(placed.cohort), ..Choice::plain(variant, reason) },
    }
}

fn incoming(rollout: &CompiledRollout, reader: &Reader<'_, impl Request>) -> Option<Variant> {
    match rollout.incoming() {
        Incoming::Replace => None,
        Incoming::Keep => Variant::from_bytes(&reader.header(rollout.mark().as_str())?),
    }
}

fn anonymous(rollout: &CompiledRollout, reader: &Reader<'_, impl Request>) -> Choice {
    match rollout.rollout().anonymous {
        Anonymous::Stable => Choice::plain(Some(Variant::Stable), Reason::Anonymous),
        Anonymous::Route => Choice::plain(None, Reason::Route),
        Anonymous::Random => match draw_id(&reader.header("x-request-id").unwrap_or_default()) {
            Some(id) => match rollout.place(rollout.assign(&id).bucket) {
                None => Choice::plain(Some(Variant::Stable), Reason::OtherRange),
                drawn => Choice::plain(drawn, Reason::Random),
            },
            None => Choice::plain(None, Reason::NoRequestId),
        },
    }
}

/// A request id without its 15th character, in which Envoy keeps the trace decision: it may change
/// from hop to hop, and one trace is to stay on one side.
fn draw_id(request_id: &[u8]) -> Option<Vec<u8>> {
    const TRACE_DECISION: usize = 14;
    let before = request_id.get(..TRACE_DECISION)?;
    let after = request_id.get(TRACE_DECISION + 1..)?;
    Some([before, after].concat())
}
