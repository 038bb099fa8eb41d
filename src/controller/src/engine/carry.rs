//! What carries the weights beside the filters' document: an object of a router.

use core::fmt;

use futures_util::future::BoxFuture;
use serin_assignment::Weight;
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
    /// It takes users from the canary. Where somebody has taken more of them meanwhile nothing is
    /// written, and the next decision is about that.
    Less,
}

impl Change {
    /// What brings this traffic into a router that was last seen to have another one, or none that
    /// anybody knows of.
    pub(crate) fn since(known: Option<Traffic>, traffic: Traffic) -> Self {
        match known {
            Some(known) if traffic.takes_away(&known) => Self::Less,
            Some(known) if known != traffic => Self::More,
            Some(_) | None => Self::None,
        }
    }

    /// The traffic beside which it is looked whether a person has lowered the weight, where that
    /// matters; `known` is what was last seen there.
    pub(crate) fn looks_beside(self, known: Option<Traffic>, traffic: Traffic) -> Option<Traffic> {
        match self {
            Self::Back => None,
            Self::More => known,
            Self::Less => Some(traffic),
            // Where nobody noted it, what is stored was there.
            Self::None => Some(known.unwrap_or(traffic)),
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

/// Why a router does not have its load, for people; it is tried again in the next pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCarried {
    /// It is being brought there, and there is nothing wrong so far.
    UnderWay(String),
    /// It could not be brought there.
    Failed(String),
}

impl NotCarried {
    /// The reason alone.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::UnderWay(why) | Self::Failed(why) => why,
        }
    }
}

impl From<String> for NotCarried {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

/// A router's object, of which the weights are the controller's.
pub trait Carry: fmt::Debug + Send + Sync + 'static {
    /// Brings it into the router; writes nothing where it is there. A write that meets
    /// another one is decided again, at once.
    ///
    /// # Errors
    /// Why it is not there.
    fn carry(&self, load: Load, change: Change) -> BoxFuture<'_, Result<(), NotCarried>>;

    /// The traffic that it was last seen to have; `None` where nobody knows.
    fn known(&self) -> Option<Traffic>;

    /// Goes on from what [`Carry::known`] said in a process before this one, so that what that one
    /// meant to write and never did is not taken for a person's change.
    fn go_on_from(&self, known: Option<Traffic>);
}

/// The weight to which a person has lowered the canary's in a router; `None` where nobody has.
/// `lowered`: the router's weight, where it is below what that traffic asks for. One that is below
/// what is wanted alone was never raised, and one that is below what was known alone was lowered by
/// a write of ours whose answer was lost.
pub(crate) fn lowered_by_hand(
    wanted: Traffic,
    known: Option<Traffic>,
    lowered: impl Fn(Traffic) -> Option<Weight>,
) -> Option<Weight> {
    let weight = lowered(wanted)?;
    lowered(known.unwrap_or(wanted)).map(|_| weight)
}

/// What a router's weights have to say for this traffic.
pub(crate) const fn wanted(traffic: Traffic) -> Wanted {
    match traffic {
        Traffic { canary_serves: false, .. } => Wanted::Nobody,
        Traffic { everyone: true, .. } => Wanted::Everyone,
        Traffic { weight, .. } => Wanted::Share(weight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(weight: &str, revision: u64) -> Traffic {
        Traffic::new(weight.parse().unwrap(), true, revision)
    }

    #[test]
    fn only_what_is_below_both_what_is_wanted_and_what_was_there_is_a_persons_doing() {
        let by_hand = |wanted, known, found: &str| {
            let found: Weight = found.parse().unwrap();
            let lowered = |traffic: Traffic| (found < traffic.weight).then_some(found);
            lowered_by_hand(wanted, known, lowered).map(|weight| weight.to_string())
        };
        let (five, ten) = (at("5%", 1), at("10%", 2));
        // Meant to be written, and then the process was killed.
        assert_eq!(by_hand(ten, Some(five), "5%"), None);
        assert_eq!(by_hand(ten, Some(five), "2%").as_deref(), Some("2%"));
        assert_eq!(by_hand(ten, Some(ten), "5%").as_deref(), Some("5%"));
        // Written, and nobody heard so.
        assert_eq!(by_hand(ten, Some(five), "10%"), None);
        assert_eq!(by_hand(five, Some(ten), "5%"), None);
        assert_eq!(by_hand(five, Some(ten), "2%").as_deref(), Some("2%"));
        // A record of an earlier version says nothing of it.
        assert_eq!(by_hand(ten, None, "5%").as_deref(), Some("5%"));
    }

    #[test]
    fn what_a_router_never_got_is_still_a_rise_or_a_fall() {
        let (five, ten) = (at("5%", 1), at("10%", 2));
        assert_eq!(Change::since(Some(five), ten), Change::More);
        assert_eq!(Change::since(Some(ten), five), Change::Less);
        assert_eq!(Change::since(Some(ten), ten), Change::None);
        assert_eq!(Change::since(None, ten), Change::None);
        let share = |text: &str| Some(text.parse().unwrap());
        let nobody = Traffic::new(Weight::ZERO, false, 1);
        let mirroring = Traffic { mirror: share("10%"), revision: 2, ..nobody };
        assert_eq!(Change::since(Some(nobody), mirroring), Change::More);
        assert_eq!(Change::since(Some(mirroring), nobody), Change::Less);
    }
}
