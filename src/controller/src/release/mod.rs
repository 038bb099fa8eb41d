//! The release: what the user asked for, checked.
//!
//! A file is read in three steps. [`spec`] has its shape, which serde fills; [`read`] turns that
//! into the checked types below and collects every fault; [`locate`] finds the line of each. An
//! [`object`] of the same shape in Kubernetes shares all but the last.

mod fault;
pub(crate) mod file;
mod kubernetes;
mod load;
mod locate;
mod object;
mod read;
mod roles;
mod rules;
mod spec;
mod warnings;

use core::time::Duration;
use std::collections::BTreeMap;

use serin_assignment::Salt;
use serin_document::plugin::ClusterName;
use serin_document::{
    Anonymous, Buckets, Host, HostPattern, IdentitySource, Incoming, MarkName, PathPrefix,
    Revision, Rollout, RolloutName, Rules, Tester, Tripwire,
};
use serin_rollout::{Plan, Side, Traffic, Version};

pub(crate) use fault::Faults;
pub use fault::{Fault, FieldPath};
pub use file::{Reload, Template, WeightsFile};
pub use kubernetes::{CapacityRule, Kubernetes, PluginRef, Resolved, RouteRef, Target};
pub use load::{Faulty, LoadError, Located};
pub use object::{CREDENTIALS, Refused, from_object, objects_of};
pub use rules::Evidence;
pub use warnings::Warning;

use crate::gates::{Gate, Subject, Webhook};
use crate::metrics::MetricsSettings;

/// The kind that a release file names.
pub const KIND: &str = "CanaryRelease";
/// The version of the file's shape.
pub const API_VERSION: &str = "serin.dev/v1alpha1";

/// The most steps of a release.
pub const MOST_STEPS: usize = 100;
/// The most path prefixes of a release.
pub const MOST_PATHS: usize = 100;

/// A release as its owner planned it, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Groups releases; a DNS label.
    pub namespace: String,
    /// Unique within the namespace; a DNS label.
    pub name: String,
    /// What the canary runs. Another value is a new rollout.
    pub version: Version,
    /// Which of its sides is stable's: all that names a side goes by it.
    pub serving: Side,
    /// The Kubernetes objects that it names; none where the filter's document alone moves users.
    pub kubernetes: Option<Kubernetes>,
    /// Whose requests, and who serves them.
    pub traffic: TrafficScope,
    /// Who of them gets the canary.
    pub assignment: Assignment,
    /// The metrics that the gates and the proofs read.
    pub metrics: MetricsSettings,
    /// How the evidence of ratio gates is judged.
    pub evidence: Evidence,
    /// When a proxy takes everyone off the canary by itself; none where none does.
    pub tripwire: Option<Tripwire>,
    /// The steps and what follows them.
    pub plan: Plan,
    /// What must hold at each step, in the order of `plan.gates`.
    pub gates: Vec<Gate>,
    /// Other systems that have a say, in the order of `plan.asks`.
    pub webhooks: Vec<Webhook>,
    /// The manual gates' names: with any, every step waits for a person.
    pub sign_offs: Vec<String>,
    /// Where each gate stands among the file's gates, manual ones included.
    gate_places: Vec<usize>,
    rollout_name: RolloutName,
}

/// Whose requests a release takes, and who serves them.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficScope {
    /// The hosts; none while those of a router's object are not known.
    pub hosts: Vec<HostPattern>,
    /// Per namespace the short names that mean one of the hosts there only.
    pub bare_hosts: BTreeMap<String, Vec<Host>>,
    /// The paths, at least one.
    pub paths: Vec<PathPrefix>,
    /// Envoy's name of the cluster that runs the version before.
    pub stable_cluster: ClusterName,
    /// Envoy's name of the cluster that runs the version on trial.
    pub canary_cluster: ClusterName,
    /// The file that has the weights for a proxy that is configured by one.
    pub file: Option<WeightsFile>,
}

/// Who gets the canary.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Where the user's id stands, in order.
    pub identity: Vec<IdentitySource>,
    /// What becomes of requests without an id.
    pub anonymous: Anonymous,
    /// Where a tester says `canary` or `stable`, in order.
    pub testers: Vec<Tester>,
    /// What decides before the hash does.
    pub rules: Rules,
    /// The release's part of the users.
    pub buckets: Buckets,
    /// Names the release to the hash.
    pub salt: Salt,
    /// The header that carries the mark.
    pub mark: MarkName,
    /// What becomes of marks that requests bring along.
    pub incoming: Incoming,
    /// The header in which the filter tells the application the user's cohort.
    pub cohort_header: Option<MarkName>,
}

impl Release {
    /// `namespace/name`, by which people and programs call the release.
    #[must_use]
    pub fn key(&self) -> &str {
        self.rollout_name.as_str()
    }

    /// The same as the name of the release's rollout in the document.
    #[must_use]
    pub const fn rollout_name(&self) -> &RolloutName {
        &self.rollout_name
    }

    /// The document's entry that puts `traffic` in force. `chosen` are the bounds of those latency
    /// gates for which they were chosen before the rollout.
    #[must_use]
    pub fn rollout(&self, traffic: &Traffic, chosen: &BTreeMap<String, Vec<Duration>>) -> Rollout {
        let mut rollout = Rollout {
            name: self.rollout_name.clone(),
            revision: Revision::new(traffic.revision),
            hosts: self.traffic.hosts.clone(),
            bare_hosts: self.traffic.bare_hosts.clone().into_iter().collect(),
            paths: self.traffic.paths.clone(),
            salt: self.assignment.salt.clone(),
            weight: traffic.weight,
            buckets: self.assignment.buckets,
            canary_serves: traffic.canary_serves,
            identity: self.assignment.identity.clone(),
            anonymous: self.assignment.anonymous,
            testers: self.assignment.testers.clone(),
            incoming: self.assignment.incoming,
            count: true,
            mark: self.assignment.mark.clone(),
            cohort_header: self.assignment.cohort_header.clone(),
            clusters: Some(self.clusters(traffic.serving)),
            latency_bounds: self.bounds_of_filter(chosen),
            rules: self.assignment.rules.clone(),
            tripwire: self.tripwire,
            requires: Vec::new(),
        };
        rollout.requires = rollout.narrowed_by();
        rollout
    }

    /// Whom metrics are asked about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            metric_id: self.rollout_name.metric_id(),
            stable_cluster: self.traffic.stable_cluster.to_string(),
            canary_cluster: self.traffic.canary_cluster.to_string(),
        }
    }
}

/// The schema of a release's `spec`, as its reader's types have it.
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    <spec::Spec as schemars::JsonSchema>::json_schema(generator)
}

#[cfg(test)]
mod tests;
