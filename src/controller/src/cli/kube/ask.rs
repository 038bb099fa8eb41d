//! A command as it stands on an object, and what became of it.

use core::fmt::Write as _;
use core::time::Duration;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde::{Deserialize, Serialize};

use crate::operator::{COMMAND, annotation};

/// How long another's command keeps a new one away: a controller that runs answers within seconds.
const UNDISTURBED: Duration = Duration::from_secs(10);

/// A command, who gave it and when. Both are the giver's word; the proof is the API server's audit
/// log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) id: String,
    command: String,
    by: String,
    at: Timestamp,
}

/// What the controller made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) done: bool,
    pub(super) message: String,
}

#[derive(Deserialize)]
struct Answered {
    id: String,
    outcome: String,
    #[serde(default)]
    message: String,
}

impl Given {
    pub(super) fn new(command: &'static str, by: String) -> anyhow::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random id: {error}"))?;
        let id = bytes.iter().fold(String::new(), |mut id, byte| {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        });
        let at = Timestamp::from_second(Timestamp::now().as_second())?;
        Ok(Self { id, command: command.to_owned(), by, at })
    }

    /// Whether it may take the place of the object's present command: not of one that somebody has
    /// just given and nobody has answered, unless it is to abort.
    pub(super) fn may_replace(&self, object: &DynamicObject) -> Result<(), String> {
        let present: Option<Self> =
            annotation(object, COMMAND).and_then(|text| serde_json::from_str(text).ok());
        let Some(present) = present else { return Ok(()) };
        let age = self.at.duration_since(present.at);
        let fresh = age.is_positive() && age.unsigned_abs() < UNDISTURBED || age.is_zero();
        if self.command != "abort" && fresh && answer(object, &present.id).is_none() {
            let Self { command, by, .. } = present;
            return Err(format!("{by} has just given another command, `{command}`: try again"));
        }
        Ok(())
    }
}

/// What became of a command, once it is decided.
pub(super) fn answer(object: &DynamicObject, id: &str) -> Option<Answer> {
    let commands = object.data.get("status")?.get("commands")?.as_array()?.iter();
    let mut answered = commands.filter_map(|it| serde_json::from_value(it.clone()).ok());
    let found: Answered = answered.find(|answered: &Answered| answered.id == id)?;
    match found.outcome.as_str() {
        "Done" => Some(Answer { done: true, message: found.message }),
        "Refused" => Some(Answer { done: false, message: found.message }),
        // It is about to be.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    fn object(given: &Given, outcome: Option<&str>) -> DynamicObject {
        let commands: Vec<_> = outcome
            .map(|outcome| json!({"id": given.id, "outcome": outcome, "message": "why"}))
            .into_iter()
            .collect();
        serde_json::from_value(json!({
            "metadata": {"annotations": {COMMAND: serde_json::to_string(given).unwrap()}},
            "status": {"commands": commands},
        }))
        .unwrap()
    }

    fn given(command: &'static str) -> Given {
        Given::new(command, "alice".to_owned()).unwrap()
    }

    #[test]
    fn a_command_that_waits_for_its_answer_is_left_but_for_an_abort() {
        let before = given("pause");
        assert!(given("approve").may_replace(&object(&before, None)).is_err());
        assert!(given("approve").may_replace(&object(&before, Some("Taken"))).is_err());
        assert_eq!(given("approve").may_replace(&object(&before, Some("Refused"))), Ok(()));
        assert_eq!(given("abort").may_replace(&object(&before, None)), Ok(()));
        // No controller runs.
        let old = Given { at: before.at - SignedDuration::from_secs(11), ..before };
        assert_eq!(given("approve").may_replace(&object(&old, None)), Ok(()));
    }

    #[test]
    fn an_object_without_a_command_takes_one() {
        let object = serde_json::from_value(json!({"metadata": {}})).unwrap();
        assert_eq!(given("pause").may_replace(&object), Ok(()));
    }

    #[test]
    fn the_answer_is_that_of_this_command() {
        let own = given("pause");
        let done = Some(Answer { done: true, message: "why".to_owned() });
        assert_eq!(answer(&object(&own, Some("Done")), &own.id), done);
        assert_eq!(answer(&object(&own, Some("Taken")), &own.id), None);
        assert_eq!(answer(&object(&own, Some("Done")), "other"), None);
    }

    #[test]
    fn ids_differ() {
        let (one, other) = (given("pause").id, given("pause").id);
        assert_eq!(one.len(), 16);
        assert_ne!(one, other);
    }
}
