//! The document as the controller builds it and the wire carries it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Serialize, Serializer};
use serin_assignment::{Salt, Weight};

use crate::{
    Anonymous, Buckets, Clusters, FormatVersion, Host, HostPattern, IdentitySource, Incoming,
    LatencyBounds, MarkName, PathPrefix, Revision, RolloutName, Rules, Tester, Tripwire,
};

/// All rollouts that a proxy has to know, at one revision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The format's version.
    pub format_version: FormatVersion,
    /// Rises with every change of anything in the document.
    pub revision: Revision,
    /// The rollouts; where two claim the same requests, the earlier one has them.
    pub rollouts: Vec<Rollout>,
}

impl Document {
    /// A document of the version that this crate writes.
    #[must_use]
    pub const fn new(revision: Revision, rollouts: Vec<Rollout>) -> Self {
        Self { format_version: FormatVersion::CURRENT, revision, rollouts }
    }

    /// The wire form: one line of JSON, which [`parse`](crate::parse) reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Only a map with keys that are no text, or a failing `Serialize`, could end in the other
        // arm, and nothing here is either.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One rollout: whose requests, and who of them gets the canary.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Its name, unique in the document.
    pub name: RolloutName,
    /// Rises with every change of this rollout, and only then.
    pub revision: Revision,
    /// The hosts whose requests it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostPattern>,
    /// Per namespace, each once, the short host names (`web`) that mean this rollout there only.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub bare_hosts: Vec<(String, Vec<Host>)>,
    /// The paths whose requests it takes.
    pub paths: Vec<PathPrefix>,
    /// Names the release to the hash.
    pub salt: Salt,
    /// The canary's share of the users.
    pub weight: Weight,
    /// The users from among whom the weight takes its share; those outside stay on stable.
    #[serde(skip_serializing_if = "Buckets::is_all")]
    pub buckets: Buckets,
    /// Whether anybody at all may be sent to the canary, testers included.
    pub canary_serves: bool,
    /// Where the user's id stands, in order: the first that isn't empty counts.
    pub identity: Vec<IdentitySource>,
    /// What becomes of requests without an id.
    pub anonymous: Anonymous,
    /// What decides before the hash does.
    #[serde(flatten)]
    pub rules: Rules,
    /// Where a tester says `canary` or `stable`, in order: the first that says either counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub testers: Vec<Tester>,
    /// What becomes of marks that requests bring along.
    pub incoming: Incoming,
    /// Whether this tier counts assignments and responses; one tier should, else a request counts
    /// twice.
    pub count: bool,
    /// The header that carries the mark.
    pub mark: MarkName,
    /// The header that hands a user's cohort to the application; none where it is not handed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cohort_header: Option<MarkName>,
    /// The clusters of each side; none where it is not counted which side served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Clusters>,
    /// The bounds beyond which an answer counts as slow; none where slow ones are not told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_bounds: Option<LatencyBounds>,
    /// When a proxy takes everyone off the canary by itself; none where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tripwire: Option<Tripwire>,
    /// What a reader has to understand to send anybody to the canary. One that doesn't know an
    /// entry marks every request of this rollout stable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
}

fn as_map<S: Serializer>(hosts: &[(String, Vec<Host>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(hosts.iter().map(|(namespace, hosts)| (namespace, hosts)))
}
