//! What carries the weights beside the filters' document: an object of a router.

use core::fmt;

use futures_util::future::BoxFuture;
use serin_rollout::{MirrorFields, State, Traffic};
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

impl Change {
    /// The traffic beside which it is looked whether a person has lowered the weight, where that
    /// matters; `written` is what this process last brought there.
    pub(crate) fn looks_beside(
        self,
        written: Option<Traffic>,
        traffic: Traffic,
    ) -> Option<Traffic> {
        match self {
            Self::Less | Self::Back => None,
            Self::More => written,
            // A process that has just started goes by what is stored.
            Self::None => Some(written.unwrap_or(traffic)),
        }
    }

    /// What becomes of the change where a person has lowered the weight: nothing is written.
    ///
    /// # Errors
    /// Where it would have sent more users to the canary.
    pub(crate) const fn after_lowering(self) -> Result<(), &'static str> {
        match self {
            Self::More => Err("somebody has lowered the canary's weight by hand"),
            Self::None | Self::Back | Self::Less => Ok(()),
        }
    }
}

/// What a router's object is to have.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Who is sent where.
    pub traffic: Traffic,
    /// What is put back in the place of a mirror to the canary that is not wanted; `None` where
    /// mirrors are none of ours.
    pub kept_mirrors: Option<MirrorFields>,
}

impl Load {
    /// What a state asks for.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self { traffic: state.traffic, kept_mirrors: state.kept_mirrors.clone() }
    }
}

/// Traffic alone, in an object whose mirrors are none of ours.
impl From<Traffic> for Load {
    fn from(traffic: Traffic) -> Self {
        Self { traffic, kept_mirrors: None }
    }
}

/// A router's object, of which the weights are the controller's.
pub trait Carry: fmt::Debug + Send + Sync + 'static {
    /// Brings it into the router; writes nothing where it is there. A write that meets
    /// another one is decided again, at once.
    ///
    /// # Errors
    /// Why it is not there, for people; it is tried again in the next pass.
    fn carry(&self, load: Load, change: Change) -> BoxFuture<'_, Result<(), String>>;
}

/// What a router's weights have to say for this traffic.
pub(crate) const fn wanted(traffic: Traffic) -> Wanted {
    match traffic {
        Traffic { canary_serves: false, .. } => Wanted::Nobody,
        Traffic { everyone: true, .. } => Wanted::Everyone,
        Traffic { weight, .. } => Wanted::Share(weight),
    }
}
