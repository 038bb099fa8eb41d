//! What a proxy adds to the document.

use alloc::string::String;

use crate::{Incoming, MarkName, TesterKeys};

/// What differs from proxy to proxy while the document is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The namespace in which the proxy runs: which short hosts hold.
    pub namespace: Option<String>,
    /// What the plugin's own configuration says.
    pub overrides: Overrides,
    /// The keys of testers' tokens.
    pub keys: TesterKeys,
}

/// What a plugin's own configuration says in place of every rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// What becomes of marks that requests bring along, also where no rollout is found.
    pub incoming: Option<Incoming>,
    /// Whether this tier counts.
    pub count: Option<bool>,
    /// The header that carries the mark.
    pub mark: Option<MarkName>,
    /// Whether what is decided is told to this proxy's access logs and traces.
    pub filter_state: bool,
}
