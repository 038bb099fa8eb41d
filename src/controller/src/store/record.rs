//! What is stored of a release, and its strict reading.

use std::collections::{BTreeMap, VecDeque};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serin_assignment::{Salt, Weight};
use serin_document::{Buckets, Revision};
use serin_judge::panel::Panel;
use serin_rollout::{Alert, Decision, State, Traffic};

use super::bounds::Bounds;
use crate::folded::Folded;

/// The file's format. Another number is another format, read by another version of Serin.
const FORMAT: u32 = 1;

/// How much is remembered of the decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// How many decisions.
    pub decisions: usize,
    /// Of how many of them, the newest, what they follow from.
    pub with_inputs: usize,
}

impl Memory {
    /// A rollout of ten steps with a few holds each, and all that it followed from.
    pub const WHOLE: Self = Self { decisions: 100, with_inputs: 100 };
}

/// All that is stored of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    format_version: u32,
    /// The release's namespace.
    pub namespace: String,
    /// The release's name.
    pub name: String,
    /// Rises with every record that is stored.
    pub serial: u64,
    /// Where the rollout is.
    pub state: State,
    /// Its evidence, as of the same moment; `None` before anybody was on the canary.
    #[serde(default)]
    pub panel: Option<Panel>,
    /// The bounds of the latency gates that have them chosen from stable. They stay within a
    /// rollout, as its counts are about them.
    #[serde(default)]
    pub bounds: Bounds,
    /// The salt in use. It must not change while anybody is on the canary, whatever the release
    /// file says by now.
    pub salt: Salt,
    /// The part of the users in use. While anybody is on the canary it may only become wider, and
    /// only at its end: anything else would move users.
    #[serde(default)]
    pub buckets: Buckets,
    /// The alerts whose cause has not gone, oldest first.
    pub alerts: Vec<ActiveAlert>,
    /// The newest decisions, oldest first.
    pub decisions: VecDeque<Logged>,
    /// The number of the last decision that each receiver of notifications has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, u64>,
    /// The traffic that the router was last seen to have. What the state asks for beside that was
    /// never written, so that the router lacks it by nobody's doing; `None` where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Traffic>,
    /// Since when the state's traffic is in the assignment document.
    pub live: Option<Live>,
    /// The revision of the newest assignment document that this release's change made, so that the
    /// next one is above it even when the clock was set back in between.
    pub document_revision: Option<u64>,
    /// The release's part of that document.
    pub published: Option<Folded>,
}

/// An alert whose cause has not gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActiveAlert {
    /// What people must know of.
    pub name: Alert,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

/// A decision as it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Logged {
    /// Which of the release's decisions it is, counted from 1; 0 of a record by a version that did
    /// not count.
    #[serde(default)]
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What was decided, and why.
    pub decision: Decision,
    /// All that it follows from; `None` of a record by a version that did not keep it.
    #[serde(default)]
    pub inputs: Option<Folded>,
    /// What a person asked for at the same time; it need not be what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// The step after it, counted from 0.
    pub step: usize,
    /// The canary's share after it.
    pub weight: Weight,
}

/// A person's command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Given {
    /// Its word, such as `abort`.
    pub command: String,
    /// Who gave it, as far as they said.
    pub by: String,
}

/// Traffic that is in the assignment document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Live {
    /// Its revision.
    pub revision: u64,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

impl Record {
    /// The record of a release of which nothing has been stored yet.
    #[must_use]
    pub fn new(namespace: &str, name: &str, state: State, salt: Salt) -> Self {
        Self {
            format_version: FORMAT,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            serial: 0,
            state,
            panel: None,
            bounds: Bounds::default(),
            salt,
            buckets: Buckets::ALL,
            alerts: Vec::new(),
            decisions: VecDeque::new(),
            told: BTreeMap::new(),
            routed: None,
            live: None,
            document_revision: None,
            published: None,
        }
    }

    /// Reads a record that is kept as text.
    ///
    /// # Errors
    /// Which part of it is not understood; a rewrite would lose that.
    pub fn parse(json: &str) -> Result<Self, String> {
        read(json.as_bytes())
    }

    /// Remembers a decision where it differs in kind, step or weight from the one before it (the
    /// numbers of a hold change in every pass) and says whether it does.
    pub fn log(
        &mut self,
        decision: Decision,
        at_ms: u64,
        inputs: impl FnOnce() -> Option<Folded>,
    ) -> bool {
        let (step, weight) = (self.state.step, self.state.traffic.weight);
        let same = self.decisions.back().is_some_and(|last| {
            last.decision.reason == decision.reason && last.step == step && last.weight == weight
        });
        if same {
            return false;
        }
        let number = self.decisions.back().map_or(0, |last| last.number) + 1;
        let given = None;
        let entry = Logged { number, at_ms, decision, inputs: inputs(), given, step, weight };
        self.decisions.push_back(entry);
        true
    }

    /// Notes which command was given when the newest decision was taken.
    pub fn sign(&mut self, given: Given) {
        if let Some(last) = self.decisions.back_mut() {
            last.given = Some(given);
        }
    }

    /// Notes who is told from now on. Who is new begins with what comes next; who is told no more is
    /// forgotten, so that a later one of the same name is not told of the past.
    pub fn begin_telling(&mut self, receivers: &[&str]) {
        let last = self.decisions.back().map_or(0, |last| last.number);
        self.told.retain(|known, _| receivers.contains(&known.as_str()));
        for receiver in receivers {
            self.told.entry((*receiver).to_owned()).or_insert(last);
        }
    }

    /// Forgets the oldest of what there is no room for.
    pub fn remember_only(&mut self, memory: Memory) {
        let excess = self.decisions.len().saturating_sub(memory.decisions);
        self.decisions.drain(..excess);
        let bare = self.decisions.len().saturating_sub(memory.with_inputs);
        for decision in self.decisions.iter_mut().take(bare) {
            decision.inputs = None;
        }
    }

    /// Whether every receiver has every decision.
    #[must_use]
    pub fn all_told(&self) -> bool {
        let last = self.decisions.back().map_or(0, |last| last.number);
        self.told.values().all(|told| *told >= last)
    }

    /// Notes an alert and says whether it is a new one.
    pub fn raise(&mut self, name: Alert, since_ms: u64) -> bool {
        let known = self.alerts.iter().any(|active| active.name == name);
        if !known {
            self.alerts.push(ActiveAlert { name, since_ms });
        }
        !known
    }

    /// Takes an alert away and says whether it was there.
    pub fn clear(&mut self, name: Alert) -> bool {
        let before = self.alerts.len();
        self.alerts.retain(|active| active.name != name);
        self.alerts.len() < before
    }
}

/// Reads a record, refusing whatever a rewrite would lose: what this version does not understand
/// must not be dropped by the next save.
pub(super) fn read(json: &[u8]) -> Result<Record, String> {
    let value: Value = serde_json::from_slice(json).map_err(|e| format!("it is no JSON: {e}"))?;
    match value.get("formatVersion").and_then(Value::as_u64) {
        Some(version) if version == u64::from(FORMAT) => {}
        Some(version) => {
            return Err(format!(
                "formatVersion is {version}, and this version of Serin reads {FORMAT} only"
            ));
        }
        None => return Err("formatVersion is missing or no number".to_owned()),
    }
    let record: Record = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let kept = serde_json::to_value(&record).map_err(|e| e.to_string())?;
    match lost(&value, &kept) {
        None => revisions_in_range(&record).map(|()| record),
        Some(path) => Err(format!("{path} is unknown, or its value is not understood")),
    }
}

/// A revision above the highest that a document may carry would have every document refused, and
/// leaves no room for the next one.
fn revisions_in_range(record: &Record) -> Result<(), String> {
    let published = record.published.as_ref().map(Folded::unfold).unwrap_or_default();
    let revisions = [
        ("state.traffic.revision", Some(record.state.traffic.revision)),
        ("live.revision", record.live.map(|live| live.revision)),
        ("documentRevision", record.document_revision),
        ("published.revision", published.get("revision").and_then(Value::as_u64)),
    ];
    let highest = Revision::MAX.get();
    for (field, revision) in revisions {
        if let Some(revision) = revision.filter(|revision| *revision > highest) {
            return Err(format!(
                "{field} is {revision}, and a revision is at most {highest} (2^53 - 1)"
            ));
        }
    }
    Ok(())
}

/// The path of the first value in `read` that `kept` does not have in the same way.
fn lost(read: &Value, kept: &Value) -> Option<String> {
    match (read, kept) {
        (Value::Object(read), Value::Object(kept)) => read.iter().find_map(|(key, value)| {
            let inner = match kept.get(key) {
                Some(kept) => lost(value, kept)?,
                None => String::new(),
            };
            Some(join(key, &inner))
        }),
        (Value::Array(read), Value::Array(kept)) if read.len() == kept.len() => read
            .iter()
            .zip(kept)
            .enumerate()
            .find_map(|(at, (value, kept))| Some(join(&format!("[{at}]"), &lost(value, kept)?))),
        _ if read == kept => None,
        _ => Some(String::new()),
    }
}

fn join(key: &str, inner: &str) -> String {
    if inner.is_empty() || inner.starts_with('[') {
        format!("{key}{inner}")
    } else {
        format!("{key}.{inner}")
    }
}
