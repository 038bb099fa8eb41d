//! Commands that people write on the object, so that who and when stand there too.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde::{Deserialize, Serialize};
use serin_rollout::Command;
use tokio::time::sleep;

use super::keep::ObjectKeep;
use super::kinds::annotation;
use crate::engine::{Answer, Handle};

/// Where a command stands.
pub(crate) const COMMAND: &str = "serin.dev/command";

/// A command that is older than this when it is first seen came with a copy of the object.
const OLDEST: Duration = Duration::from_mins(10);

/// How soon one that could not be noted is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A command as its giver wrote it. Who and when are the giver's word; the proof is the API
/// server's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Given {
    id: String,
    command: String,
    by: String,
    at: Timestamp,
}

/// A command and what became of it, as status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    /// Names the command.
    pub(super) id: String,
    command: String,
    by: String,
    at: Timestamp,
    outcome: Outcome,
    message: String,
    time: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    /// It is about to be done. One that stands so after a crash is not done a second time.
    Taken,
    Done,
    Refused,
}

/// Takes up one release's commands.
#[derive(Debug)]
pub(super) struct Inbox {
    keep: Arc<ObjectKeep>,
    /// The last one that was taken up or found unreadable.
    seen: Option<String>,
    /// Names the last one that was taken up.
    newest: Arc<Mutex<String>>,
}

impl Inbox {
    pub(super) fn new(keep: Arc<ObjectKeep>, object: &DynamicObject) -> Self {
        // What was taken up before this process led stands in the status.
        let seen = annotation(object, COMMAND)
            .filter(|text| {
                serde_json::from_str::<Given>(text).is_ok_and(|given| keep.knows_command(&given.id))
            })
            .map(str::to_owned);
        Self { keep, seen, newest: Arc::default() }
    }

    /// Takes up the object's command, where it is a new one.
    pub(super) fn take(&mut self, object: &DynamicObject, handle: &Handle) {
        let Some(text) = annotation(object, COMMAND) else { return };
        if self.seen.as_deref() == Some(text) {
            return;
        }
        self.seen = Some(text.to_owned());
        let given: Given = match serde_json::from_str(text) {
            Ok(given) => given,
            Err(error) => {
                tracing::warn!(release = handle.name, "{COMMAND} is no command: {error}");
                return;
            }
        };
        if !self.keep.knows_command(&given.id) {
            given.id.clone_into(&mut self.newest.lock().unwrap_or_else(PoisonError::into_inner));
            let newest = Arc::clone(&self.newest);
            tokio::spawn(carry_out(Arc::clone(&self.keep), handle.clone(), given, newest));
        }
    }
}

async fn carry_out(
    keep: Arc<ObjectKeep>,
    handle: Handle,
    given: Given,
    newest: Arc<Mutex<String>>,
) {
    let now = Timestamp::now();
    let (outcome, message) = match understood(&given, now) {
        Err(why) => (Outcome::Refused, why),
        Ok(command) => {
            let taken = given.answer(Outcome::Taken, String::new(), now);
            let waits = || {
                handle.status.has_changed().is_ok()
                    && *newest.lock().unwrap_or_else(PoisonError::into_inner) == given.id
                    && understood(&given, Timestamp::now()).is_ok()
            };
            if let Err(why) = noted(|| keep.answer(taken.clone()), waits).await {
                tracing::error!(
                    release = handle.name,
                    command = given.command,
                    by = given.by,
                    "a command is not done, since it cannot be noted: {why}"
                );
                return;
            }
            tracing::info!(
                release = handle.name,
                command = given.command,
                by = given.by,
                "command on the object"
            );
            match handle.command(command, &given.by).await {
                Some(Answer::Done(status)) => (Outcome::Done, status.message.clone()),
                Some(Answer::Refused(why) | Answer::NotStored(why) | Answer::NotReady(why)) => {
                    (Outcome::Refused, why)
                }
                None => (Outcome::Refused, "the controller is ending: give it again".to_owned()),
            }
        }
    };
    let answered = given.answer(outcome, message, Timestamp::now());
    if let Err(why) = keep.answer(answered).await {
        tracing::error!(release = handle.name, "what became of a command is not stored: {why}");
    }
}

/// Notes that a command is about to be done, again and again while it `waits`: an API server that is
/// away for a moment must not lose an abort.
async fn noted<F: Future<Output = Result<(), String>>>(
    note: impl Fn() -> F,
    waits: impl Fn() -> bool,
) -> Result<(), String> {
    loop {
        let Err(why) = note().await else { return Ok(()) };
        sleep(AGAIN).await;
        if !waits() {
            return Err(why);
        }
        tracing::warn!("a command could not be noted yet: {why}");
    }
}

fn understood(given: &Given, now: Timestamp) -> Result<Command, String> {
    let age = now.duration_since(given.at);
    if age.unsigned_abs() > OLDEST {
        let by = age_of(age.unsigned_abs());
        match given.command.as_str() {
            _ if age.is_positive() => return Err(format!("it is {by} old: give it again")),
            // Whoever wants everyone back on stable is not asked for the time.
            "abort" => {}
            // It would stay young for as long, on every copy of the object.
            _ => return Err(format!("it is dated {by} ahead of the controller's clock")),
        }
    }
    let command = &given.command;
    Command::of_word(command).ok_or_else(|| format!("there is no command `{command}`"))
}

fn age_of(age: Duration) -> String {
    serin_document::duration::format(Duration::from_secs(age.as_secs()))
}

impl Given {
    fn answer(&self, outcome: Outcome, message: String, time: Timestamp) -> Answered {
        let Self { id, command, by, at } = self.clone();
        Answered { id, command, by, at, outcome, message, time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(command: &str, age: i64) -> (Given, Timestamp) {
        let now: Timestamp = "2026-11-26T02:00:00Z".parse().unwrap();
        let at = now - jiff::SignedDuration::from_secs(age);
        let given =
            Given { id: "1".to_owned(), command: command.to_owned(), by: "a".to_owned(), at };
        (given, now)
    }

    #[test]
    fn a_command_from_a_copy_of_the_object_is_refused() {
        let (fresh, now) = given("abort", 600);
        assert_eq!(understood(&fresh, now), Ok(Command::Abort));
        let (old, now) = given("abort", 10_800);
        assert_eq!(understood(&old, now), Err("it is 3h old: give it again".to_owned()));
        // A giver whose clock is ahead.
        let (ahead, now) = given("resume", -600);
        assert_eq!(understood(&ahead, now), Ok(Command::Resume));
        let (ahead, now) = given("resume", -3_600);
        let refused = "it is dated 1h ahead of the controller's clock";
        assert_eq!(understood(&ahead, now), Err(refused.to_owned()));
        let (ahead, now) = given("abort", -3_600);
        assert_eq!(understood(&ahead, now), Ok(Command::Abort));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_cannot_be_noted_at_once_waits_until_it_can_or_is_of_no_use() {
        let tries = core::cell::Cell::new(0);
        let away_for = |times| {
            let tries = &tries;
            move || {
                tries.set(tries.get() + 1);
                let outcome = if tries.get() > times { Ok(()) } else { Err("away".to_owned()) };
                core::future::ready(outcome)
            }
        };
        assert_eq!(noted(away_for(3), || true).await, Ok(()));
        assert_eq!(tries.replace(0), 4);
        assert_eq!(noted(away_for(9), || tries.get() < 2).await, Err("away".to_owned()));
        assert_eq!(tries.get(), 2);
    }

    #[test]
    fn an_unknown_command_is_refused_by_name() {
        let (given, now) = given("explode", 0);
        assert_eq!(understood(&given, now), Err("there is no command `explode`".to_owned()));
        // What `promote --skip-step` writes.
        let (given, now) = self::given("skipStep", 0);
        assert_eq!(understood(&given, now), Ok(Command::SkipStep));
    }
}
