//! Events on the objects: every decision, and what happens without one.
//!
//! An Event is named after what it tells of, so that it is there once, whoever writes it. Who begins
//! to lead tells again of what was decided a moment ago: the leader before may have stored that and
//! have had no time to tell.

use core::time::Duration;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{DynamicObject, ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::timeout;

use super::kinds::Key;
use super::leader::{Term, WriteError};
use crate::engine::Clock;
use crate::notify::is_trouble;
use crate::store::Record;

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// What was decided longer ago was told by who decided it: a lease passes on within seconds, and
/// clocks are minutes apart at most.
const A_MOMENT: Duration = Duration::from_mins(5);

/// How soon an Event that was not taken is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// Who tells.
pub(super) struct Teller {
    client: Client,
    term: Term,
    identity: String,
}

/// What is told.
struct Told<'a> {
    at_ms: u64,
    reason: &'a str,
    note: &'a str,
    trouble: bool,
}

impl Teller {
    pub(super) const fn new(client: Client, term: Term, identity: String) -> Self {
        Self { client, term, identity }
    }

    /// Tells of each decision once it is stored, until nothing is stored any more.
    pub(super) async fn follow(
        self: Arc<Self>,
        object: ObjectReference,
        mut records: watch::Receiver<Option<Arc<Record>>>,
    ) {
        let moment = u64::try_from(A_MOMENT.as_millis()).unwrap_or(u64::MAX);
        let since_ms = Clock::system().wall_ms().saturating_sub(moment);
        let mut told = None;
        loop {
            let record = records.borrow_and_update().clone();
            let mut all = true;
            if let Some(record) = record {
                // On the heap, since a request takes up much and is hardly ever under way.
                let before = told.unwrap_or_else(|| last_before(&record, since_ms));
                let (last, done) = Box::pin(self.tell(&object, &record, before)).await;
                (told, all) = (Some(last), done);
            }
            let news = records.changed();
            let goes_on =
                if all { news.await } else { timeout(AGAIN, news).await.unwrap_or(Ok(())) };
            if goes_on.is_err() {
                return;
            }
        }
    }

    /// Tells of the decisions after the one of this number. Gives the number of the last that was
    /// told, and whether that is all.
    async fn tell(&self, object: &ObjectReference, record: &Record, after: u64) -> (u64, bool) {
        let mut last = after;
        let news = record.decisions.iter().filter(|decision| decision.number > after);
        for decision in news {
            let reason = decision.decision.reason;
            let told = Told {
                at_ms: decision.at_ms,
                reason: &format!("{reason:?}"),
                note: &decision.decision.message,
                trouble: is_trouble(reason),
            };
            if !self.post(object, &told).await {
                return (last, false);
            }
            last = decision.number;
        }
        (last, true)
    }

    /// Tells of something that is no decision of a rollout and calls for a look.
    pub(super) async fn warn(&self, object: &DynamicObject, reason: &str, note: &str) {
        let at_ms = Clock::system().wall_ms();
        self.post(&reference(object), &Told { at_ms, reason, note, trouble: true }).await;
    }

    /// Writes an Event, and says whether there is nothing left to do for it.
    async fn post(&self, object: &ObjectReference, told: &Told<'_>) -> bool {
        let event = event(object, told, &self.identity);
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let options = PostParams::default();
        match self.term.write(api.create(&options, &event)).await {
            Ok(_) => true,
            // It was told before.
            Err(error) if error.is_conflict() => true,
            Err(error) => {
                tracing::warn!(object = object.name.as_deref(), %error, "an Event was not taken");
                is_for_good(&error)
            }
        }
    }
}

/// The number of the decision before the first that was taken since then, 0 where there is none. From
/// there on the numbers say what is new: a clock may be set back.
fn last_before(record: &Record, since_ms: u64) -> u64 {
    let before = record.decisions.iter().take_while(|decision| decision.at_ms < since_ms);
    before.last().map_or(0, |decision| decision.number)
}

/// Whether an Event that was refused will be refused again.
fn is_for_good(error: &WriteError) -> bool {
    match error {
        WriteError::Refused(kube::Error::Api(refused)) => {
            (400..500).contains(&refused.code) && refused.code != 429
        }
        WriteError::Refused(_) | WriteError::NotLeading(_) => false,
    }
}

/// Names an object in Events.
pub(super) fn reference(object: &DynamicObject) -> ObjectReference {
    let Key { namespace, name } = Key::of(object);
    ObjectReference {
        api_version: Some("serin.dev/v1alpha1".to_owned()),
        kind: Some("CanaryRelease".to_owned()),
        name: Some(name),
        namespace: Some(namespace),
        uid: object.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

fn event(object: &ObjectReference, told: &Told<'_>, identity: &str) -> Event {
    let millis = i64::try_from(told.at_ms).unwrap_or(i64::MAX);
    Event {
        metadata: ObjectMeta {
            name: Some(name(object, told)),
            namespace: object.namespace.clone(),
            ..ObjectMeta::default()
        },
        type_: Some(if told.trouble { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(told.reason.to_owned()),
        note: Some(cut(told.note)),
        action: Some("Rollout".to_owned()),
        event_time: Some(MicroTime(Timestamp::from_millisecond(millis).unwrap_or_default())),
        regarding: Some(object.clone()),
        reporting_controller: Some("serin.dev/serin".to_owned()),
        reporting_instance: Some(identity.to_owned()),
        ..Event::default()
    }
}

/// The release's name, when, and what: another Event has another name, the same one has the same.
fn name(object: &ObjectReference, told: &Told<'_>) -> String {
    let uid = object.uid.as_deref().unwrap_or_default();
    let text = format!("{uid} {} {}", told.reason, told.note);
    let what = murmur3::murmur3_32(&mut text.as_bytes(), 0).unwrap_or_default();
    format!("{}.{:x}.{what:08x}", object.name.as_deref().unwrap_or_default(), told.at_ms)
}

fn cut(message: &str) -> String {
    let mut end = message.len().min(LONGEST_NOTE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serin_rollout::{Decision, Reason, State, Version};

    use super::*;

    #[test]
    fn the_same_is_told_once_whoever_tells_it_and_anything_else_beside_it() {
        let object = |uid: &str| ObjectReference {
            name: Some("web".to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        let told = |at_ms, reason, note| Told { at_ms, reason, note, trouble: false };
        let named = |object: &ObjectReference, told: &Told<'_>, identity| {
            event(object, told, identity).metadata.name.unwrap()
        };
        let first = named(&object("1"), &told(7, "Advanced", "to 5%"), "serin-0");
        assert_eq!(first, named(&object("1"), &told(7, "Advanced", "to 5%"), "serin-1"));
        for other in [
            named(&object("2"), &told(7, "Advanced", "to 5%"), "serin-0"),
            named(&object("1"), &told(8, "Advanced", "to 5%"), "serin-0"),
            named(&object("1"), &told(7, "Harm", "to 5%"), "serin-0"),
            named(&object("1"), &told(7, "Advanced", "to 25%"), "serin-0"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn who_begins_tells_of_the_last_minutes_and_then_of_all_that_comes_whatever_the_clock_does() {
        let state = State::fresh(Version("v2".to_owned()), None, 0);
        let mut record = Record::new("demo", "shop", state, "demo/shop/1".parse().unwrap());
        assert_eq!(last_before(&record, 10), 0, "nothing is decided yet");
        let decided = [
            (8, Reason::Advanced),
            (9, Reason::Succeeded),
            (10, Reason::Advanced),
            // The clock was set back.
            (3, Reason::Succeeded),
        ];
        for (at_ms, reason) in decided {
            record.log(Decision { reason, message: String::new() }, at_ms, || None);
        }
        let told = |since_ms| {
            let last = last_before(&record, since_ms);
            record.decisions.iter().filter(|it| it.number > last).count()
        };
        assert_eq!([told(8), told(9), told(11)], [4, 3, 0]);
    }

    #[test]
    fn a_note_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "ä".repeat(600) + "x";
        assert_eq!(cut(&long).len(), LONGEST_NOTE);
        let odd = format!("x{long}");
        assert_eq!(cut(&odd).len(), LONGEST_NOTE - 1);
    }
}
