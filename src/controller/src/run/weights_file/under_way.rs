//! A change that is being made while its release goes on looking.

use core::time::Duration;
use std::sync::Arc;

use serin_rollout::Traffic;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::release::file::WeightsFile;

/// The work for one traffic. It is a task of its own, so that it ends in order whoever waits for it:
/// nothing that it writes can land after what a later one wrote.
#[derive(Debug)]
pub(super) struct UnderWay {
    file: Arc<WeightsFile>,
    traffic: Traffic,
    cut_short: Arc<Notify>,
    task: JoinHandle<Result<(), String>>,
}

impl UnderWay {
    /// Begins it. What hangs in it is to end when it is notified.
    pub(super) fn start<W>(
        file: Arc<WeightsFile>,
        traffic: Traffic,
        work: impl FnOnce(Arc<Notify>) -> W,
    ) -> Self
    where
        W: Future<Output = Result<(), String>> + Send + 'static,
    {
        let cut_short = Arc::new(Notify::new());
        let task = tokio::spawn(work(Arc::clone(&cut_short)));
        Self { file, traffic, cut_short, task }
    }

    /// Whether it brings this traffic into this file.
    pub(super) fn brings(&self, file: &Arc<WeightsFile>, traffic: Traffic) -> bool {
        Arc::ptr_eq(&self.file, file) && self.traffic == traffic
    }

    /// What became of it, where it ends by then. It must not be asked again after that.
    pub(super) async fn outcome(&mut self, within: Duration) -> Option<Result<(), String>> {
        let ended_early = |_| Err("the task for it ended early".to_owned());
        timeout(within, &mut self.task).await.ok().map(|ended| ended.unwrap_or_else(ended_early))
    }

    /// Ends it as soon as it can be. It must not be asked for its outcome after that.
    pub(super) async fn cut_short(&mut self) {
        self.cut_short.notify_one();
        // Whatever became of it is written over.
        drop((&mut self.task).await);
    }
}
