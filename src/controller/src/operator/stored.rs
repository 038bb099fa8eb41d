//! What is stored in the objects, for the replicas that do not lead: they answer the same document.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use serin_document::{Revision, Rollout};

use super::keep::stored_text;
use super::kinds::{self, Key};
use super::supervise::Shared;
use crate::engine::Stop;
use crate::publish::Published;
use crate::store::Record;

/// Shows the stored document while another process leads.
pub(super) async fn mirror(shared: &Shared, mut stop: Stop) {
    let mut term = shared.term.clone();
    let mut news = shared.caches.news.clone();
    loop {
        news.borrow_and_update();
        match published(&shared.caches.releases.all()) {
            Ok(Some(published)) => shared.board.mirror(published),
            // No release, or none of them was ever published.
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the stored document is not accepted"),
        }
        tokio::select! {
            biased;
            () = stop.given() => return,
            () = term.begins() => return,
            changed = news.changed() => if changed.is_err() { return },
        }
    }
}

/// The document that was published last, as far as it is stored.
fn published(objects: &[Arc<DynamicObject>]) -> Result<Option<Published>, serin_document::Refused> {
    let mut objects: Vec<&DynamicObject> = objects.iter().map(Arc::as_ref).collect();
    // As the leader does it: the older one has what two want.
    objects.sort_by_key(|object| (kinds::made_ms(object), Key::of(object)));
    let records = objects.into_iter().filter_map(record);
    let mut newest = None;
    let mut rollouts = Vec::new();
    for record in records {
        newest = newest.max(record.document_revision);
        rollouts.extend(record.published);
    }
    let Some(newest) = newest else { return Ok(None) };
    Published::compile(Revision::new(newest), self::rollouts(newest, &rollouts)?).map(Some)
}

fn record(object: &DynamicObject) -> Option<Record> {
    Record::parse(stored_text(object)?).ok()
}

/// A release's part of the document as it was published last.
pub(super) fn rollout(record: &Record) -> Option<Rollout> {
    let published = record.published.as_ref()?;
    let revision = record.document_revision?;
    rollouts(revision, core::slice::from_ref(published)).ok()?.pop()
}

/// Reads rollouts as the module does.
fn rollouts(revision: u64, rollouts: &[Value]) -> Result<Vec<Rollout>, serin_document::Refused> {
    let document = json!({"formatVersion": "1.0", "revision": revision, "rollouts": rollouts});
    Ok(serin_document::parse(document.to_string().as_bytes())?.document.rollouts)
}
