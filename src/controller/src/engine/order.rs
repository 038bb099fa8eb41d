//! What others may ask of an engine, and what they hear.

use std::sync::Arc;

use serin_rollout::Command;
use tokio::sync::{mpsc, oneshot, watch};

use super::trail::Trail;
use crate::release::Release;
use crate::status::Status;
use crate::store::Journal;

/// A person's command on its way to the engine.
#[derive(Debug)]
pub struct Asked {
    /// What is asked for, and by whom.
    pub order: Order,
    /// Where the answer goes, once the decision was made and stored.
    pub answer: oneshot::Sender<Answer>,
}

/// A command and its giver.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is asked for.
    pub command: Command,
    /// By whom, as far as they said, for people who read the log; nothing is decided by it.
    pub by: String,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was followed; the status after it.
    Done(Arc<Status>),
    /// It does not fit the phase; why.
    Refused(String),
    /// It could not be stored, so it was not followed; why.
    NotStored(String),
    /// The release's state is not known yet; why.
    NotReady(String),
}

/// What became of a release file that was read again.
#[derive(Debug)]
pub enum Reload<O> {
    /// Its new content, and who looks at the world by it.
    Release(Arc<Release>, Arc<O>),
    /// It holds what it held when it was read before.
    Unchanged,
    /// It cannot be used; why. What was read before goes on.
    Refused(String),
}

/// One release as the server sees it.
#[derive(Clone, Debug)]
pub struct Handle {
    /// The release's namespace.
    pub namespace: String,
    /// The release's name.
    pub name: String,
    /// How it stands.
    pub status: watch::Receiver<Arc<Status>>,
    /// How its rollout went so far.
    pub trail: Trail,
    /// The intervals that its evidence is made from.
    pub journal: Arc<Journal>,
    pub(super) commands: mpsc::Sender<Box<Asked>>,
}

impl Handle {
    /// Gives a command and waits until it was decided and stored; `None` where the engine has
    /// ended.
    pub async fn command(&self, command: Command, by: &str) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        let order = Order { command, by: by.to_owned() };
        self.commands.send(Box::new(Asked { order, answer })).await.ok()?;
        answered.await.ok()
    }
}
