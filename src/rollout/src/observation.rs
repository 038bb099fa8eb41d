//! What was seen in one pass.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Capacity, MirrorsSeen, RouteSeen, StableRuns, Templates, Version};

/// The time of a pass, taken after its observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Now {
    /// Milliseconds since 1970 by the wall clock: for stamps and revisions, never for bake time.
    pub wall_ms: u64,
    /// Time since the previous pass of the same process by a monotonic clock; zero in the first
    /// pass after a start. Written in whole milliseconds, by which decisions go.
    #[serde(rename = "sinceLastPassMs", with = "millis")]
    pub since_last_pass: Duration,
}

/// All that a pass knows of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The version that the release names now.
    pub version: Version,
    /// What a person asked for since the last pass.
    pub command: Option<Command>,
    /// Whether the traffic that the state holds is live.
    pub proof: Proof,
    /// One reading a gate.
    pub gates: Vec<GateReading>,
    /// Requests that the canary served since the step's clock started; `None` where unknown.
    pub canary_requests: Option<u64>,
    /// What the present step could have detected by now with a chance of 90 %: the canary's rate
    /// over stable's, nearest to 1 among the gates that the step asks about: above 1 for errors and
    /// latency, below 1 where the step's [`Length::Detect`](crate::Length::Detect) has a ratio below
    /// 1. `None` where nothing yet, or where no gate compares.
    pub detectable: Option<f64>,
    /// What the rollout's start still waits for; only read before it.
    pub preparing: Option<String>,
    /// The canary's endpoints.
    pub canary: Endpoints,
    /// Stable's endpoints.
    pub stable: Endpoints,
    /// Requests that reach the side that is to be empty at present: the canary, and stable while
    /// the roles are about to be swapped ([`Traffic::everyone`](crate::Traffic::everyone)).
    pub canary_traffic: CanaryTraffic,
    /// Whether marked requests are served by the side that their mark names.
    pub served: Served,
    /// Whether some proxy's tripwire has sent everyone to stable there.
    #[serde(default)]
    pub trips: Trips,
    /// How the route stands.
    #[serde(default, skip_serializing_if = "is_default")]
    pub route: RouteSeen,
    /// What the route mirrors; only read before anybody is on the canary.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mirrors: MirrorsSeen,
    /// Whether replicas suffice for the next weight, or before the start for what is mirrored.
    #[serde(default, skip_serializing_if = "is_default")]
    pub capacity: Capacity,
    /// What stable runs; only read while promoting.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stable_runs: StableRuns,
    /// What the sides are told to run; `None` where nobody can tell, or where that is not the
    /// rollout's matter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub templates: Option<Templates>,
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// No rise until `Resume`; harm still rolls back.
    Pause,
    /// Ends a pause.
    Resume,
    /// Agrees to the end of a step that waits for a person (or to the end of a promotion).
    Approve,
    /// Back to stable at once.
    Abort,
    /// Starts again from the first step after a rollback.
    Retry,
    /// Takes the present step for over, whatever is left of its time, its requests, what it is to
    /// detect or its approval.
    SkipStep,
}

impl Command {
    /// Every one of them.
    pub const ALL: [Self; 6] =
        [Self::Pause, Self::Resume, Self::Approve, Self::Abort, Self::Retry, Self::SkipStep];

    /// The word by which programs call it, as it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Approve => "approve",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::SkipStep => "skipStep",
        }
    }

    /// The one of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.word() == word)
    }
}

/// Whether the traffic that the state holds is in force at every proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Proof {
    /// Every proxy of the last three scrapes shows the revision.
    Live {
        /// How many proxies were seen.
        proxies: usize,
    },
    /// Some proxy shows an earlier one.
    Behind {
        /// How many proxies were seen.
        proxies: usize,
        /// How many of them are behind.
        behind: usize,
        /// The smallest revision among them.
        smallest: u64,
    },
    /// Some proxy shows a later one, so that what is published does not reach it: the stored state
    /// is older than what is in force.
    Ahead {
        /// How many proxies were seen.
        proxies: usize,
        /// The largest revision among them.
        largest: u64,
    },
    /// No proxy shows any, and of the requests that their router drew the canary's share is the
    /// weight's.
    Share {
        /// How many went to the canary.
        canary: u64,
        /// How many there were.
        requests: u64,
    },
    /// No proxy shows any, and of the requests that their router drew the canary has another share
    /// than the weight's.
    OtherShare {
        /// How many went to the canary.
        canary: u64,
        /// How many there were.
        requests: u64,
    },
    /// The question was answered, and no proxy shows the rollout.
    Unseen,
    /// The question could not be answered.
    Unknown {
        /// Why.
        why: String,
    },
}

impl Proof {
    /// Whether it proves that the traffic is in force.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. } | Self::Share { .. })
    }

    /// Whether it says nothing, neither for nor against that.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        matches!(self, Self::Unseen | Self::Unknown { .. })
    }
}

/// A gate's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateReading {
    /// The gate's name.
    pub gate: String,
    /// When it was evaluated, in milliseconds since 1970 by the wall clock.
    pub at_ms: u64,
    /// The outcome.
    pub verdict: Verdict,
    /// The numbers behind it, for people: `canary 20.3 % of 148 requests, limit 5 %`.
    pub detail: String,
}

/// The outcome of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Within its limits.
    Pass,
    /// There is no other side to compare with, as at 100 %: there it neither holds nor passes.
    /// Below 100 % a gate that did not compare has told nothing, which is as good as no data.
    NoComparison,
    /// Not judged yet: the rollout has only begun, or what the last rise did cannot show yet.
    Skipped,
    /// It speaks against a rise and is no harm: evidence on its way, an objective that both sides
    /// miss, suspicion at 100 %.
    Hold,
    /// Evidence of harm.
    Fail,
    /// The metrics answered, with too little to tell (empty, NaN, too few samples).
    NoData,
    /// The metrics did not answer or answered nonsense.
    Broken,
}

/// Whether a side has an endpoint that can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Endpoints {
    /// At least one.
    Ready,
    /// None.
    NotReady,
    /// Nobody can tell.
    Unknown,
}

/// Requests that reach the side that is to be empty at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CanaryTraffic {
    /// They stood still over so many scrapes in a row, all of them after the traffic in the state
    /// was written.
    Still {
        /// Consecutive scrapes.
        scrapes: u32,
    },
    /// They grew within the last scrapes.
    Flowing,
    /// Nobody can tell.
    Unknown,
}

/// Whether the data plane does what was decided: a marked request is served by the side that its
/// mark names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Served {
    /// It does, but for a few at most.
    Fine,
    /// Too many are served by the other side: comparisons speak of a mixture, and the weight is not
    /// what it says.
    Mismatch {
        /// The numbers, for people: `120 of 800 requests marked canary were served by stable`.
        why: String,
    },
    /// Nobody can tell.
    #[default]
    Unknown,
}

/// What the proxies' tripwires say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trips {
    /// None of the proxies of the last three scrapes has tripped.
    None {
        /// How many of them have a tripwire for this rollout.
        watching: usize,
    },
    /// Some have: there, everyone is on stable, whatever the weight is.
    Tripped {
        /// How many have tripped.
        tripped: usize,
        /// How many have a tripwire for this rollout.
        watching: usize,
    },
    /// Nobody can tell.
    #[default]
    Unknown,
}

/// Whether a field is left out where it is written: a release of files has no word of a cluster in
/// what it writes, as before there were any.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A duration in whole milliseconds.
pub(crate) mod millis {
    use core::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::clock;

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(clock::millis(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
