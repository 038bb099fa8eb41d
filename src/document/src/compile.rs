//! A document made ready for the request path.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::identity::reach;
use crate::limits::{Limits, check_testers, check_written};
use crate::lookup::Hosts;
use crate::token::Places;
use crate::{
    CompiledRollout, Environment, Fault, HostPattern, Incoming, LeftOut, MarkName, Named, Parsed,
    Revision, Rollout, sharing,
};

/// A document in force: what decides about requests.
#[derive(Debug)]
pub struct Compiled {
    revision: Option<Revision>,
    rollouts: Vec<CompiledRollout>,
    hosts: Hosts,
    /// The mark, and what becomes of one, where no rollout is found.
    mark: MarkName,
    incoming: Incoming,
    filter_state: bool,
    removable: Vec<MarkName>,
    /// Where tokens of any of the rollouts stand.
    token_places: Places,
    left_out: Vec<LeftOut>,
}

impl Compiled {
    /// What holds before the first answer: nothing is marked, and forged marks are removed.
    #[must_use]
    pub fn empty(env: &Environment) -> Self {
        let mark = env.overrides.mark.clone().unwrap_or_default();
        let incoming = env.overrides.incoming.unwrap_or_default();
        Self {
            revision: None,
            rollouts: Vec::new(),
            hosts: Hosts::default(),
            removable: match incoming {
                Incoming::Replace => vec![mark.clone()],
                Incoming::Keep => Vec::new(),
            },
            mark,
            incoming,
            filter_state: env.overrides.filter_state,
            token_places: Places::default(),
            left_out: Vec::new(),
        }
    }

    /// Makes a document ready. A rollout that is older than the one of its name in `previous`
    /// gives way to that one. A rollout that gets in the way of an earlier one, or that breaks a
    /// rule together with the overrides, is left out.
    #[must_use]
    pub fn compile(parsed: Parsed, previous: Option<&Self>, env: &Environment) -> Self {
        let Parsed { document, left_out } = parsed;
        let mut compiled = Self::empty(env);
        compiled.revision = Some(document.revision);
        compiled.left_out = left_out;
        let known = previous.map(Self::by_name).unwrap_or_default();
        let mut limits = Limits::new(compiled.mark.clone());
        for rollout in document.rollouts {
            let newest = match known.find(rollout.name.as_str().as_bytes()) {
                Some(known) if known.revision > rollout.revision => Arc::clone(known),
                _ => Arc::new(rollout),
            };
            compiled.add(CompiledRollout::new(newest, env), env, &mut limits);
        }
        compiled.removable = removable(&compiled);
        compiled
    }

    /// The same without rollouts, for a document that is too old to go by: nothing is marked, and
    /// forged marks are removed, those of its rollouts too.
    #[must_use]
    pub fn unmarked(&self) -> Self {
        Self {
            revision: self.revision,
            rollouts: Vec::new(),
            hosts: Hosts::default(),
            mark: self.mark.clone(),
            incoming: self.incoming,
            filter_state: self.filter_state,
            removable: self.removable.clone(),
            token_places: self.token_places.clone(),
            left_out: Vec::new(),
        }
    }

    /// The document's revision; none before the first.
    #[must_use]
    pub const fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// Whether a document of that revision should take this one's place.
    #[must_use]
    pub fn is_newer(&self, revision: Revision) -> bool {
        self.revision.is_none_or(|own| revision > own)
    }

    /// The rollouts in force.
    #[must_use]
    pub fn rollouts(&self) -> &[CompiledRollout] {
        &self.rollouts
    }

    /// The rollouts of the document that are not, each with the rule it breaks.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Whether what is decided is told to the proxy's access logs and traces.
    #[must_use]
    pub const fn filter_state(&self) -> bool {
        self.filter_state
    }

    pub(crate) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub(crate) const fn mark(&self) -> &MarkName {
        &self.mark
    }

    pub(crate) const fn incoming(&self) -> Incoming {
        self.incoming
    }

    /// The headers that no request may bring along.
    pub(crate) fn removable(&self) -> &[MarkName] {
        &self.removable
    }

    /// Where tokens stand.
    pub(crate) const fn token_places(&self) -> &Places {
        &self.token_places
    }

    fn by_name(&self) -> Named<&Arc<Rollout>> {
        let mut named = Named::default();
        for rollout in &self.rollouts {
            named.set(rollout.name().as_str().as_bytes(), rollout.rollout());
        }
        named
    }

    fn add(&mut self, rollout: CompiledRollout, env: &Environment, limits: &mut Limits) {
        let hosts = hosts_in(rollout.rollout(), env.namespace.as_deref());
        let checked = self
            .check_hosts(&rollout, &hosts)
            .and_then(|()| check_written(&rollout))
            .and_then(|()| check_testers(&rollout))
            .and_then(|()| reach::check(rollout.rollout()))
            .and_then(|()| limits.check(&rollout, hosts.len()));
        if let Err(fault) = checked {
            self.left_out.push(LeftOut::new(rollout.name().as_str(), fault));
            return;
        }
        limits.take(&rollout, hosts.len());
        self.token_places.extend(rollout.token_places());
        for host in &hosts {
            for prefix in &rollout.rollout().paths {
                self.hosts.insert(host, prefix, self.rollouts.len());
            }
        }
        self.rollouts.push(rollout);
    }

    /// A pair of host and prefix belongs to one rollout, or to several that share no user.
    fn check_hosts(&self, rollout: &CompiledRollout, hosts: &[HostPattern]) -> Result<(), Fault> {
        for host in hosts {
            for prefix in &rollout.rollout().paths {
                let Some(owners) = self.hosts.owners(host, prefix) else { continue };
                for index in owners.iter() {
                    if let Some(owner) = self.rollouts.get(index) {
                        sharing::check(rollout, owner, host, prefix)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The hosts of a rollout that hold in a namespace.
fn hosts_in(rollout: &Rollout, namespace: Option<&str>) -> Vec<HostPattern> {
    let mut all = rollout.hosts.clone();
    for (own, hosts) in &rollout.bare_hosts {
        if Some(own.as_str()) == namespace {
            all.extend(hosts.iter().cloned().map(HostPattern::Exact));
        }
    }
    all
}

/// The headers that a request may not bring to a rollout (or to none) that writes others: marks and
/// cohorts of all rollouts and the mark used where there is none, unless all who use it take it
/// over. An inner hop must not wipe what an outer one decided for a third.
fn removable(compiled: &Compiled) -> Vec<MarkName> {
    let mut marks = Vec::new();
    for rollout in &compiled.rollouts {
        add_replaced(&mut marks, rollout.mark(), rollout.incoming());
        if let Some(header) = rollout.cohort_header() {
            add_replaced(&mut marks, header, rollout.incoming());
        }
    }
    add_replaced(&mut marks, &compiled.mark, compiled.incoming);
    marks
}

#[inline(never)]
fn add_replaced(marks: &mut Vec<MarkName>, mark: &MarkName, incoming: Incoming) {
    // A document has few different ones.
    if incoming == Incoming::Replace
        && let Err(place) = marks.binary_search(mark)
    {
        marks.insert(place, mark.clone());
    }
}
