//! The weights of a rollout in the object that a router reads: where they stand, what they are, and
//! how they are changed while nothing else is.
//!
//! Objects are untyped JSON, for whatever went through types of ours would lose the fields that
//! these don't know. Entries and destinations are found by name, never by index. There is no input
//! or output here: who reads the object and who writes it back is not this crate's matter.
//!
//! A file a router: [`virtual_service`] is Istio's.

mod drift;
mod fault;
mod found;
mod reference;
mod shares;
pub mod virtual_service;
mod wanted;

pub use drift::{Drift, drift};
pub use fault::Fault;
pub use found::Found;
pub use reference::{Destination, Entries, Reference};
pub use shares::Shares;
pub use wanted::Wanted;
