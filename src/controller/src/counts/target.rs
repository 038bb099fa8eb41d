//! Scraped processes.

/// The labels that say which process was scraped: Prometheus gives each target `job` and
/// `instance`, clusters and operators add the others.
const TARGET_LABELS: [&str; 7] =
    ["cluster", "instance", "job", "namespace", "pod", "prometheus", "prometheus_replica"];

/// Whether a label says which process was scraped. A label that is some metric's own in spite of its
/// name splits a process into several, which does no harm.
pub(super) fn names_target(label: &str) -> bool {
    TARGET_LABELS.contains(&label)
}

/// What is known of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// Its newest sample, in milliseconds since 1970.
    pub(super) last_ms: Option<u64>,
    /// Whether it was there before the start and out of sight at the start.
    pub(super) dormant: bool,
    /// Since when it has been in sight.
    since_ms: Option<u64>,
    /// Whether all that it counted before that belongs to the rollout.
    new: bool,
}

impl Target {
    /// In sight at the start: what is born on it later counts in full.
    pub(super) fn in_sight(&mut self, at_ms: u64, start_ms: u64) {
        self.since_ms = Some(start_ms);
        self.seen(at_ms);
    }

    /// Scraped for the first time. It is new from `new_after_ms` on, where anybody can tell.
    pub(super) fn first_scraped(&mut self, at_ms: u64, new_after_ms: Option<u64>) {
        if self.since_ms.is_none() {
            self.since_ms = Some(at_ms);
            self.new = !self.dormant && new_after_ms.is_some_and(|after_ms| at_ms > after_ms);
        }
    }

    /// Scraped again.
    pub(super) fn seen(&mut self, at_ms: u64) {
        self.last_ms = self.last_ms.max(Some(at_ms));
    }

    /// Whether a series with its first value at this time counts in full.
    pub(super) fn counts_in_full(&self, at_ms: u64) -> bool {
        self.new || self.since_ms.is_some_and(|since_ms| at_ms > since_ms)
    }
}
