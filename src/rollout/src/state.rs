//! What is stored of a rollout.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serin_assignment::Weight;

use crate::observation::is_default;
use crate::{Alert, GateReading, Steps};

/// Names a version of the canary: a template's hash, or what the release file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub String);

impl Version {
    /// Whether this names the pod template of that hash, be it with a word of the release's owner
    /// before it (`v2-5d4f8c0a1b`).
    #[must_use]
    pub fn names(&self, template: &Self) -> bool {
        self.0.strip_suffix(&template.0).is_some_and(|word| word.is_empty() || word.ends_with('-'))
    }
}

/// One of a release's two sides, as the release names them. Which of them is stable's changes with
/// each swap of the roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// What the release calls stable.
    #[default]
    First,
    /// What the release calls the canary.
    Second,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// Where a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Everyone on stable; the canary is being waited for.
    Pending,
    /// The canary's weight goes up step by step.
    Progressing,
    /// All steps held; stable is being brought to the new version, or the roles are being swapped.
    Promoting,
    /// The new version serves.
    Succeeded,
    /// Everyone is being sent back to stable.
    RollingBack,
    /// Nothing reaches the canary any more.
    RolledBack,
}

/// What entries of a route mirror, by the entry's name, as the route's adapter wrote it down.
pub type MirrorFields = BTreeMap<String, String>;

/// The traffic that the controller wants, and under which revision it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// The canary's share.
    pub weight: Weight,
    /// Whether anybody may be sent to the canary, testers included.
    pub canary_serves: bool,
    /// Rises with every change: `max(last + 1, milliseconds since 1970)`.
    pub revision: u64,
    /// The side that is stable's; the other one is the canary's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub serving: Side,
    /// Whether the route sends everyone to the canary's side, those marked stable too: the roles are
    /// about to be swapped.
    #[serde(default, skip_serializing_if = "is_default")]
    pub everyone: bool,
    /// The share of requests of which the canary gets copies; only while nobody is on it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mirror: Option<Weight>,
}

impl Traffic {
    /// The traffic of a release whose roles are as it names them.
    #[must_use]
    pub const fn new(weight: Weight, canary_serves: bool, revision: u64) -> Self {
        Self {
            weight,
            canary_serves,
            revision,
            serving: Side::First,
            everyone: false,
            mirror: None,
        }
    }

    /// Whether users, testers, or copies of requests are taken from where they were before: what is
    /// done even where it cannot be stored. A swap of the roles moves nobody; taking it back does.
    #[must_use]
    pub fn takes_away(&self, before: &Self) -> bool {
        if self.serving != before.serving {
            return !before.everyone;
        }
        self.weight < before.weight
            || (before.canary_serves && !self.canary_serves)
            || self.mirror < before.mirror
    }
}

/// How long the present step has been under observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepClock {
    /// When the weight was proved live, in milliseconds since 1970.
    pub started_ms: u64,
    /// Time under observation since, in milliseconds.
    pub baked_ms: u64,
}

/// Why no rise happens for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pause {
    /// A person asked for it.
    Person,
    /// The state was lost while the canary had weight.
    StateLost,
    /// A person lowered the canary's weight in the route, or took the mirror to it off.
    LoweredByHand,
}

/// What a state asks of the stable side, where the rollout may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StableWanted {
    /// Nothing: it is left to its owner.
    AsItIs,
    /// The version before, as it was stored before the first change.
    Earlier,
    /// The version in the state.
    New,
}

/// All that is stored of a rollout: enough to go on after a kill at any point.
#[expect(clippy::struct_excessive_bools, reason = "facts that hold independently of each other")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The version on trial.
    pub version: Version,
    /// Where the rollout is.
    pub phase: Phase,
    /// Index of the present step, counted from 0; after a rollback where it was then.
    pub step: usize,
    /// The traffic to be in force.
    pub traffic: Traffic,
    /// When `traffic` was decided, in milliseconds since 1970.
    pub traffic_since_ms: u64,
    /// The step's clock; `None` until its weight is proved live.
    pub clock: Option<StepClock>,
    /// When the canary first had weight in this rollout, in milliseconds since 1970.
    pub exposed_since_ms: Option<u64>,
    /// Set while rises are stopped.
    pub paused: Option<Pause>,
    /// Whether what was mirrored to the canary has held for its time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mirrored: bool,
    /// What the route mirrored before it mirrored to the canary. From then on a mirror to the canary
    /// is replaced by it, unless one is wanted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kept_mirrors: Option<MirrorFields>,
    /// Whether a person agreed to the end of the present step.
    pub approved: bool,
    /// Whether a person took the present step for over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub skipped: bool,
    /// Since when other systems are asked whether the next rise may come, in milliseconds since
    /// 1970; `None` before all else speaks for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub asking_since_ms: Option<u64>,
    /// Since when the canary's replicas suffice for its start, in milliseconds since 1970, where
    /// somebody has a say in that; `None` while they do not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ready_since_ms: Option<u64>,
    /// Whether harm was seen where going back would help nobody: in a phase that has no side left to
    /// go back to no further act until a person decides, else until stable can serve.
    pub frozen: bool,
    /// While promoting: whether stable's earlier version is being put back, after which everyone goes
    /// there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restoring: bool,
    /// The weight for which the canary is to have replicas at least; 0: none at all, as nothing
    /// reaches it. `None`: they are left as they are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub capacity_for: Option<Weight>,
    /// The pod template that the serving side was told to run when the rollout began, or when the
    /// roles were swapped; another one by now is nobody's rollout.
    #[serde(default, skip_serializing_if = "is_default")]
    pub baseline: Option<Version>,
    /// After a swap of the roles: the pod template that the side before was left with. It is to be
    /// rolled out only once it is another one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub idle: Option<Version>,
    /// Names the steps that the rollout began with, where others start it again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub plan: Option<String>,
    /// Whether the rollout starts again once everyone is back, as it is not what is asked for any
    /// more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub again: bool,
    /// While the roles are about to be swapped: for how long the route has been as it was set without
    /// a break, in milliseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settled_ms: u64,
    /// For how long the gates have had no data without a break, in milliseconds.
    pub no_data_ms: u64,
    /// For how long the canary has had no ready endpoint without a break, in milliseconds; the pass
    /// that first sees it counts for one, here and in the two others.
    pub not_ready_ms: u64,
    /// For how long the present traffic has not been proved, in milliseconds: on the way up not
    /// live, on the way back the canary not empty, while promoting stable not at the version that is
    /// to serve.
    pub unproved_ms: u64,
    /// For how long the rollout has been held by what should come by itself, without a break, in
    /// milliseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub held_ms: u64,
    /// The last readings of the gates.
    pub gates: Vec<GateReading>,
    /// The alerts that were raised and whose causes have not gone.
    pub alerts: BTreeSet<Alert>,
}

impl State {
    /// A rollout of `version` before its start: everyone is on stable, testers included.
    ///
    /// `last_revision` is the last revision under which this rollout's traffic was published, as
    /// far as one is known; `now_ms` is in milliseconds since 1970.
    #[must_use]
    pub fn fresh(version: Version, last_revision: Option<u64>, now_ms: u64) -> Self {
        let revision = last_revision.map_or(now_ms, |last| revision_after(last, now_ms));
        Self {
            version,
            phase: Phase::Pending,
            step: 0,
            traffic: Traffic::new(Weight::ZERO, false, revision),
            traffic_since_ms: now_ms,
            clock: None,
            exposed_since_ms: None,
            paused: None,
            mirrored: false,
            kept_mirrors: None,
            approved: false,
            skipped: false,
            asking_since_ms: None,
            ready_since_ms: None,
            frozen: false,
            restoring: false,
            capacity_for: None,
            baseline: None,
            idle: None,
            plan: None,
            again: false,
            settled_ms: 0,
            no_data_ms: 0,
            not_ready_ms: 0,
            unproved_ms: 0,
            held_ms: 0,
            gates: Vec::new(),
            alerts: BTreeSet::new(),
        }
    }

    /// A rollout whose stored state was lost while proxies show `weight_in_force`: the weight stays
    /// as it is, harm rolls back, and nothing rises until a person resumes. Where nobody was on the
    /// canary the rollout waits for its start, paused alike.
    #[must_use]
    pub fn state_lost(
        version: Version,
        weight_in_force: Weight,
        steps: &Steps,
        now_ms: u64,
    ) -> Self {
        let fresh = Self { paused: Some(Pause::StateLost), ..Self::fresh(version, None, now_ms) };
        if weight_in_force.is_zero() {
            return fresh;
        }
        Self {
            phase: Phase::Progressing,
            step: steps.reached_by(weight_in_force).0,
            traffic: Traffic { weight: weight_in_force, canary_serves: true, ..fresh.traffic },
            // Nobody knows since when; what was measured before may belong to another rollout.
            exposed_since_ms: Some(now_ms),
            ..fresh
        }
    }

    /// The release's next rollout, after everyone has left the canary: it starts where a fresh one
    /// does. The traffic stays, and so do a pause and what is still to be put back into the route.
    pub(crate) fn start_over(&mut self, version: Version) {
        *self = Self {
            traffic: self.traffic,
            traffic_since_ms: self.traffic_since_ms,
            paused: self.paused,
            kept_mirrors: self.kept_mirrors.take(),
            alerts: core::mem::take(&mut self.alerts),
            ..Self::fresh(version, None, self.traffic_since_ms)
        };
    }

    /// Changes the traffic, under a new revision. What was counted at the traffic before, counts no
    /// more.
    pub(crate) fn send(&mut self, weight: Weight, canary_serves: bool, now_ms: u64) {
        let traffic =
            Traffic { weight, canary_serves, everyone: false, mirror: None, ..self.traffic };
        self.publish(traffic, now_ms);
    }

    /// Puts this traffic in force under a new revision, whatever its own is.
    pub(crate) fn publish(&mut self, traffic: Traffic, now_ms: u64) {
        let revision = revision_after(self.traffic.revision, now_ms);
        self.traffic = Traffic { revision, ..traffic };
        self.traffic_since_ms = now_ms;
        self.clock = None;
        self.approved = false;
        self.skipped = false;
        self.asking_since_ms = None;
        self.ready_since_ms = None;
        self.settled_ms = 0;
        self.unproved_ms = 0;
    }
}

impl State {
    /// What the stable side is to run. While frozen or paused it is left as it is, and while a proxy
    /// shows that it has sent everyone there.
    #[must_use]
    pub fn stable_wanted(&self) -> StableWanted {
        let tripped = self.alerts.contains(&Alert::Tripped);
        match self.phase {
            Phase::Promoting if self.restoring => StableWanted::Earlier,
            Phase::Promoting if self.swaps() => StableWanted::AsItIs,
            Phase::Promoting if self.traffic.canary_serves && !self.waits() && !tripped => {
                StableWanted::New
            }
            _ => StableWanted::AsItIs,
        }
    }

    /// Whether the side before still stands as it was, so that harm goes back there: on the way up,
    /// and until the roles are swapped. A person who lowers the weight in the route is heeded then.
    #[must_use]
    pub const fn can_go_back(&self) -> bool {
        matches!(self.phase, Phase::Progressing) || self.swaps()
    }

    /// Whether a person is to decide before anything goes on.
    const fn waits(&self) -> bool {
        self.frozen || self.paused.is_some()
    }

    /// The same traffic under a revision above one that proxies have.
    pub(crate) fn overtake(&mut self, largest: u64, now_ms: u64) {
        self.traffic.revision = self.traffic.revision.max(largest);
        self.publish(self.traffic, now_ms);
    }
}

/// Rises also where the wall clock was set back.
fn revision_after(last: u64, now_ms: u64) -> u64 {
    last.saturating_add(1).max(now_ms)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
