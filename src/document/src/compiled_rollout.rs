//! One rollout of a document in force.

use alloc::boxed::Box;
use alloc::sync::Arc;

use serin_assignment::{Assignment, Bucket, Salted, Variant, Weight};

use crate::token::Places;
use crate::{
    Clusters, Environment, Incoming, LatencyBounds, MarkName, Revision, Rollout, RolloutName,
    TesterKeys, Tripwire, requirements,
};

/// One rollout in force.
#[derive(Clone, Debug)]
pub struct CompiledRollout {
    rollout: Arc<Rollout>,
    salted: Salted,
    metric_id: Box<str>,
    incoming: Incoming,
    count: bool,
    mark: MarkName,
    requires_unknown: bool,
    keys: TesterKeys,
    token_places: Places,
}

impl CompiledRollout {
    pub(crate) fn new(rollout: Arc<Rollout>, env: &Environment) -> Self {
        let overrides = &env.overrides;
        Self {
            salted: Salted::new(&rollout.salt),
            metric_id: rollout.name.metric_id().into(),
            incoming: overrides.incoming.unwrap_or(rollout.incoming),
            count: overrides.count.unwrap_or(rollout.count),
            mark: overrides.mark.clone().unwrap_or_else(|| rollout.mark.clone()),
            requires_unknown: !rollout.requires.iter().all(|name| requirements::is_known(name)),
            keys: env.keys.clone(),
            token_places: Places::of(&rollout.testers),
            rollout,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RolloutName {
        &self.rollout.name
    }

    /// Its id in metrics: [`RolloutName::metric_id`].
    #[must_use]
    pub const fn metric_id(&self) -> &str {
        &self.metric_id
    }

    /// Its revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.rollout.revision
    }

    /// The canary's share.
    #[must_use]
    pub fn weight(&self) -> Weight {
        self.rollout.weight
    }

    /// Where the hash puts a user.
    pub(crate) fn assign(&self, id: &[u8]) -> Assignment {
        self.salted.assign(id)
    }

    /// The side of a user in that bucket; none for one outside the rollout's range.
    #[must_use]
    pub fn place(&self, bucket: Bucket) -> Option<Variant> {
        self.rollout.buckets.place(bucket, self.rollout.weight)
    }

    /// Whether anybody may be sent to the canary.
    #[must_use]
    pub fn canary_serves(&self) -> bool {
        self.rollout.canary_serves
    }

    /// Whether this tier counts its assignments and responses, overrides applied.
    #[must_use]
    pub const fn count(&self) -> bool {
        self.count
    }

    /// What becomes of marks that its requests bring along, overrides applied.
    #[must_use]
    pub const fn incoming(&self) -> Incoming {
        self.incoming
    }

    /// The header that carries its mark, overrides applied.
    #[must_use]
    pub const fn mark(&self) -> &MarkName {
        &self.mark
    }

    /// The header that hands the cohort to the application.
    #[must_use]
    pub fn cohort_header(&self) -> Option<&MarkName> {
        self.rollout.cohort_header.as_ref()
    }

    /// The clusters of each side.
    #[must_use]
    pub fn clusters(&self) -> Option<&Clusters> {
        self.rollout.clusters.as_ref()
    }

    /// The bounds beyond which an answer counts as slow.
    #[must_use]
    pub fn latency_bounds(&self) -> Option<&LatencyBounds> {
        self.rollout.latency_bounds.as_ref()
    }

    /// When this proxy takes everyone off the canary by itself.
    #[must_use]
    pub fn tripwire(&self) -> Option<&Tripwire> {
        self.rollout.tripwire.as_ref()
    }

    /// The keys of its testers' tokens.
    pub(crate) const fn tester_keys(&self) -> &TesterKeys {
        &self.keys
    }

    /// Where its testers' tokens stand.
    pub(crate) const fn token_places(&self) -> &Places {
        &self.token_places
    }

    /// Whether testers need a signed token and no key is there to verify one, so that none can opt
    /// in.
    #[must_use]
    pub fn lacks_keys(&self) -> bool {
        !self.token_places.is_empty() && self.keys.is_empty()
    }

    /// Whether it requires what this module doesn't know, so that all its requests go to stable.
    #[must_use]
    pub const fn requires_unknown(&self) -> bool {
        self.requires_unknown
    }

    /// The rollout as the document has it.
    #[must_use]
    pub const fn rollout(&self) -> &Arc<Rollout> {
        &self.rollout
    }
}
