//! What is seen of the objects around a rollout where it runs on a cluster: its route, its
//! workloads. A release of files has none of them.

use serde::{Deserialize, Serialize};
use serin_assignment::Weight;

use crate::{MirrorFields, Version};

/// How the route stands, compared with what was last written for the traffic in the state. Whatever
/// drifted and is neither lower nor unusable is put back by who writes it, and counts as set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteSeen {
    /// The release has no route of its own.
    #[default]
    NotApplicable,
    /// It has what the traffic in the state asks for.
    AsSet,
    /// A person lowered the canary's weight in it, and nothing else differs. It is left like that
    /// until it was decided on.
    Lowered {
        /// The canary's share as it is now.
        weight: Weight,
    },
    /// A person took the mirror to the canary off, or put something else in its place, and nothing
    /// else differs. It is left like that.
    MirrorTaken,
    /// It cannot be written: it is gone, or an entry or a destination is missing or double.
    Unusable {
        /// Which object, and what is wrong with it.
        why: String,
    },
    /// It could not be read, or the last write failed.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What the route's entries mirror in which a release may have some mirrored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MirrorsSeen {
    /// The release mirrors nothing, or nobody has told.
    #[default]
    NotApplicable,
    /// Nothing to the canary.
    Others {
        /// What they mirror, to be put back as it is.
        fields: MirrorFields,
    },
    /// Some of them mirror to the canary.
    ToCanary,
}

/// Whether the replicas of both sides suffice for the next weight: the first step's before the
/// start, the next step's on the way up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Capacity {
    /// Replicas are not the rollout's matter.
    #[default]
    NotApplicable,
    /// They do, and are ready.
    Enough,
    /// They do, though a rollback would lack some: an autoscaler has taken them from stable.
    Lean {
        /// The numbers, for people: `stable has 2 of the 9 pods that it had at the start`.
        why: String,
    },
    /// They do not, or not yet.
    Short {
        /// The numbers, for people: `2 of 5 canary replicas are ready`.
        why: String,
    },
    /// Nobody can tell.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What the stable side runs, compared with the version in the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StableRuns {
    /// Stable is brought to the new version by a person, who says so.
    #[default]
    NotApplicable,
    /// Nobody can tell.
    Unknown,
    /// The version before, wholly rolled out and ready.
    Earlier,
    /// Either version is being rolled out.
    Between,
    /// Either version is being rolled out, and its pods do not get ready in the time that stable's
    /// owner gave them.
    Stuck,
    /// The version in the state, wholly rolled out and ready.
    New,
}

/// The pod templates that the two sides are told to run at this moment, by their hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Templates {
    /// The serving side's.
    pub stable: Version,
    /// The other one's. The version that the release names follows it, a moment later.
    pub canary: Version,
}
