//! The two Deployments of a release: what they run, and what the controller makes of them.
//!
//! What a Deployment should be follows from the stored state alone and is brought about again in
//! every pass, so that a controller that was killed goes on where it was.

mod steps;

use std::sync::{Mutex, PoisonError};

use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use serin_rollout::{Capacity, Endpoints, Phase, Side, StableRuns, State, Templates};

use super::cache::Objects;
use super::capacity::{self, STABLE_AT_START};
use super::client::answer;
use super::kinds::{Key, at, count, generation};
use super::leader::{Term, WriteError};
use super::template::{self, EARLIER, PROMOTED};
use crate::engine::Part;
use crate::release::{CapacityRule, Release};
use steps::{Owner, Step, may_scale, steps};

/// The Deployments of one release.
#[derive(Debug)]
pub(super) struct Workloads {
    pub(super) cached: Objects,
    pub(super) api: Api<DynamicObject>,
    pub(super) autoscalers: Api<DynamicObject>,
    /// What the release calls stable.
    pub(super) first: Key,
    /// What the release calls the canary.
    pub(super) second: Key,
    pub(super) capacity: CapacityRule,
    pub(super) term: Term,
    /// The Deployment whose template this process has written last, and its generation then.
    pub(super) written: Mutex<Option<(Key, u64)>>,
}

/// Both as they are, by their roles.
struct Pair {
    stable: DynamicObject,
    canary: DynamicObject,
}

impl Workloads {
    /// The Deployments of stable and of the canary.
    const fn sides(&self, serving: Side) -> (&Key, &Key) {
        match serving {
            Side::First => (&self.first, &self.second),
            Side::Second => (&self.second, &self.first),
        }
    }

    fn pair(&self, serving: Side) -> Result<Pair, String> {
        let get =
            |key: &Key| self.cached.get(key).ok_or_else(|| format!("there is no Deployment {key}"));
        let (stable, canary) = self.sides(serving);
        Ok(Pair { stable: get(stable)?, canary: get(canary)? })
    }

    /// Whether both run the same, by the roles that the release names.
    pub(super) fn are_alike(&self) -> bool {
        self.pair(Side::First).is_ok_and(|pair| {
            template::promoted(&pair.stable, &pair.canary)
                .is_some_and(|promoted| template::is(&pair.stable, &promoted))
        })
    }

    /// What a pass must know of them.
    pub(super) async fn parts(&self, state: &State, release: &Release) -> Vec<Part> {
        let pair = match self.pair(state.traffic.serving) {
            Ok(pair) => pair,
            Err(why) => {
                // A Deployment that is gone has no pod.
                let pods = |key, ready| match self.cached.get(key) {
                    Some(deployment) => endpoints(&deployment, ready),
                    None => Endpoints::NotReady,
                };
                let (stable, canary) = self.sides(state.traffic.serving);
                return vec![
                    Part::Canary(pods(canary, true)),
                    Part::Stable(pods(stable, true)),
                    Part::Capacity(Capacity::Unknown { why }),
                    Part::StableRuns(StableRuns::Unknown),
                ];
            }
        };
        let capacity = self.has_capacity(&pair, state, release).await;
        let mut parts = vec![
            Part::Canary(endpoints(&pair.canary, is_settled(&pair.canary, state))),
            Part::Stable(endpoints(&pair.stable, true)),
            Part::Capacity(capacity),
            Part::StableRuns(self.stable_runs(&pair, state)),
        ];
        parts.extend(templates(&pair).map(Part::Templates));
        parts
    }

    /// What stable runs. What the cache holds of it from before this process's own write says nothing.
    fn stable_runs(&self, pair: &Pair, state: &State) -> StableRuns {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_older = |(key, written): &(Key, u64)| {
            *key == Key::of(&pair.stable) && generation(&pair.stable) < *written
        };
        if written.as_ref().is_some_and(is_older) {
            return StableRuns::Unknown;
        }
        stable_runs(pair, state)
    }

    async fn has_capacity(&self, pair: &Pair, state: &State, release: &Release) -> Capacity {
        if self.capacity == CapacityRule::Ignore {
            return Capacity::NotApplicable;
        }
        if !matches!(state.phase, Phase::Pending | Phase::Progressing) {
            return Capacity::Enough;
        }
        match self.autoscaled().await {
            Ok(autoscaled) => {
                let side = |deployment| capacity::Side {
                    deployment,
                    autoscaled_from: autoscaled(&Key::of(deployment)),
                };
                let (stable, canary) = (side(&pair.stable), side(&pair.canary));
                if let Some(next) = release.plan.next_share(state) {
                    return capacity::check(next, stable, canary);
                }
                // Nothing rises any more, and stable is what a rollback would need.
                let at_start = capacity::stable_at_start(&pair.stable, &pair.canary);
                capacity::check_stable(stable, at_start)
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

    /// Changes with everything that is told of the two.
    pub(super) fn versions(&self) -> [Option<String>; 2] {
        [&self.first, &self.second]
            .map(|key| self.cached.kept(key).and_then(|kept| kept.version().map(str::to_owned)))
    }

    /// Makes of them what the stored state asks for, and says whether they were that already: then
    /// nothing is to be done before they, or the state, have changed.
    ///
    /// # Errors
    /// Why something is not done yet, for people; it is tried again.
    pub(super) async fn follow(&self, state: &State) -> Result<bool, String> {
        let pair = self.pair(state.traffic.serving)?;
        let mut owner = Owner::Another;
        // Who owns the replicas may change without a word of the Deployments'.
        let scales = self.capacity == CapacityRule::Scale && may_scale(&pair, state);
        if scales {
            let fewest = self.autoscaled().await?(&Key::of(&pair.canary));
            owner = fewest.map_or(Owner::Controller, Owner::Autoscaler);
        }
        let steps = steps(state, &pair.stable, &pair.canary, owner);
        let settled = !scales && steps.is_empty();
        for step in steps {
            self.make(&pair, step).await?;
        }
        Ok(settled)
    }

    async fn make(&self, pair: &Pair, step: Step) -> Result<(), String> {
        let (stable, canary) = (Key::of(&pair.stable), Key::of(&pair.canary));
        tracing::info!(%stable, %canary, "Deployments: {step}");
        match step {
            Step::Scale { pods, stable_at_start } => {
                let note = json!({"metadata": {"annotations": {STABLE_AT_START: stable_at_start.to_string()}}});
                self.patch(&pair.canary, note).await?;
                self.scale(&canary, json!({"spec": {"replicas": pods}})).await
            }
            Step::ScaleToZero => {
                // Of the Deployment as it was when that was decided: with another template it may
                // serve again by now.
                let version = &pair.canary.metadata.resource_version;
                let none =
                    json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": 0}});
                self.scale(&canary, none).await?;
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
                let write = self.api.patch(&stable.name, &options, &patch);
                let outcome = self.term.write(write).await;
                if let Ok(object) = &outcome {
                    let written = Some((stable.clone(), generation(object)));
                    *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
                }
                written(&stable, outcome)
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

    async fn scale(&self, canary: &Key, patch: Value) -> Result<(), String> {
        let patch = Patch::Merge(patch);
        let options = PatchParams::default();
        let write = self.api.patch_scale(&canary.name, &options, &patch);
        written(canary, self.term.write(write).await)
    }
}

/// What came of a write.
fn written<T>(key: &Key, outcome: Result<T, WriteError>) -> Result<(), String> {
    outcome.map(drop).map_err(|error| format!("Deployment {key} cannot be written: {error}"))
}

/// What both are told to run.
fn templates(pair: &Pair) -> Option<Templates> {
    let (stable, canary) = (template::version(&pair.stable)?, template::version(&pair.canary)?);
    Some(Templates { stable, canary })
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
        let stuck = template::is_stuck(stable);
        return if stuck { StableRuns::Stuck } else { StableRuns::Between };
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
