//! The status of an object in Kubernetes: what [`Status`] says, in the shape that `kubectl`, `kubectl
//! wait` and other controllers know, and bounded, since it is kept with the object.

mod conditions;
mod shown;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use conditions::Condition;
use conditions::{CONFLICT, EVIDENCE_CAPPED, INVALID, Problem, Seen};

use super::{ConditionKind, Gate, Status};
use crate::store::Given;

/// The most decisions that are kept: those of a rollout with many steps.
const DECISIONS: usize = 20;
/// The longest text of a gate, a decision or a condition, in characters.
const TEXT: usize = 512;
/// The most warnings that are told.
const WARNINGS: usize = 10;

/// `status` of a `CanaryRelease`. Every field may be absent: a new object has none of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStatus {
    /// The generation of the specification that all of this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the rollout is: `Pending`, `Progressing`, `Promoting`, `Succeeded`, `RollingBack` or
    /// `RolledBack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The version on trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The present step, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// How many steps there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// The canary's share, such as `25%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// The canary's share of the requests that the hash placed, as counted since the step's start,
    /// such as `24.8%`. Where users stick it wanders; it is shown, not acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_share: Option<String>,
    /// How many proxies have sent everyone to stable by their tripwires; absent where none has a
    /// tripwire for this release, or nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tripped_proxies: Option<u32>,
    /// Whether anybody may be sent to the canary, testers included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_serves: Option<bool>,
    /// The share of requests of which the canary gets copies, while nobody is on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// The revision under which this traffic was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The Deployment that serves whoever is not on the canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving_deployment: Option<String>,
    /// What the hash uses to pick users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// Why no rise happens for now: `person`, `stateLost` or `loweredByHand`; absent while nothing
    /// stops them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// What kind of decision was taken last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in one sentence with its numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `Ready`, `Progressing`, `Succeeded`, `Paused`, `Degraded`, `Conflict` and `EvidenceCapped`;
    /// `kubectl wait` takes each.
    pub conditions: Vec<Condition>,
    /// The last readings of the gates.
    pub gates: Vec<ObjectGate>,
    /// What people must know of and whose cause has not gone.
    pub alerts: Vec<ObjectAlert>,
    /// What the owner of the release should look at.
    pub warnings: Vec<String>,
    /// The newest decisions, newest last, at most 20.
    pub decisions: Vec<ObjectDecision>,
    /// The newest commands that people gave on the object, and what became of them.
    pub commands: Vec<ObjectCommand>,
    /// The controller's own record, from which it goes on after a restart. Not for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// A gate's last reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectGate {
    /// The gate's name.
    pub name: String,
    /// The outcome.
    pub verdict: String,
    /// The numbers behind it in one sentence.
    pub detail: String,
    /// When it was evaluated.
    pub at: String,
    /// What it compares, where it compares both sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// The canary's requests or opportunities that were judged since the rollout's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_requests: Option<u64>,
    /// Errors, slow requests or conversions among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_events: Option<u64>,
    /// Stable's requests or opportunities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_requests: Option<u64>,
    /// Errors, slow requests or conversions among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_events: Option<u64>,
    /// The most likely ratio of the canary's rate to stable's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<String>,
    /// The lower end of its confidence sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_low: Option<String>,
    /// The upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_high: Option<String>,
    /// The evidence that decides, without the worst cohorts, as a natural logarithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_e: Option<String>,
}

/// An alert whose cause has not gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectAlert {
    /// What people must know of.
    pub name: String,
    /// Since when.
    pub since: String,
}

/// One line of the decision log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectDecision {
    /// When.
    pub at: String,
    /// What kind of decision.
    pub reason: String,
    /// One sentence with its numbers.
    pub message: String,
    /// The step after it, counted from 1.
    pub step: u32,
    /// The canary's share after it.
    pub weight: String,
    /// What a person asked for at the same time; it need not be what was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
}

/// A command that somebody gave on the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectCommand {
    /// Names the command.
    pub id: String,
    /// What was asked for.
    pub command: String,
    /// By whom, as they said.
    pub by: String,
    /// When, as they said.
    pub at: String,
    /// `Taken`, `Done` or `Refused`.
    pub outcome: String,
    /// What became of it.
    pub message: String,
    /// When that was.
    pub time: String,
}

/// What the release's own status does not know of its object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// The generation of the specification that is being run.
    pub generation: i64,
    /// The Deployment that serves whoever is not on the canary.
    pub serving_deployment: Option<String>,
    /// Which other release has the route or the requests, where one does.
    pub conflict: Option<String>,
    /// What the controller wants to find again.
    pub record: Option<String>,
    /// The time.
    pub now: Timestamp,
}

impl ObjectStatus {
    /// The status of a release that is being run. What is not known of it yet stays as `previous`
    /// has it.
    #[must_use]
    pub fn of(status: &Status, object: &Object, previous: &Self) -> Self {
        let Some(phase) = status.phase else {
            return previous.unusable(&problems(status, object), object);
        };
        Self {
            observed_generation: Some(object.generation),
            phase: Some(word(&phase)),
            version: Some(status.version.clone()),
            step: Some(narrow(status.step)),
            steps: Some(narrow(status.steps)),
            weight: Some(status.weight.to_string()),
            observed_share: status.observed_share.map(|share| format!("{:.1}%", share * 100.0)),
            tripped_proxies: status.proxies.tripped.map(narrow),
            canary_serves: Some(status.canary_serves),
            mirror: status.mirror.as_ref().map(ToString::to_string),
            revision: Some(status.revision),
            serving_deployment: object.serving_deployment.clone(),
            salt: status.salt.as_ref().map(ToString::to_string),
            paused: status.paused.as_ref().map(word),
            reason: status.reason.as_ref().map(word),
            message: Some(clipped(&status.message)),
            conditions: conditions::all(
                &Seen {
                    phase: Some(phase),
                    paused: status.paused,
                    reason: status.reason,
                    message: &status.message,
                },
                &problems(status, object),
                &previous.conditions,
                object,
            ),
            gates: status.gates.iter().map(gate).collect(),
            alerts: alerts(status),
            warnings: warnings(status),
            decisions: decisions(status),
            commands: previous.commands.clone(),
            record: object.record.clone(),
        }
    }

    /// The status of an object that cannot be run, and why: by its specification, or by `conflict`
    /// where there is one. All else stays as it was, and so does what is running.
    #[must_use]
    pub fn refused(why: &str, object: &Object, previous: &Self) -> Self {
        let reason = if object.conflict.is_some() { CONFLICT } else { INVALID };
        previous.unusable(&[Problem::new(reason, why)], object)
    }

    fn unusable(&self, problems: &[Problem], object: &Object) -> Self {
        let seen = Seen { phase: None, paused: None, reason: None, message: "" };
        Self {
            observed_generation: Some(object.generation),
            conditions: conditions::all(&seen, problems, &self.conditions, object),
            record: object.record.clone().or_else(|| self.record.clone()),
            ..self.clone()
        }
    }
}

/// What keeps the release from being run as it says, the gravest first.
fn problems(status: &Status, object: &Object) -> Vec<Problem> {
    let conflict = object.conflict.iter().map(|why| Problem::new(CONFLICT, why));
    let conditions = status.conditions.iter().filter_map(|condition| {
        let reason = match condition.kind {
            ConditionKind::StateUnknown => "StateUnknown",
            ConditionKind::StateNotStored => "StateNotStored",
            ConditionKind::RouteNotWritten => "RouteNotWritten",
            ConditionKind::LeftOut => "LeftOut",
            ConditionKind::ReleaseFileRefused => INVALID,
            // The release is run as it says.
            ConditionKind::EvidenceCapped | ConditionKind::NoTripwire | ConditionKind::Warning => {
                return None;
            }
        };
        Some(Problem::new(reason, &condition.message))
    });
    let alerts = status.alerts.iter().map(|alert| {
        let message = format!("{} since {}", word(&alert.name), seconds(alert.since));
        Problem { reason: word(&alert.name), message }
    });
    let capped = status.conditions.iter().filter(|one| one.kind == ConditionKind::EvidenceCapped);
    let capped = capped.map(|one| Problem::new(EVIDENCE_CAPPED, &one.message));
    conflict.chain(conditions).chain(alerts).chain(capped).collect()
}

fn gate(gate: &Gate) -> ObjectGate {
    let found = gate.evidence.as_ref();
    ObjectGate {
        name: gate.name.clone(),
        verdict: word(&gate.verdict),
        detail: clipped(&gate.detail),
        at: seconds(gate.at),
        measure: found.map(|found| word(&found.measure)),
        canary_requests: found.map(|found| whole(found.canary.requests)),
        canary_events: found.map(|found| whole(found.canary.events)),
        stable_requests: found.map(|found| whole(found.stable.requests)),
        stable_events: found.map(|found| whole(found.stable.events)),
        ratio: found.and_then(|found| found.ratio).map(figure),
        ratio_low: found.map(|found| figure(found.ratio_low)),
        ratio_high: found.map(|found| figure(found.ratio_high)),
        log_e: found.map(|found| figure(found.log_e_worst)),
    }
}

fn alerts(status: &Status) -> Vec<ObjectAlert> {
    let alert = |alert: &super::RaisedAlert| ObjectAlert {
        name: word(&alert.name),
        since: seconds(alert.since),
    };
    status.alerts.iter().map(alert).collect()
}

fn warnings(status: &Status) -> Vec<String> {
    let is_warning =
        |kind: ConditionKind| matches!(kind, ConditionKind::NoTripwire | ConditionKind::Warning);
    let warnings = status.conditions.iter().filter(|condition| is_warning(condition.kind));
    warnings.map(|condition| clipped(&condition.message)).take(WARNINGS).collect()
}

fn decisions(status: &Status) -> Vec<ObjectDecision> {
    let decision = |decision: &super::Decision| ObjectDecision {
        at: seconds(decision.at),
        reason: word(&decision.reason),
        message: clipped(&decision.message),
        step: narrow(decision.step),
        weight: decision.weight.to_string(),
        given: decision.given.clone(),
    };
    let older = status.decisions.len().saturating_sub(DECISIONS);
    status.decisions.iter().skip(older).map(decision).collect()
}

/// The word by which programs call it.
fn word(named: &impl Serialize) -> String {
    match serde_json::to_value(named) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// To the second, as Kubernetes has times.
fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// A number for people; a text, since JSON has no infinity and other writers no exact fractions.
fn figure(number: f64) -> String {
    format!("{number:.2}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count that is out of range is shown as the nearest that is not"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The schema of the status.
pub(crate) fn schema(generator: &mut SchemaGenerator) -> Schema {
    ObjectStatus::json_schema(generator)
}

#[cfg(test)]
mod tests;
