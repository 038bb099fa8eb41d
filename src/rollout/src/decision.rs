//! What a pass decided, and why.

use serde::{Deserialize, Serialize};

use crate::{State, Traffic};

/// The result of a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// To be stored before any action is taken.
    pub state: State,
    /// To be taken in order.
    pub actions: Vec<Action>,
    /// What the pass comes to, for the log and for status; also where nothing changes
    /// (`holding at 5%: 312 of 500 requests`).
    pub decision: Decision,
}

/// An act outside of the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Put this traffic in force.
    Publish(Traffic),
    /// Tell people. The same alert is given once until its cause has gone.
    Raise(Alert),
    /// The alert's cause has gone.
    Clear(Alert),
}

/// What people must know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Alert {
    /// The gates have had no data for the stated time.
    NoData,
    /// Requests still reach the canary after a rollback was decided.
    RollbackNotEffective,
    /// Some proxy does not take the weight.
    NotLive,
    /// Harm where there is no side left to go back to; a person must decide.
    Frozen,
    /// The stored state was lost while the canary had weight.
    StateLost,
    /// Suspicion at 100 %, where there is no side to compare with: a person must look.
    SuspectAtFull,
    /// A proxy has sent everyone to stable by itself.
    Tripped,
    /// The serving version changed, or a new version cannot start by itself.
    ServingChanged,
    /// The route cannot be written as it is, so that it may send users anywhere.
    RouteUnusable,
    /// The rollout waits for what should come by itself, such as replicas or an answer.
    Held,
    /// The promotion, or the swap of the roles, does not come to its end.
    PromotionStuck,
}

/// One line of the decision log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What kind of decision it is, for programs.
    pub reason: Reason,
    /// One sentence with the numbers in it, for people.
    pub message: String,
}

/// What kind of decision it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// A new version was found; the rollout starts with everyone on stable.
    NewVersion,
    /// The steps were changed under way; the rollout starts again with everyone on stable.
    NewPlan,
    /// The rollout starts or goes to its next step.
    Advanced,
    /// The canary gets copies of requests, and nobody is on it.
    Mirroring,
    /// The canary gets no copies of requests any more.
    Mirrored,
    /// What gates need before the start is not there yet.
    Preparing,
    /// The weight is not yet proved to be live.
    WaitingForProxies,
    /// The step's time is not over.
    Baking,
    /// The step cannot yet detect what it is to detect.
    Detecting,
    /// Too few requests yet.
    WaitingForRequests,
    /// Gates without data.
    NoData,
    /// Metrics that do not answer.
    BrokenMetrics,
    /// Gates that are not judged yet.
    Skipped,
    /// A gate speaks against a rise, without evidence enough to roll back.
    Suspicion,
    /// Marked requests are served by the other side.
    SplitMismatch,
    /// A proxy has sent everyone to stable by itself.
    Tripped,
    /// A person must agree.
    WaitingForApproval,
    /// Another system has to agree.
    WaitingForAnswer,
    /// A person agreed to the end of the step.
    Approved,
    /// A person took the step for over.
    StepSkipped,
    /// Rises are stopped.
    Paused,
    /// A person lowered the canary's weight in the route.
    LoweredByHand,
    /// A person ended the pause.
    Resumed,
    /// The canary has no ready endpoint yet.
    WaitingForCanary,
    /// Stable has no ready endpoint, so that a rise could not be taken back.
    WaitingForStable,
    /// The route cannot be written as it is.
    RouteUnusable,
    /// Nobody can tell how the route is.
    RouteUnknown,
    /// The serving side runs another version than at the rollout's start.
    ServingChanged,
    /// Replicas do not suffice for the next weight yet.
    Capacity,
    /// A person asked for a new start.
    Retried,
    /// Gates saw harm: back to stable.
    Harm,
    /// The canary has no ready endpoint any more: back to stable.
    CanaryNotReady,
    /// A person asked to go back.
    Aborted,
    /// Everyone is being sent back; requests may still reach the canary.
    RollingBack,
    /// The rollback has ended: nothing reaches the canary.
    RolledBack,
    /// Nothing is done until a person decides.
    Frozen,
    /// The last step held; stable is being brought to the new version.
    Promoting,
    /// The last step held, and stable's pods do not get ready in the time that its owner gave them.
    PromotionStuck,
    /// The last step held; the route sends everyone to the canary's side before the roles are
    /// swapped.
    Swapping,
    /// The roles are swapped.
    Swapped,
    /// Stable's earlier version is being put back before everyone goes there.
    Restoring,
    /// The rollout has ended well.
    Succeeded,
    /// The stored state is older than what proxies have: nothing rises until a person decides.
    StateOutdated,
    /// A command that does not fit the phase.
    Refused,
}
