//! What is to be done to the two Deployments, by the stored state alone.

use core::fmt;

use kube::api::DynamicObject;
use serde_json::Value;
use serin_rollout::{Phase, StableWanted, State};

use super::Pair;
use crate::operator::capacity::{self, STABLE_AT_START};
use crate::operator::kinds::{annotation, at};
use crate::operator::template::{self, EARLIER, PROMOTED};

/// A change of a Deployment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Give the canary so many pods, and note how many stable has.
    Scale { pods: u64, stable_at_start: u64 },
    /// Take all pods from the canary.
    ScaleToZero,
    /// Forget how many pods stable had when the rollout before started.
    ForgetPods,
    /// Have stable run this template, and note this beside it.
    Run { template: Value, notes: Vec<(&'static str, String)> },
    /// Forget the template that stable ran before, and what it was promoted to.
    Forget,
}

/// For people: templates are long, and stand in the objects.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale { pods, stable_at_start } => {
                write!(f, "the canary gets {pods} pods, of {stable_at_start} that stable had")
            }
            Self::ScaleToZero => f.write_str("the canary gets no pods any more"),
            Self::ForgetPods => f.write_str("a rollout starts with the pods that stable has now"),
            Self::Run { notes, .. } if notes.is_empty() => {
                f.write_str("stable gets its earlier template back")
            }
            Self::Run { .. } => f.write_str("stable gets the canary's template"),
            Self::Forget => f.write_str("stable's earlier template is not needed any more"),
        }
    }
}

/// Who says how many pods the canary has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Controller,
    /// A `HorizontalPodAutoscaler`, which gives it so many at least.
    Autoscaler(u64),
    Another,
}

/// Whether there may be something to scale; only then autoscalers are asked for.
pub(super) fn may_scale(pair: &Pair, state: &State) -> bool {
    let stable_at_start = capacity::stable_at_start(&pair.stable, &pair.canary);
    let has = template::replicas(&pair.canary);
    state.capacity_for.is_some_and(|weight| {
        if weight.is_zero() { has > 0 } else { has < capacity::pods_for(weight, stable_at_start) }
    })
}

/// What is to be done.
pub(super) fn steps(
    state: &State,
    stable: &DynamicObject,
    canary: &DynamicObject,
    owner: Owner,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let has = template::replicas(canary);
    if let Some(weight) = state.capacity_for {
        let stable_at_start = capacity::stable_at_start(stable, canary);
        let wanted = match owner {
            Owner::Another => has,
            _ if weight.is_zero() => 0,
            // It leaves zero alone, and has its own mind of everything else.
            Owner::Autoscaler(fewest) if has == 0 => fewest.max(1),
            Owner::Autoscaler(_) => has,
            // Whoever asked for more has a reason.
            Owner::Controller => capacity::pods_for(weight, stable_at_start).max(has),
        };
        match wanted {
            _ if wanted == has => {}
            0 => steps.push(Step::ScaleToZero),
            pods => steps.push(Step::Scale { pods, stable_at_start }),
        }
    }
    let anew = state.phase == Phase::Pending && state.capacity_for.is_none();
    if anew && annotation(canary, STABLE_AT_START).is_some() {
        steps.push(Step::ForgetPods);
    }
    let kept = template::earlier(stable);
    let template = match state.stable_wanted() {
        // Another template is another rollout's to try.
        StableWanted::New if !template::runs(canary, &state.version) => None,
        StableWanted::New => template::promoted(stable, canary),
        StableWanted::Earlier => kept.clone(),
        StableWanted::AsItIs => {
            // The next rollout may begin before anybody has seen the end of this one.
            let over = matches!(state.phase, Phase::Succeeded | Phase::RolledBack | Phase::Pending);
            if over && kept.is_some() {
                steps.push(Step::Forget);
            }
            None
        }
    };
    if let Some(template) = template.filter(|template| !template::is(stable, template)) {
        let mut notes = Vec::new();
        if let (None, Some(earlier)) = (kept, at(stable, &["spec", "template"])) {
            notes.push((EARLIER, earlier.to_string()));
        }
        if state.stable_wanted() == StableWanted::New {
            let promotion = template::promotion(&state.version, &template);
            notes.extend(promotion.map(|promotion| (PROMOTED, promotion)));
        }
        steps.push(Step::Run { template, notes });
    }
    steps
}
