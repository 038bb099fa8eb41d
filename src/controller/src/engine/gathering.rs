//! An observation on its way.

use core::time::Duration;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::seen::{Observe, Part, Question, Seen};

/// Answers are being waited for. Dropped, it asks no further.
#[derive(Debug)]
pub(super) struct Gathering {
    /// What has been answered so far.
    pub(super) seen: Seen,
    heard: UnboundedReceiver<Part>,
    deadline: Instant,
    asking: AbortHandle,
}

/// What came next.
#[derive(Debug)]
pub(super) enum Heard {
    /// One more answer, which is in [`Gathering::seen`] now.
    Part(News),
    /// All there will be.
    End,
}

/// What an answer may be the evidence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing that could not wait for the others.
    Plain,
    /// Harm, which waits for nobody.
    Harm,
    /// Counts, which have to be judged to know.
    Counts,
}

impl Gathering {
    /// Starts to look, for no longer than `patience`.
    pub(super) fn start<O: Observe>(
        observer: &Arc<O>,
        question: Question,
        patience: Duration,
    ) -> Self {
        let (tell, heard) = unbounded_channel();
        let observer = Arc::clone(observer);
        let asking = tokio::spawn(async move { observer.observe(question, tell).await });
        Self {
            seen: Seen::default(),
            heard,
            deadline: Instant::now() + patience,
            asking: asking.abort_handle(),
        }
    }

    /// Waits for what comes next. Can be dropped and called again: nothing is lost.
    pub(super) async fn next(&mut self) -> Heard {
        match tokio::time::timeout_at(self.deadline, self.heard.recv()).await {
            Ok(Some(part)) => {
                let news = part.news();
                self.seen.take(part);
                Heard::Part(news)
            }
            Ok(None) | Err(_) => Heard::End,
        }
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.asking.abort();
    }
}
