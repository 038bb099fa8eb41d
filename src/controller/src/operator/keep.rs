//! The record in the status of its object: one write holds what the controller goes on from and
//! what people see.

use core::hash::{Hash as _, Hasher as _};
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};
use std::hash::DefaultHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};

use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::client::CONFLICTS;
use super::commands::Answered;
use super::kinds::{Key, generation};
use super::leader::Term;
use crate::engine::Keep;
use crate::release::Release;
use crate::status::Status;
use crate::status::kubernetes::Condition;
use crate::store::{Journal, Memory, Record, StoreError};

/// Where one release keeps its record.
#[derive(Debug)]
pub(super) struct ObjectKeep {
    api: Api<DynamicObject>,
    key: Key,
    term: Term,
    journal: Arc<Journal>,
    /// The object as it was last read or written here; held while a write is under way.
    last: Mutex<Last>,
    /// The last record that is stored, for who follows it.
    records: watch::Sender<Option<Arc<Record>>>,
    /// What the release asks for, and how it stands.
    about: watch::Receiver<Arc<Release>>,
    status: OnceLock<watch::Receiver<Arc<Status>>>,
    /// The newest commands and what became of them, oldest first.
    commands: std::sync::Mutex<Vec<Answered>>,
    /// Whether the object was found to hold a state that is not from here.
    overtaken: AtomicBool,
}

/// How long storing a command may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many commands status shows.
const COMMANDS: usize = 10;

#[derive(Debug)]
struct Last {
    version: Option<String>,
    generation: u64,
    /// Names the record in the object.
    record: Option<u64>,
    /// Names what its status says, to leave a write out that changes nothing.
    essence: Option<u64>,
    /// The conditions there, which say since when each is so.
    conditions: Vec<Condition>,
    /// Names the records that were sent since, of which nobody knows yet whether they have arrived.
    sent: HashSet<u64>,
}

impl ObjectKeep {
    pub(super) fn new(
        api: Api<DynamicObject>,
        object: &DynamicObject,
        (term, journal): (Term, Arc<Journal>),
        about: watch::Receiver<Arc<Release>>,
        stored: Option<Record>,
    ) -> Self {
        Self {
            api,
            key: Key::of(object),
            term,
            journal,
            last: Mutex::new(Last::of(object)),
            records: watch::Sender::new(stored.map(Arc::new)),
            about,
            status: OnceLock::new(),
            commands: std::sync::Mutex::new(commands(object)),
            overtaken: AtomicBool::new(false),
        }
    }

    /// Whether somebody else has stored a state: nothing more can be stored from here.
    pub(super) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Relaxed)
    }

    /// Whether a command of this name was taken up.
    pub(super) fn knows_command(&self, id: &str) -> bool {
        self.commands().iter().any(|answered| answered.id == id)
    }

    /// Stores what became of a command.
    ///
    /// # Errors
    /// Why it is not stored.
    pub(super) async fn answer(&self, answered: Answered) -> Result<(), String> {
        {
            let mut commands = self.commands();
            commands.retain(|other| other.id != answered.id);
            commands.push(answered);
            let excess = commands.len().saturating_sub(COMMANDS);
            commands.drain(..excess);
        }
        let record = self.records.borrow().clone();
        match record {
            // The engine must not wait behind it.
            Some(record) => match timeout(PATIENCE, self.put(&record)).await {
                Ok(stored) => stored.map_err(|Refusal(why)| why),
                Err(_) => Err(format!("no answer within {PATIENCE:?}")),
            },
            None => Err("nothing is stored of the release yet".to_owned()),
        }
    }

    fn commands(&self) -> MutexGuard<'_, Vec<Answered>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the engine tells how things stand; conditions that are in no record come from there.
    pub(super) fn follow(&self, status: watch::Receiver<Arc<Status>>) {
        drop(self.status.set(status));
    }

    /// The stored records, as they come.
    pub(super) fn records(&self) -> watch::Receiver<Option<Arc<Record>>> {
        self.records.subscribe()
    }

    async fn put(&self, record: &Record) -> Result<(), Refusal> {
        let mut last = self.last.lock().await;
        let text = serde_json::to_string(record).map_err(|error| Refusal(error.to_string()))?;
        for _ in 0..CONFLICTS {
            let status = self.render(record, &text, &last);
            if last.essence == Some(essence(&status)) {
                return Ok(());
            }
            let body = json!({
                "apiVersion": "serin.dev/v1alpha1",
                "kind": "CanaryRelease",
                "metadata": {
                    "name": self.key.name,
                    "namespace": self.key.namespace,
                    "resourceVersion": last.version,
                },
                "status": status,
            });
            let body = serde_json::from_value(body).map_err(|error| Refusal(error.to_string()))?;
            // Whoever waits for this may give it up on the way.
            last.sent.insert(name(&text));
            let options = PostParams::default();
            let write = self.api.replace_status(&self.key.name, &options, &body);
            match self.term.write(write).await {
                Ok(object) => {
                    *last = Last::of(&object);
                    return Ok(());
                }
                Err(error) if error.is_conflict() => {
                    let object = self.api.get(&self.key.name).await;
                    let found = Last::of(&object.map_err(|error| Refusal(error.to_string()))?);
                    if !last.leads_to(&found) {
                        self.overtaken.store(true, Ordering::Relaxed);
                        let why = "another controller has stored a state of this release";
                        return Err(Refusal(why.to_owned()));
                    }
                    *last = found;
                }
                Err(error) => return Err(Refusal(error.to_string())),
            }
        }
        Err(Refusal(format!("{CONFLICTS} writes in a row met another one")))
    }

    fn render(&self, record: &Record, text: &str, last: &Last) -> Value {
        let release = Arc::clone(&self.about.borrow());
        let shown = self.status.get().map(|status| Arc::clone(&status.borrow()));
        let (shown, before) = (shown.as_deref(), last.conditions.clone());
        let mut status = super::status::render(record, &release, shown, last.generation, before);
        if let Some(fields) = status.as_object_mut() {
            fields.insert("record".to_owned(), json!(text));
            fields.insert("commands".to_owned(), json!(*self.commands()));
        }
        status
    }
}

/// Why the API server does not have it.
struct Refusal(String);

impl Last {
    fn of(object: &DynamicObject) -> Self {
        let status = object.data.get("status");
        Self {
            version: object.metadata.resource_version.clone(),
            generation: generation(object),
            record: stored_text(object).map(name),
            essence: status.map(essence),
            conditions: super::status::conditions(status),
            sent: HashSet::new(),
        }
    }

    /// Whether what was found has the record of before, or one that was sent from here and has
    /// arrived though nobody heard so.
    fn leads_to(&self, found: &Self) -> bool {
        found.record == self.record
            || found.record.is_some_and(|record| self.sent.contains(&record))
    }
}

/// Names a record by its text, which is long.
fn name(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The text of the record in an object's status.
pub(super) fn stored_text(object: &DynamicObject) -> Option<&str> {
    object.data.get("status")?.get("record")?.as_str()
}

/// The commands in an object's status. What is not understood is of another version.
fn commands(object: &DynamicObject) -> Vec<Answered> {
    let commands = object.data.get("status").and_then(|status| status.get("commands"));
    commands.and_then(|it| serde_json::from_value(it.clone()).ok()).unwrap_or_default()
}

/// What is counted on though nothing goes on; none of it is worth a write then.
const COUNTERS: [&str; 5] = ["gates", "noDataMs", "notReadyMs", "unprovedMs", "clock"];

/// Names what a status says that is news once it changes. The serial number of a record is none, and
/// neither is what is counted while nothing goes on.
fn essence(status: &Value) -> u64 {
    let record = status.get("record").and_then(Value::as_str);
    let mut record: Option<Value> = record.and_then(|text| serde_json::from_str(text).ok());
    let phase = status.get("phase").and_then(Value::as_str);
    let rests = matches!(phase, Some("Pending" | "Succeeded" | "RolledBack"));
    let told = |name: &str| name != "record" && !(rests && name == "gates");
    let fields = status.as_object().into_iter().flatten();
    let status: BTreeMap<&String, &Value> = fields.filter(|(name, _)| told(name)).collect();
    if let Some(record) = record.as_mut().and_then(Value::as_object_mut) {
        record.remove("serial");
        if rests {
            record.remove("panel");
        }
        let state = record.get_mut("state").and_then(Value::as_object_mut);
        if let Some(state) = state.filter(|_| rests) {
            for counter in COUNTERS {
                state.remove(counter);
            }
        }
    }
    name(&json!([status, record]).to_string())
}

impl Keep for Arc<ObjectKeep> {
    /// An object is rewritten as a whole, is limited to 1.5 MB, and what a decision follows from is
    /// some 5 KB.
    const MEMORY: Memory = Memory { decisions: 30, with_inputs: 5 };

    async fn keep(&self, record: Record) -> Result<(), StoreError> {
        let object = self.key.to_string();
        match self.put(&record).await {
            Ok(()) => {
                self.records.send_replace(Some(Arc::new(record)));
                Ok(())
            }
            Err(Refusal(why)) => Err(StoreError::Object { object, why }),
        }
    }

    fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(record: &str) -> Last {
        let object = json!({"metadata": {"name": "web"}, "status": {"record": record}});
        Last::of(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_record_that_arrived_unheard_is_our_own_and_any_other_is_not() {
        let mut before = last("1");
        assert!(before.leads_to(&last("1")) && !before.leads_to(&last("2")));
        before.sent.insert(name("2"));
        assert!(before.leads_to(&last("2")) && !before.leads_to(&last("3")));
        // Somebody has removed it, so that the release begins anew.
        before.sent.insert(name(""));
        let none = serde_json::from_value(json!({"metadata": {"name": "web"}})).unwrap();
        assert!(!before.leads_to(&Last::of(&none)));
    }
}
