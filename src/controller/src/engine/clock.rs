//! The time of day, and the sign to stop.

use core::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The wall clock. What must not jump is measured with `tokio::time::Instant` instead.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The system's clock; 1970 where it is set before that.
    #[must_use]
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// A clock that gives what the function gives, in milliseconds since 1970.
    pub fn from_fn(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.wall_ms()).finish()
    }
}

/// Tells everybody who holds a copy to come to an end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The sign, and what gives it: sending `true`, or being dropped.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (give, sign) = watch::channel(false);
        (give, Self(sign))
    }

    /// Whether the sign was given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns once the sign was given.
    pub async fn given(&mut self) {
        // An error says that the giver is gone, which is a sign too.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}
