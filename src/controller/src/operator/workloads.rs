//! The two Deployments of a release: what they run, and what the controller makes of them.
//!
//! What a Deployment should be follows from the stored state alone and is brought about again in
//! every pass, so that a controller that was killed goes on where it was.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use serin_rollout::{Capacity, Endpoints, Phase, StableRuns, StableWanted, State, Version};

use super::cache::Objects;
use super::capacity::{self, STABLE_AT_START, Side};
use super::client::answer;
use super::kinds::{Key, annotation, at, count, generation};
use super::leader::{NotLeading, Term};
use super::template::{self, EARLIER, PROMOTED};
use crate::engine::Part;
use crate::release::{CapacityRule, Release};

/// The Deployments of one release.
#[derive(Debug)]
pub(super) struct Workloads {
    pub(super) cached: Objects,
    pub(super) api: Api<DynamicObject>,
    pub(super) autoscalers: Api<DynamicObject>,
    pub(super) stable: Key,
    pub(super) canary: Key,
    pub(super) capacity: CapacityRule,
    pub(super) term: Term,
    /// What stable has run since this process first saw the rollout go on.
    pub(super) serving: Mutex<Option<Version>>,
    /// Stable's generation after this process's last write.
    pub(super) written: Mutex<u64>,
}

/// Both as they are.
struct Pair {
    stable: Arc<DynamicObject>,
    canary: Arc<DynamicObject>,
}

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

impl Workloads {
    fn pair(&self) -> Result<Pair, String> {
        let get =
            |key: &Key| self.cached.get(key).ok_or_else(|| format!("there is no Deployment {key}"));
        Ok(Pair { stable: get(&self.stable)?, canary: get(&self.canary)? })
    }

    /// Whether stable runs what the canary runs.
    pub(super) fn are_alike(&self) -> bool {
        self.pair().is_ok_and(|pair| {
            template::promoted(&pair.stable, &pair.canary)
                .is_some_and(|promoted| template::is(&pair.stable, &promoted))
        })
    }

    /// What a pass must know of them.
    pub(super) async fn parts(&self, state: &State, release: &Release) -> Vec<Part> {
        let pair = match self.pair() {
            Ok(pair) => pair,
            Err(why) => {
                // A Deployment that is gone has no pod.
                let pods = |key, ready| match self.cached.get(key) {
                    Some(deployment) => endpoints(&deployment, ready),
                    None => Endpoints::NotReady,
                };
                return vec![
                    Part::Canary(pods(&self.canary, true)),
                    Part::Stable(pods(&self.stable, true)),
                    Part::Capacity(Capacity::Unknown { why }),
                    Part::StableRuns(StableRuns::Unknown),
                ];
            }
        };
        let capacity = self.has_capacity(&pair, state, release).await;
        vec![
            Part::Canary(endpoints(&pair.canary, is_settled(&pair.canary, state))),
            Part::Stable(endpoints(&pair.stable, true)),
            Part::Capacity(capacity),
            Part::StableRuns(self.stable_runs(&pair, state)),
            Part::ServingChanged(self.serving_changed(&pair, state)),
        ]
    }

    /// What stable runs. What the cache holds of it from before this process's own write says nothing.
    fn stable_runs(&self, pair: &Pair, state: &State) -> StableRuns {
        let written = *self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if generation(&pair.stable) < written {
            return StableRuns::Unknown;
        }
        stable_runs(pair, state)
    }

    /// Whether stable runs something else than when the rollout was first seen, and nobody promoted.
    fn serving_changed(&self, pair: &Pair, state: &State) -> bool {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        if state.phase != Phase::Progressing {
            *serving = None;
            return false;
        }
        let runs = template::version(&pair.stable);
        if serving.is_none() {
            (*serving).clone_from(&runs);
        }
        *serving != runs
    }

    async fn has_capacity(&self, pair: &Pair, state: &State, release: &Release) -> Capacity {
        if self.capacity == CapacityRule::Ignore {
            return Capacity::NotApplicable;
        }
        if !matches!(state.phase, Phase::Pending | Phase::Progressing) {
            return Capacity::Enough;
        }
        let Some((_, next)) = release.plan.steps.above(state.traffic.weight) else {
            return Capacity::Enough;
        };
        match self.autoscaled().await {
            Ok(autoscaled) => {
                let side = |deployment, key| Side { deployment, autoscaled_from: autoscaled(key) };
                let stable = side(&pair.stable, &self.stable);
                capacity::check(next.weight, stable, side(&pair.canary, &self.canary))
            }
            Err(why) => Capacity::Unknown { why },
        }
    }

    /// The fewest pods that an autoscaler gives a Deployment, where it has one.
    async fn autoscaled(&self) -> Result<impl Fn(&Key) -> Option<u64>, String> {
        let found = answer(self.autoscalers.list(&ListParams::default())).await;
        let found = found.map_err(|error| format!("autoscalers cannot be listed: {error}"))?;
        Ok(move |key: &Key| {
            let owns = |scaler: &&DynamicObject| {
                let target =
                    |field| at(scaler, &["spec", "scaleTargetRef", field]).and_then(Value::as_str);
                target("kind") == Some("Deployment") && target("name") == Some(&key.name)
            };
            let scaler = found.items.iter().find(owns)?;
            Some(count(scaler, &["spec", "minReplicas"]).unwrap_or(1))
        })
    }

    /// Makes of them what the stored state asks for.
    ///
    /// # Errors
    /// Why something is not done yet, for people; it is tried again.
    pub(super) async fn follow(&self, state: &State) -> Result<(), String> {
        let pair = self.pair()?;
        let mut owner = Owner::Another;
        if self.capacity == CapacityRule::Scale && may_scale(&pair, state) {
            let fewest = self.autoscaled().await?(&self.canary);
            owner = fewest.map_or(Owner::Controller, Owner::Autoscaler);
        }
        for step in steps(state, &pair.stable, &pair.canary, owner) {
            self.make(&pair, step).await?;
        }
        Ok(())
    }

    async fn make(&self, pair: &Pair, step: Step) -> Result<(), String> {
        tracing::info!(stable = %self.stable, canary = %self.canary, "Deployments: {step}");
        match step {
            Step::Scale { pods, stable_at_start } => {
                let note = json!({"metadata": {"annotations": {STABLE_AT_START: stable_at_start.to_string()}}});
                self.patch(&pair.canary, note).await?;
                self.scale(json!({"spec": {"replicas": pods}})).await
            }
            Step::ScaleToZero => {
                // Of the Deployment as it was when that was decided: with another template it may
                // serve again by now.
                let version = &pair.canary.metadata.resource_version;
                let none =
                    json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": 0}});
                self.scale(none).await?;
                self.patch(
                    &pair.canary,
                    json!({"metadata": {"annotations": {STABLE_AT_START: null}}}),
                )
                .await
            }
            Step::ForgetPods => {
                let none = json!({"metadata": {"annotations": {STABLE_AT_START: null}}});
                self.patch(&pair.canary, none).await
            }
            Step::Run { template, notes } => {
                let mut patch =
                    json!([{"op": "replace", "path": "/spec/template", "value": template}]);
                let version = &pair.stable.metadata.resource_version;
                let operations = patch.as_array_mut();
                if let (Some(operations), false) = (operations, notes.is_empty()) {
                    // One write: the template is not replaced where the earlier one is not kept.
                    let mut annotations =
                        pair.stable.metadata.annotations.clone().unwrap_or_default();
                    annotations
                        .extend(notes.into_iter().map(|(name, note)| (name.to_owned(), note)));
                    operations.push(
                        json!({"op": "add", "path": "/metadata/annotations", "value": annotations}),
                    );
                    operations.push(json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}));
                }
                let patch = serde_json::from_value(patch).map_err(|error| error.to_string())?;
                let patch: Patch<Value> = Patch::Json(patch);
                let options = PatchParams::default();
                let write = self.api.patch(&self.stable.name, &options, &patch);
                let outcome = self.term.write(write).await;
                if let Ok(Ok(object)) = &outcome {
                    *self.written.lock().unwrap_or_else(PoisonError::into_inner) =
                        generation(object);
                }
                written(&self.stable, outcome)
            }
            Step::Forget => {
                let notes = json!({EARLIER: null, PROMOTED: null});
                self.patch(&pair.stable, json!({"metadata": {"annotations": notes}})).await
            }
        }
    }

    async fn patch(&self, object: &DynamicObject, patch: Value) -> Result<(), String> {
        let key = Key::of(object);
        let patch = Patch::Merge(patch);
        let options = PatchParams::default();
        let write = self.api.patch(&key.name, &options, &patch);
        written(&key, self.term.write(write).await)
    }

    async fn scale(&self, patch: Value) -> Result<(), String> {
        let patch = Patch::Merge(patch);
        let options = PatchParams::default();
        let write = self.api.patch_scale(&self.canary.name, &options, &patch);
        written(&self.canary, self.term.write(write).await)
    }
}

/// What came of a write.
fn written<T>(
    key: &Key,
    outcome: Result<Result<T, kube::Error>, NotLeading>,
) -> Result<(), String> {
    match outcome {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("Deployment {key} cannot be written: {error}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Who says how many pods the canary has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Controller,
    /// A `HorizontalPodAutoscaler`, which gives it so many at least.
    Autoscaler(u64),
    Another,
}

/// Whether there may be something to scale; only then autoscalers are asked for.
fn may_scale(pair: &Pair, state: &State) -> bool {
    let stable_at_start = capacity::stable_at_start(&pair.stable, &pair.canary);
    let has = template::replicas(&pair.canary);
    state.capacity_for.is_some_and(|weight| {
        if weight.is_zero() { has > 0 } else { has < capacity::pods_for(weight, stable_at_start) }
    })
}

/// What is to be done.
fn steps(state: &State, stable: &DynamicObject, canary: &DynamicObject, owner: Owner) -> Vec<Step> {
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

/// Whether a canary's pods are those to be tried: before the start, all of them run what it is told to
/// run. After it, a pod that serves is a pod that serves.
fn is_settled(canary: &DynamicObject, state: &State) -> bool {
    state.phase != Phase::Pending || template::is_of_one_template(canary)
}

fn endpoints(deployment: &DynamicObject, of_one_template: bool) -> Endpoints {
    if of_one_template && count(deployment, &["status", "readyReplicas"]).unwrap_or(0) > 0 {
        Endpoints::Ready
    } else {
        Endpoints::NotReady
    }
}

fn stable_runs(pair: &Pair, state: &State) -> StableRuns {
    let Pair { stable, canary } = pair;
    if !template::is_rolled_out(stable) {
        return StableRuns::Between;
    }
    let like_the_canary = template::runs(canary, &state.version)
        && template::promoted(stable, canary)
            .is_some_and(|promoted| template::is(stable, &promoted));
    if like_the_canary || template::is_promoted(stable, &state.version) {
        return StableRuns::New;
    }
    match template::earlier(stable) {
        // It was not changed yet.
        None => StableRuns::Earlier,
        Some(earlier) if template::is(stable, &earlier) => StableRuns::Earlier,
        // Somebody has it run a third one.
        Some(_) => StableRuns::Unknown,
    }
}

#[cfg(test)]
mod tests;
