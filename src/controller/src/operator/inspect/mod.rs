//! An installation as somebody finds it who asks what is wrong with it: what is there, what is
//! missing, and what mends it.
//!
//! [`cluster`] asks the API server, [`proxies`] the metrics; each other file looks at one thing that
//! was fetched and says what it makes of it, without any input or output. Everything is asked with
//! the rights of whoever looks: what they may not read is told as unknown, which is not "good".

mod cluster;
mod controller;
mod definition;
mod ingress;
mod mirror;
mod plugin;
mod proxies;
mod release;
mod rights;
mod route;
mod workloads;

use serde::Serialize;

pub(crate) use cluster::{Asked, installation};

/// What became of one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    /// As it should be.
    Good,
    /// It works, and should be looked at.
    Doubtful,
    /// A rollout cannot go on, or would not do what it says.
    Bad,
    /// It could not be looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in one word.
    pub(crate) check: &'static str,
    pub(crate) outcome: Outcome,
    /// What was found, in one sentence.
    pub(crate) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

/// What was found of the cluster as a whole, or of one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Section {
    /// `installation`, or the release's namespace and name.
    pub(crate) about: String,
    pub(crate) findings: Vec<Finding>,
}

impl Finding {
    fn new(check: &'static str, outcome: Outcome, message: impl Into<String>) -> Self {
        Self { check, outcome, message: message.into(), mend: None }
    }

    fn good(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Outcome::Good, message)
    }

    fn doubtful(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Outcome::Doubtful, message)
    }

    fn bad(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Outcome::Bad, message)
    }

    fn unknown(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Outcome::Unknown, message)
    }

    fn mend(mut self, what: impl Into<String>) -> Self {
        self.mend = Some(what.into());
        self
    }
}
