//! What is stored in the objects, for the replicas that do not lead: they answer the same document.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use serin_document::{Refused, Revision, Rollout};
use tokio::time::{Duration, sleep};

use super::kept::Kept;
use super::kinds::Key;
use super::supervise::Shared;
use crate::engine::Stop;
use crate::folded::Folded;
use crate::publish::Published;
use crate::store::Record;

/// How long a look waits for further changes.
const TOGETHER: Duration = Duration::from_millis(50);

/// Shows the stored document while another process leads.
pub(super) async fn mirror(shared: &Shared, mut stop: Stop) {
    let mut term = shared.term.clone();
    let mut news = shared.caches.news.clone();
    let mut mirror = Mirror::default();
    loop {
        news.borrow_and_update();
        // Asked for first: those who have left by then are not among the objects any more.
        let left_at = shared.caches.releases.left_at();
        if mirror.look(&shared.caches.releases.all(), left_at) {
            match mirror.published() {
                Ok(Some(published)) => shared.board.mirror(published),
                // No release, or none of them was ever published.
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the stored document is not accepted"),
            }
        }
        tokio::select! {
            biased;
            () = stop.given() => return,
            () = term.begins() => return,
            changed = news.changed() => if changed.is_err() { return },
        }
        sleep(TOGETHER).await;
    }
}

/// What was read of each object: only one that has changed is read again.
#[derive(Default)]
struct Mirror {
    releases: BTreeMap<Key, Mirrored>,
    /// The revision of the first document without those that were deleted.
    left_at: Option<u64>,
}

struct Mirrored {
    version: Option<String>,
    made_ms: i64,
    /// The newest document that the release's change made.
    newest: Option<u64>,
    rollout: Option<Arc<Rollout>>,
}

impl Mirror {
    /// Reads what has changed, and says whether the document may have.
    fn look(&mut self, objects: &[Arc<Kept>], left_at: Option<u64>) -> bool {
        let before = self.releases.len();
        let mut differs = self.left_at != left_at;
        self.left_at = left_at;
        let mut present = BTreeMap::new();
        for kept in objects {
            let known = self.releases.remove(kept.key());
            let known = known.filter(|known| known.version.as_deref() == kept.version());
            differs |= known.is_none();
            let mirrored = known.unwrap_or_else(|| Mirrored::of(kept));
            present.insert(kept.key().clone(), mirrored);
        }
        self.releases = present;
        differs || self.releases.len() != before
    }

    /// The document that was published last, as far as it is stored.
    fn published(&self) -> Result<Option<Published>, Refused> {
        let stored = self.releases.values().filter_map(|it| it.newest).max();
        let Some(newest) = stored.max(self.left_at) else { return Ok(None) };
        let mut ordered: Vec<(&Key, &Mirrored)> = self.releases.iter().collect();
        // As the leader does it: the older one has what two want.
        ordered.sort_by_key(|(key, mirrored)| (mirrored.made_ms, *key));
        let rollouts = ordered.into_iter().filter_map(|(_, it)| it.rollout.clone()).collect();
        Published::compile(Revision::new(newest), rollouts).map(Some)
    }
}

impl Mirrored {
    fn of(kept: &Kept) -> Self {
        let record = kept.record();
        Self {
            version: kept.version().map(str::to_owned),
            made_ms: kept.made_ms(),
            newest: record.as_ref().and_then(|record| record.document_revision),
            rollout: record.as_ref().and_then(rollout).map(Arc::new),
        }
    }
}

/// A release's part of the document as it was published last.
pub(super) fn rollout(record: &Record) -> Option<Rollout> {
    let published = record.published.as_ref().map(Folded::unfold)?;
    let revision = record.document_revision?;
    rollouts(revision, &[published]).ok()?.pop()
}

/// Reads rollouts as the module does.
fn rollouts(revision: u64, rollouts: &[Value]) -> Result<Vec<Rollout>, Refused> {
    let document = json!({"formatVersion": "1.0", "revision": revision, "rollouts": rollouts});
    Ok(serin_document::parse(document.to_string().as_bytes())?.document.rollouts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(version: &str, newest: u64, host: &str) -> Arc<Kept> {
        let published = json!({
            "name": "shop/web", "revision": 5, "hosts": [host], "paths": ["/"], "salt": "s",
            "weight": "5%", "canaryServes": true, "identity": [{"header": "x-user-id"}],
        });
        let state = serin_rollout::State::fresh(serin_rollout::Version("v2".to_owned()), None, 1);
        let mut record = Record::new("shop", "web", state, "s".parse().unwrap());
        record.document_revision = Some(newest);
        record.published = Folded::of(&published);
        let object = json!({
            "metadata": {"namespace": "shop", "name": "web", "resourceVersion": version},
            "status": {"record": serde_json::to_string(&record).unwrap()},
        });
        Arc::new(Kept::of(serde_json::from_value(object).unwrap()).unwrap())
    }

    #[test]
    fn only_what_has_changed_is_read_again_and_what_is_gone_leaves_the_document() {
        let mut mirror = Mirror::default();
        assert!(mirror.look(&[kept("1", 7, "a.example.com")], None));
        let shown = mirror.published().unwrap().unwrap();
        assert!(shown.revision.get() == 7 && shown.json.contains("a.example.com"));
        assert!(!mirror.look(&[kept("1", 8, "b.example.com")], None), "the same version");
        assert!(mirror.look(&[kept("2", 8, "b.example.com")], None));
        let shown = mirror.published().unwrap().unwrap();
        assert!(shown.revision.get() == 8 && shown.json.contains("b.example.com"));
        assert!(mirror.look(&[], None));
        assert!(mirror.published().unwrap().is_none());
    }

    #[test]
    fn a_release_that_was_deleted_leaves_the_document_under_a_revision_above_its_last() {
        let mut mirror = Mirror::default();
        mirror.look(&[kept("1", 7, "a.example.com")], None);
        assert!(mirror.look(&[], Some(8)));
        let shown = mirror.published().unwrap().unwrap();
        assert!(shown.revision.get() == 8 && shown.rollouts.is_empty());
        assert!(!mirror.look(&[], Some(8)) && mirror.look(&[], Some(9)));
    }
}
