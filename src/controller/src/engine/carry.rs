//! What carries the weights beside the filters' document: an object of a router.

use core::fmt;

use futures_util::future::BoxFuture;
use serin_rollout::Traffic;

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
}
