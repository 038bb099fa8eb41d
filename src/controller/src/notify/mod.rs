//! Telling people what was decided: chat rooms, and programs that listen to webhooks.
//!
//! Each receiver gets the decisions of a release in their order, at least once: what was delivered
//! is noted in the release's record, so that a process that starts goes on where the one before
//! stopped. Nothing here can hold up a release: receivers have tasks of their own, and the loop only
//! ever hears from them.

mod body;
mod courier;
mod deliver;
mod file;
mod notice;
mod receivers;

pub(crate) use courier::{Couriers, Outcome, Told};
pub(crate) use deliver::{Attempt, attempt};
pub(crate) use notice::{Notice, is_trouble};
pub use receivers::{InvalidReceivers, Receivers};
