//! What the VMs of one proxy tell each other through its shared data.
//!
//! | key | what | written by |
//! |---|---|---|
//! | `serin.1.<source>.lease` | who asks the source ([`lease`]) | whoever takes, renews or returns it |
//! | `serin.1.<source>.document` | the newest document ([`document`]) | whoever got it |
//! | `serin.1.<source>.head` | which document that is, when the source last answered ([`document`]) | the same |
//! | `serin.1.vms` | who is alive ([`table`]) | every VM, once a second |
//! | `serin.1.vm.<id>` | what that VM has in force ([`row`]) | that VM, on changes |
//! | `serin.1.verdict.<plugin>` | the last verdict on a configuration that was reported ([`verdict`](crate::verdict)) | the first VM to report it |
//! | `serin.1.trips` | which rollouts have tripped (`tripwire::trips`) | who trips one, or ends it |
//! | `serin.1.watch.<rollout>` | the evidence of its tripwire (`tripwire::watch`) | every VM that has counted any |
//!
//! Proxies may put all plugins into one space of keys (Istio does), hence the prefix; a module of
//! another version may run beside this one, hence the layout's number in it; and several sources
//! may be in use, hence the hash of the source's block.

use alloc::format;
use alloc::string::String;

pub(crate) mod bytes;
pub mod document;
pub mod lease;
pub mod row;
pub mod table;

/// How often a write is tried again when another VM was faster. More would only add load where
/// many write at once; whoever loses this often comes back at its next tick.
pub(crate) const ATTEMPTS: usize = 5;

/// The keys of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceKeys {
    /// Who asks.
    pub lease: String,
    /// The newest document.
    pub document: String,
    /// Which that is.
    pub head: String,
}

impl SourceKeys {
    /// The keys of the source whose block has this hash.
    #[must_use]
    pub fn new(source: &str) -> Self {
        let key = |what: &str| format!("serin.1.{source}.{what}");
        Self { lease: key("lease"), document: key("document"), head: key("head") }
    }
}
