//! The loop of one release: look, decide, store, act; and again.
//!
//! Nothing here decides. A pass gathers an observation within a deadline, has [`judged::pass`] judge
//! and decide, brings the intent to the disk, then shows it to filters and people.
//! What cannot wait does not: a command, or one gate that sees harm, is decided at once with what
//! is known by then, however long other answers take.

mod apply;
mod bounds;
mod carry;
mod clock;
mod gathering;
pub mod judged;
mod order;
mod pass;
mod pending;
mod readings;
mod recover;
mod report;
mod seen;
mod settle;
mod task;
mod trail;

pub use carry::{Carry, Change, Load, NotCarried};
pub(crate) use carry::{lowered_by_hand, wanted};
pub use clock::{Clock, Stop};
pub use order::{Answer, Asked, Handle, Order, Reload};
pub(crate) use readings::NOT_SPLIT;
pub(crate) use report::{decisions, recorded};
pub use seen::{Observe, Part, Question};
pub use task::{Engine, Inbox};
pub use trail::{Curves, Point, Ratio, Trail};

use crate::store::{Journal, Memory, Record, StateFile, StoreError};

/// Where an engine keeps its record.
pub trait Keep: Send + Sync + 'static {
    /// How much there is room for.
    const MEMORY: Memory = Memory::WHOLE;

    /// Returns once the record would survive a crash.
    ///
    /// # Errors
    /// [`StoreError`] where it would not; what was kept before is then still kept.
    fn keep(&self, record: Record) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Where the intervals go that the evidence is made from.
    fn journal(&self) -> &std::sync::Arc<Journal>;
}

impl Keep for std::sync::Arc<StateFile> {
    async fn keep(&self, record: Record) -> Result<(), StoreError> {
        let failed = StoreError::Write {
            path: self.path().to_owned(),
            source: std::io::Error::other("the task that writes it ended early"),
        };
        // One at a time: while the disk hangs, no more than one thread may hang with it.
        let turn = self.turn().await;
        let file = Self::clone(self);
        let write = move || {
            let stored = file.save(&record);
            drop(turn);
            stored
        };
        // The write goes on, and ends in order, even when nobody waits for it any longer.
        tokio::task::spawn_blocking(write).await.unwrap_or(Err(failed))
    }

    fn journal(&self) -> &std::sync::Arc<Journal> {
        StateFile::journal(self)
    }
}

#[cfg(test)]
pub(crate) mod carried;
#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;
