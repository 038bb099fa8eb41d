//! What is counted of decisions, under the names by which filters export the same: whoever reads
//! one reads the other.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use serin_assignment::{Variant, Weight};
use serin_document::plugin::Outcome;
use serin_document::{CompiledRollout, Reason, Revision, RolloutName, metrics};

/// The counters of one process.
#[derive(Debug)]
pub struct Figures {
    registry: Registry,
    assignments: Family<Assigned, Plain>,
    served: Family<SentTo, Plain>,
    /// The rollouts that were decided about.
    asked: RwLock<BTreeSet<String>>,
}

/// Where a document comes from, as a page of metrics shows it.
#[derive(Debug)]
pub struct Source {
    /// Names it.
    pub name: String,
    /// How it stands.
    pub state: SourceState,
    /// The document that it gave.
    pub revision: Option<Revision>,
    /// How many of the document's rollouts are left out.
    pub left_out: usize,
    /// Its answers so far.
    pub answers: [(Outcome, u64); Outcome::ALL.len()],
}

/// How a source stands; the numbers are those of [`metrics::SOURCE_STATE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SourceState {
    /// It has not answered yet.
    Unanswered = 0,
    /// It answers.
    Fresh = 1,
    /// It has been silent for too long.
    Stale = 2,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rollout {
    id: String,
    rollout: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Assigned {
    id: String,
    rollout: String,
    variant: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SentTo {
    id: String,
    rollout: String,
    variant: &'static str,
    served: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    source: String,
    result: &'static str,
}

/// A number by its bare name. The library's counters would add `_total`, and Envoy's have none.
#[derive(Debug, Default)]
struct Plain(AtomicU64);

impl Plain {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl EncodeMetric for Plain {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.load(Ordering::Relaxed))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Plain {
    const TYPE: MetricType = MetricType::Unknown;
}

impl Default for Figures {
    fn default() -> Self {
        let mut registry = Registry::default();
        let assignments = Family::default();
        let served = Family::default();
        registry.register(
            metrics::ASSIGNMENTS,
            "Requests by rollout, side and reason",
            assignments.clone(),
        );
        registry.register(
            metrics::SERVED,
            "Requests by the side that the answer named, which the proxy sends them to",
            served.clone(),
        );
        Self { registry, assignments, served, asked: RwLock::default() }
    }
}

impl Figures {
    /// Counts a decision.
    pub(super) fn count(
        &self,
        rollout: &CompiledRollout,
        variant: Option<Variant>,
        reason: Reason,
    ) {
        let (id, name) = (rollout.metric_id().to_owned(), rollout.name().as_str().to_owned());
        if !self.was_asked(&name) {
            self.asked.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        }
        let side = variant.map_or(metrics::UNMARKED, Variant::as_str);
        if let Some(named) = variant {
            let served = named.as_str();
            let labels = SentTo { id: id.clone(), rollout: name.clone(), variant: served, served };
            self.served.get_or_create(&labels).add();
        }
        let labels = Assigned { id, rollout: name, variant: side, reason: reason.as_str() };
        self.assignments.get_or_create(&labels).add();
    }

    /// Whether a rollout (`namespace/name`) was decided about.
    pub fn was_asked(&self, rollout: &str) -> bool {
        self.asked.read().unwrap_or_else(PoisonError::into_inner).contains(rollout)
    }

    /// Writes what was counted, the rollouts that are in force with their weights, and the source
    /// where there is one.
    ///
    /// # Errors
    /// Where a figure cannot be written, which would be a fault of this module.
    pub fn write<'a>(
        &self,
        text: &mut String,
        in_force: impl Iterator<Item = (&'a RolloutName, Revision, Weight)>,
        source: Option<&Source>,
    ) -> fmt::Result {
        encode_registry(text, &self.registry)?;
        let mut registry = Registry::default();
        let (revisions, weights) = (Family::default(), Family::default());
        registry.register(metrics::REVISION, "Revision of a rollout", revisions.clone());
        registry.register(metrics::WEIGHT, "Its weight, in basis points", weights.clone());
        for (name, revision, weight) in in_force {
            let labels = Rollout { id: name.metric_id(), rollout: name.as_str().to_owned() };
            set(&revisions, &labels, revision.get());
            set(&weights, &labels, u64::from(weight.basis_points()));
        }
        if let Some(source) = source {
            source.register(&mut registry);
        }
        encode_registry(text, &registry)
    }
}

impl Source {
    fn register(&self, registry: &mut Registry) {
        let labels = OfSource { source: self.name.clone() };
        let one = |value: u64| {
            let family = Family::<OfSource, Plain>::default();
            set(&family, &labels, value);
            family
        };
        let revision = self.revision.map_or(0, Revision::get);
        registry.register(metrics::DOCUMENT_REVISION, "The document in force", one(revision));
        registry.register(
            metrics::SOURCE_STATE,
            "0 no answer yet, 1 fresh, 2 stale",
            one(u64::from(self.state as u8)),
        );
        let left_out = u64::try_from(self.left_out).unwrap_or(u64::MAX);
        registry.register(metrics::LEFT_OUT, "Rollouts of it that are left out", one(left_out));
        let answers = Family::<Answered, Plain>::default();
        for (outcome, count) in self.answers {
            let labels = Answered { source: self.name.clone(), result: outcome.as_str() };
            set(&answers, &labels, count);
        }
        registry.register(metrics::SOURCE_ANSWERS, "The source's answers", answers);
    }
}

fn set<L>(family: &Family<L, Plain>, labels: &L, value: u64)
where
    L: Clone + Eq + core::hash::Hash,
{
    family.get_or_create(labels).set(value);
}
