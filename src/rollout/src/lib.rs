//! The course of a rollout, decided by one pure function.
//!
//! [`decide`] takes the plan, the stored state, what was observed and the time, and gives the next
//! state with the actions that lead there. It does no I/O and knows no clock, so that a decision
//! can be computed again from what was logged.

mod alerts;
mod asks;
mod capacity;
mod clock;
mod command;
mod decide;
mod decision;
mod evidence;
mod harm;
mod held;
mod message;
mod mirror;
mod observation;
mod outdated;
mod plan;
mod progress;
mod promote;
mod rollback;
mod route;
mod serving;
mod skip;
mod state;
mod steps;
mod surroundings;
mod swap;
mod tripwire;
mod version;

pub use decide::decide;
pub use decision::{Action, Alert, Decision, Outcome, Reason};
pub use observation::{
    CanaryTraffic, Command, Endpoints, GateReading, Now, Observation, Proof, Served, Trips, Verdict,
};
pub use plan::{Approval, Ask, Before, Length, Mirror, OnNoData, OnSuccess, Plan, Policy, Step};
pub use state::{
    MirrorFields, Pause, Phase, Side, StableWanted, State, StepClock, Traffic, Version,
};
pub use steps::{InvalidPlan, Steps};
pub use surroundings::{Capacity, MirrorsSeen, RouteSeen, StableRuns, Templates};
