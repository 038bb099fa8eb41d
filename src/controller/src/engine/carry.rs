//! What carries the weights beside the filters' document: an object of a router.

use core::fmt;
use core::time::Duration;

use futures_util::future::BoxFuture;
use serin_rollout::Traffic;
use serin_routes::Wanted;

/// How the traffic differs from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is the same. What others changed in the router is put back, but for what takes users from
    /// the canary: that is for the next decision.
    None,
    /// It is the same, and is no matter for a decision: all that others changed is put back.
    Back,
    /// It sends more users to the canary, or tells filters something new of them. Where somebody
    /// has taken users from the canary meanwhile nothing is written, and the next decision is about
    /// that.
    More,
    /// It takes users from the canary, whatever the router has.
    Less,
}

/// A router's object, of which the weights are the controller's.
pub trait Carry: fmt::Debug + Send + Sync + 'static {
    /// Brings the traffic into the router; writes nothing where it is there. A write that meets
    /// another one is decided again, at once.
    ///
    /// # Errors
    /// Why it is not there, for people; it is tried again in the next pass.
    fn carry(&self, traffic: Traffic, change: Change) -> BoxFuture<'_, Result<(), String>>;

    /// How long that may take. While a router hangs every pass takes that much longer.
    fn patience(&self) -> Duration {
        // An API server answers within a fraction of a second.
        Duration::from_secs(2)
    }
}

/// What a router's weights have to say for this traffic.
pub(crate) const fn wanted(traffic: Traffic) -> Wanted {
    match traffic {
        Traffic { canary_serves: false, .. } => Wanted::Nobody,
        Traffic { everyone: true, .. } => Wanted::Everyone,
        Traffic { weight, .. } => Wanted::Share(weight),
    }
}
