//! What `kubectl wait` waits for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serin_rollout::{Pause, Phase, Reason};

use super::{Object, clipped, seconds, word};

/// Another release has the route or the requests.
pub(super) const CONFLICT: &str = "Conflict";
/// Proxies keep counts to themselves.
pub(super) const EVIDENCE_CAPPED: &str = "EvidenceCapped";
/// The specification cannot be run.
pub(super) const INVALID: &str = "Invalid";

/// One thing that is so, is not so, or is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is said to be so.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The generation of the specification that this is about.
    pub observed_generation: i64,
    /// Since when `status` is as it is.
    pub last_transition_time: String,
    /// Why, in one word for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

/// What keeps a release from being run as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) reason: String,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(reason: &str, message: &str) -> Self {
        Self { reason: reason.to_owned(), message: message.to_owned() }
    }
}

/// What conditions are made of.
pub(super) struct Seen<'a> {
    /// `None` while nobody knows.
    pub(super) phase: Option<Phase>,
    pub(super) paused: Option<Pause>,
    pub(super) reason: Option<Reason>,
    pub(super) message: &'a str,
}

/// What is said of one type.
struct Said {
    holds: Option<bool>,
    reason: String,
    message: String,
}

/// All conditions, always the same ones in the same order, so that each can be waited for.
pub(super) fn all(
    seen: &Seen<'_>,
    problems: &[Problem],
    previous: &[Condition],
    object: &Object,
) -> Vec<Condition> {
    let of = |reason: &str| problems.iter().find(|problem| problem.reason == reason);
    let in_the_way: Vec<&Problem> =
        problems.iter().filter(|problem| problem.reason != EVIDENCE_CAPPED).collect();
    let said = [
        ("Ready", ready(seen, &in_the_way)),
        ("Progressing", progressing(seen)),
        ("Succeeded", succeeded(seen)),
        ("Paused", paused(seen)),
        ("Degraded", degraded(&in_the_way)),
        (CONFLICT, problem(of(CONFLICT), "NoConflict")),
        (EVIDENCE_CAPPED, problem(of(EVIDENCE_CAPPED), "Complete")),
    ];
    let condition = |(kind, said): (&str, Said)| {
        let status = match said.holds {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        let before = previous.iter().find(|one| one.kind == kind && one.status == status);
        Condition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            observed_generation: object.generation,
            last_transition_time: before
                .map_or_else(|| seconds(object.now), |before| before.last_transition_time.clone()),
            reason: said.reason,
            message: clipped(&said.message),
        }
    };
    said.into_iter().map(condition).collect()
}

/// Nothing is under way, nothing is in the way, and the newest version serves: what tools that wait
/// for a deployment mean.
fn ready(seen: &Seen<'_>, problems: &[&Problem]) -> Said {
    if let [first, ..] = problems {
        return Said { holds: Some(false), ..told(first, problems) };
    }
    let holds = seen.phase.map(|phase| phase == Phase::Succeeded);
    Said { holds, reason: phase(seen), message: seen.message.to_owned() }
}

fn progressing(seen: &Seen<'_>) -> Said {
    let holds = seen.phase.map(is_under_way);
    let reason = seen.reason.filter(|_| holds == Some(true));
    Said {
        holds,
        reason: reason.as_ref().map_or_else(|| phase(seen), word),
        message: seen.message.to_owned(),
    }
}

fn succeeded(seen: &Seen<'_>) -> Said {
    let holds = match seen.phase {
        Some(Phase::Succeeded) => Some(true),
        Some(Phase::RollingBack | Phase::RolledBack) => Some(false),
        Some(Phase::Pending | Phase::Progressing | Phase::Promoting) | None => None,
    };
    Said { holds, reason: phase(seen), message: seen.message.to_owned() }
}

/// A person has to act before the weight rises again.
fn paused(seen: &Seen<'_>) -> Said {
    let reason = match (seen.paused, seen.reason) {
        (Some(Pause::Person), _) => "Person",
        (Some(Pause::StateLost), _) => "StateLost",
        (Some(Pause::LoweredByHand), _) => "LoweredByHand",
        (None, Some(Reason::WaitingForApproval)) => "WaitingForApproval",
        (None, _) => {
            let holds = seen.phase.map(|_| false);
            return Said { holds, reason: "NotPaused".to_owned(), message: String::new() };
        }
    };
    Said { holds: Some(true), reason: reason.to_owned(), message: seen.message.to_owned() }
}

fn degraded(problems: &[&Problem]) -> Said {
    match problems {
        [first, ..] => Said { holds: Some(true), ..told(first, problems) },
        [] => Said { holds: Some(false), reason: "AsItShould".to_owned(), message: String::new() },
    }
}

fn problem(found: Option<&Problem>, otherwise: &str) -> Said {
    Said {
        holds: Some(found.is_some()),
        reason: found.map_or(otherwise, |found| found.reason.as_str()).to_owned(),
        message: found.map(|found| found.message.clone()).unwrap_or_default(),
    }
}

/// The first one's word, and all that is to be said.
fn told(first: &Problem, problems: &[&Problem]) -> Said {
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    Said { holds: None, reason: first.reason.clone(), message: messages.join("; ") }
}

fn phase(seen: &Seen<'_>) -> String {
    seen.phase.as_ref().map_or_else(|| "NotKnown".to_owned(), word)
}

const fn is_under_way(phase: Phase) -> bool {
    matches!(phase, Phase::Pending | Phase::Progressing | Phase::Promoting | Phase::RollingBack)
}
