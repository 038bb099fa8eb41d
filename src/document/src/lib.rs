//! The assignment document: which requests belong to a rollout, and who of them gets the canary.
//!
//! The controller builds a [`Document`] and publishes it as JSON; every proxy's filter reads it by
//! [`parse`], turns it into a [`Compiled`] and asks that about each request
//! ([`Compiled::decide`]). Both use this one crate, so the controller publishes only what the
//! filter accepts. Nothing here does I/O or reads a clock.
//!
//! What is generic over the request is compiled for speed where its kind is known. What few requests
//! need is `inline(never)`, so that it stays out of that, and small.
//!
//! ```
//! use std::borrow::Cow;
//! use std::time::Duration;
//! use serin_document::{Compiled, Environment, Request, Write, parse};
//!
//! struct Get;
//! impl Request for Get {
//!     fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
//!         match name {
//!             ":authority" => Some(Cow::Borrowed(b"shop.example.com")),
//!             ":path" => Some(Cow::Borrowed(b"/checkout?step=2")),
//!             "x-user-id" => Some(Cow::Borrowed(b"alice")),
//!             _ => None,
//!         }
//!     }
//!     // What the proxy knows is asked for only where a rollout needs it.
//!     fn property(&self, _: &str) -> Option<Vec<u8>> { None }
//!     fn random(&self) -> [u8; 16] { [0; 16] }
//!     fn now(&self) -> Duration { Duration::ZERO }
//! }
//!
//! # fn main() -> Result<(), serin_document::Refused> {
//! let parsed = parse(br#"{"formatVersion": "1.0", "revision": 1, "rollouts": [{
//!     "name": "shop/checkout", "revision": 1, "hosts": ["shop.example.com"],
//!     "salt": "checkout-2026-11", "weight": "10%", "canaryServes": true,
//!     "identity": [{"header": "x-user-id"}]}]}"#)?;
//! let compiled = Compiled::compile(parsed, None, &Environment::default());
//! assert!(compiled.left_out().is_empty());
//! assert_eq!(compiled.decide(&Get).first.write, Write::Set(serin_assignment::Variant::Canary));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod base64;
mod buckets;
mod checked;
mod clusters;
mod compile;
mod compiled_rollout;
mod condition;
mod decide;
mod digits;
mod document;
pub mod duration;
mod environment;
mod fault;
mod format_version;
mod host;
mod identity;
mod internet;
mod joined;
mod json;
mod latency;
mod limits;
mod lookup;
pub mod metrics;
mod named;
mod names;
mod parse;
mod path;
mod percent;
pub mod plugin;
mod reading;
mod reason;
mod request;
mod requirements;
mod revision;
mod rules;
mod sharing;
mod slots;
mod tester;
pub mod token;
mod tripwire;
mod users;
mod words;

pub use buckets::Buckets;
pub use clusters::Clusters;
pub use compile::Compiled;
pub use compiled_rollout::CompiledRollout;
pub use condition::{Condition, Subject, Test, Texts};
pub use decide::{Decision, Decisions, RolloutRef, Write};
pub use digits::hexadecimal;
pub use document::{Document, Rollout};
pub use environment::{Environment, Overrides};
pub use fault::{Broken, Fault, Invalid, LeftOut, Refused};
pub use format_version::FormatVersion;
pub use host::{Host, HostPattern};
pub use identity::address::AddressBits;
pub use identity::baggage::BaggageKey;
pub use identity::claim::{ClaimPath, JwtClaim, MetadataKey};
pub use identity::generated::{CookieAttributes, CookieDomain, CookiePath, GeneratedId, SameSite};
pub use identity::{Anonymous, IdentitySource, Incoming};
pub use joined::Joined;
pub use latency::LatencyBounds;
pub use named::{Named, sorted};
pub use names::{
    CookieName, HeaderName, MarkName, ParameterName, RolloutName, SegmentName, short_hash,
};
pub use parse::{MAX_DOCUMENT_BYTES, Parsed, parse};
pub use path::PathPrefix;
pub use reason::Reason;
pub use request::{MAX_ID_BYTES, Request};
pub use revision::Revision;
pub use rules::{Rules, Segment};
pub use slots::Slots;
pub use tester::{Refusals, Signed, Tester};
pub use token::{Audience, KeyId, TesterKeys};
pub use tripwire::{FalseTrips, Tripwire};
pub use users::{UserHash, UserLists};
pub use words::are_same;
