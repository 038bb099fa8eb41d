//! Hooks of others that wait for an answer, as gates that ask.

use core::time::Duration;

use serde_json::{Map, Value};
use serin_document::duration;

use super::Parts;
use super::gates::Gates;
use super::steps::millis;

/// How long a gate may wait for an answer, in milliseconds.
const TIMEOUTS: (u64, u64) = (1_000, 300_000);

/// A question to another system.
pub(super) struct Ask {
    /// Where it stands in the document.
    pub(super) field: String,
    pub(super) name: String,
    pub(super) url: String,
    /// Before what it is asked: `start`, `exposure`, `rise`, `end`, or a weight.
    pub(super) before: String,
    /// As it is written there.
    pub(super) timeout: Option<String>,
    /// The release goes back at a no.
    pub(super) rolls_back: bool,
    /// What is to be said of its answers.
    pub(super) answers: &'static str,
}

impl Ask {
    /// Adds its gate.
    pub(super) fn put(self, gates: &mut Gates, parts: &mut Parts) {
        let mut gate = Map::from_iter([
            ("url".to_owned(), self.url.into()),
            ("before".to_owned(), self.before.clone().into()),
        ]);
        if self.rolls_back {
            gate.insert("onNo".to_owned(), "rollback".into());
        }
        let wanted = self.timeout.as_deref().and_then(millis);
        if let Some(wanted) = wanted {
            let given = wanted.clamp(TIMEOUTS.0, TIMEOUTS.1);
            gate.insert("timeout".to_owned(), written(given));
            if given != wanted {
                let what = "a gate waits 1s to 5m for an answer";
                parts.left_out(format!("{}.timeout", self.field), what);
            }
        }
        let name = gates.add(&self.name, "webhook", gate);
        let when = match self.before.as_str() {
            "start" => "before the canary gets pods".to_owned(),
            "exposure" => "before anybody is on the canary, once its pods are ready".to_owned(),
            "rise" => "before each later rise".to_owned(),
            "end" => "before the last step ends".to_owned(),
            weight => format!("before the rise to {weight}"),
        };
        parts.note(self.field, format!("it is gate `{name}`, asked {when}: {}", self.answers));
    }
}

fn written(ms: u64) -> Value {
    duration::format(Duration::from_millis(ms)).into()
}
