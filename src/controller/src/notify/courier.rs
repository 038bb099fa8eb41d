//! Bringing a release's decisions to each receiver, in order, until it has them.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::receivers::Receiver;
use super::{Attempt, Notice, Receivers, attempt};
use crate::release::Release;
use crate::telemetry::Telemetry;

/// The first pause between two tries; each is twice as long as the one before, up to the longest,
/// which is also the longest that a receiver can ask for.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// A decision that nobody took for so long is no news any more, and keeps back those after it.
const NEWS_FOR: Duration = Duration::from_hours(24);

/// What a receiver has by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The receiver's name.
    pub(crate) receiver: String,
    /// The number of the last decision that it has, or that it was not to be told of.
    pub(crate) number: u64,
}

/// What came of a try, as the figures name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It will be tried again.
    Failed,
    /// The receiver will not have it.
    Refused,
    /// After so many failures it is no news any more.
    Expired,
}

impl Outcome {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// The tasks that bring one release's decisions to its receivers; none where it has no receiver.
/// Dropped, they end.
#[derive(Debug)]
pub(crate) struct Couriers(Option<AtWork>);

#[derive(Debug)]
struct AtWork {
    notices: watch::Sender<Arc<[Notice]>>,
    told: mpsc::Receiver<Told>,
    _tasks: JoinSet<()>,
}

impl Couriers {
    /// Begins with what each receiver has: `told` holds an entry for each of them.
    pub(crate) fn start(
        receivers: &Receivers,
        release: &Release,
        told: &BTreeMap<String, u64>,
        telemetry: &Arc<Telemetry>,
    ) -> Self {
        let mut receivers = receivers.of(release).peekable();
        if receivers.peek().is_none() {
            return Self(None);
        }
        let (notices, given) = watch::channel(Arc::from([]));
        // Whoever tells waits for the loop, never the loop for it.
        let (tell, hear) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        for receiver in receivers {
            let receiver = Arc::clone(receiver);
            let courier = Courier {
                told: told.get(&receiver.name).copied().unwrap_or_default(),
                receiver,
                telemetry: Arc::clone(telemetry),
            };
            tasks.spawn(courier.run(given.clone(), tell.clone()));
        }
        Self(Some(AtWork { notices, told: hear, _tasks: tasks }))
    }

    /// Gives them the decisions that some receiver has not, oldest first.
    pub(crate) fn give(&self, notices: Vec<Notice>) {
        if let Some(at_work) = &self.0 {
            at_work.notices.send_replace(notices.into());
        }
    }

    /// What a receiver has; none ever, where there are no receivers. Can be dropped and called again.
    pub(crate) async fn told(&mut self) -> Told {
        if let Some(at_work) = &mut self.0
            && let Some(told) = at_work.told.recv().await
        {
            return told;
        }
        core::future::pending().await
    }
}

struct Courier {
    receiver: Arc<Receiver>,
    told: u64,
    telemetry: Arc<Telemetry>,
}

impl Courier {
    async fn run(mut self, mut given: watch::Receiver<Arc<[Notice]>>, tell: mpsc::Sender<Told>) {
        loop {
            let told = self.told;
            let next =
                given.borrow_and_update().iter().find(|notice| notice.number > told).cloned();
            let Some(notice) = next else {
                if given.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if self.receiver.wants(&notice) {
                self.bring(&notice).await;
            }
            self.told = notice.number;
            let told = Told { receiver: self.receiver.name.clone(), number: notice.number };
            if tell.send(told).await.is_err() {
                return;
            }
        }
    }

    /// Tries until the receiver has it, will not have it, or it is no news any more.
    async fn bring(&self, notice: &Notice) {
        let (receiver, release) = (self.receiver.name.as_str(), notice.key());
        let mut pause = PAUSES.0;
        loop {
            let (why, after) = match attempt(&self.receiver, notice).await {
                Attempt::Delivered => {
                    self.telemetry.notified(receiver, Outcome::Delivered);
                    return;
                }
                Attempt::Refused { why } => {
                    self.telemetry.notified(receiver, Outcome::Refused);
                    tracing::error!(receiver, release, number = notice.number, "not told: {why}");
                    return;
                }
                Attempt::Later { why, after } => (why, after),
            };
            self.telemetry.notified(receiver, Outcome::Failed);
            if is_stale(notice.at, Timestamp::now()) {
                self.telemetry.notified(receiver, Outcome::Expired);
                tracing::error!(receiver, release, number = notice.number, "given up: {why}");
                return;
            }
            let wait = wait(pause, after);
            tracing::warn!(receiver, release, number = notice.number, ?wait, "not told yet: {why}");
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

fn is_stale(at: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(at)).is_ok_and(|age| age > NEWS_FOR)
}

/// The pause before the next try, as the receiver asks, within bounds.
fn wait(pause: Duration, asked: Option<Duration>) -> Duration {
    asked.map_or(pause, |asked| asked.clamp(PAUSES.0, PAUSES.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_within_bounds() {
        let seconds = Duration::from_secs;
        assert_eq!(wait(seconds(4), None), seconds(4));
        assert_eq!(wait(seconds(4), Some(seconds(30))), seconds(30));
        assert_eq!(wait(seconds(4), Some(seconds(0))), seconds(1));
        assert_eq!(wait(seconds(4), Some(seconds(86_400))), seconds(300));
    }

    #[test]
    fn news_is_news_for_a_day() {
        let at = Timestamp::from_second(1_795_445_683).unwrap();
        let after = |seconds: i64| Timestamp::from_second(1_795_445_683 + seconds).unwrap();
        assert!(!is_stale(at, after(86_400)));
        assert!(is_stale(at, after(86_401)));
        // A clock that was set back makes nothing old.
        assert!(!is_stale(at, after(-100)));
    }
}
