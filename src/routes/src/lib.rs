//! The weights of a rollout in the object that a router reads: where they stand, what they are, and
//! how they are changed while nothing else is.
//!
//! Objects are untyped JSON, for whatever went through types of ours would lose the fields that
//! these don't know. Entries and destinations are found by name, never by index. There is no input
//! or output here: who reads the object and who writes it back is not this crate's matter.
//!
//! [`Router`] is what an adapter can do, and [`Kind`] names them. Each is a file or a folder:
//! `virtual_service`, `http_route`, `traefik_service`, `ingress`. What those that list destinations
//! have in common is in `named` and `destinations`. Some kinds can mirror requests too, which
//! [`Mirrors`] is about. [`Text`] is an object as somebody has written it, in which a change leaves all
//! else as it is spelt.

mod destinations;
mod drift;
mod fault;
mod found;
mod http_route;
mod ingress;
mod mirror;
mod named;
mod reference;
mod router;
mod services;
mod shares;
mod text;
mod traefik_service;
mod virtual_service;
mod wanted;

pub use drift::{Drift, drift};
pub use fault::Fault;
pub use found::{Found, Marked};
pub use ingress::is_canary;
pub use mirror::{FoundMirror, MirrorDrift, MirrorFields, Mirrors, is_as_kept, mirror_drift};
pub use reference::{Destination, Entries, Reference};
pub use router::{Acknowledged, Kind, ObjectApi, Router};
pub use shares::Shares;
pub use text::Text;
pub use wanted::Wanted;
