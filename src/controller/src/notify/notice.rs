//! What is told.

use jiff::Timestamp;
use serde::Serialize;
use serin_assignment::Weight;
use serin_rollout::Reason;

use crate::store::{Given, Logged};

/// A decision, as others are told of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notice {
    /// The release's namespace.
    pub(crate) namespace: String,
    /// The release's name.
    pub(crate) name: String,
    /// Which of the release's decisions it is, counted from 1.
    pub(crate) number: u64,
    /// When it was taken.
    pub(crate) at: Timestamp,
    /// What kind of decision it is.
    pub(crate) reason: Reason,
    /// Whether a person should look.
    pub(crate) trouble: bool,
    /// The step after it, counted from 1.
    pub(crate) step: usize,
    /// The canary's share after it.
    pub(crate) weight: Weight,
    /// One sentence with the numbers in it.
    pub(crate) message: String,
    /// The command that a person gave, where one led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<Given>,
}

impl Notice {
    pub(crate) fn of(namespace: &str, name: &str, logged: &Logged) -> Self {
        let millis = i64::try_from(logged.at_ms).unwrap_or(i64::MAX);
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            number: logged.number,
            at: Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX),
            reason: logged.decision.reason,
            trouble: is_trouble(logged.decision.reason),
            step: logged.step + 1,
            weight: logged.weight,
            message: logged.decision.message.clone(),
            given: logged.given.clone(),
        }
    }

    /// One of no release, to see whether it arrives.
    pub(crate) fn test() -> Self {
        Self {
            namespace: "serin".to_owned(),
            name: "test".to_owned(),
            number: 0,
            at: Timestamp::now(),
            reason: Reason::NewVersion,
            trouble: false,
            step: 1,
            weight: Weight::ZERO,
            message: "this is a test by `serin notify`: nothing has happened".to_owned(),
            given: None,
        }
    }

    /// Whether it begins or ends a rollout or a step of it, or calls for a person. The others say
    /// what is waited for.
    pub(crate) const fn is_milestone(&self) -> bool {
        self.trouble
            || matches!(
                self.reason,
                Reason::NewVersion
                    | Reason::NewPlan
                    | Reason::Mirroring
                    | Reason::Mirrored
                    | Reason::Advanced
                    | Reason::WaitingForApproval
                    | Reason::Approved
                    | Reason::StepSkipped
                    | Reason::Paused
                    | Reason::Resumed
                    | Reason::Retried
                    | Reason::RolledBack
                    | Reason::Promoting
                    | Reason::Swapped
                    | Reason::Succeeded
            )
    }

    /// The same for the same decision, whoever is told and however often.
    pub(super) fn id(&self) -> String {
        format!("{}/{}/{}", self.key(), self.number, self.at.as_millisecond())
    }

    /// The release by the name that people give it.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Whether a person should look.
pub(crate) const fn is_trouble(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Harm
            | Reason::CanaryNotReady
            | Reason::Aborted
            | Reason::RollingBack
            | Reason::Frozen
            | Reason::LoweredByHand
            | Reason::RouteUnusable
            | Reason::PromotionStuck
            | Reason::SplitMismatch
            | Reason::Tripped
            | Reason::ServingChanged
            | Reason::StateOutdated
    )
}

#[cfg(test)]
pub(super) fn example() -> Notice {
    Notice {
        namespace: "shop".to_owned(),
        name: "checkout".to_owned(),
        number: 17,
        at: Timestamp::from_millisecond(1_795_445_683_700).unwrap(),
        reason: Reason::Harm,
        trouble: true,
        step: 2,
        weight: Weight::ZERO,
        message: "answers fails: canary 20.3 % <of> 148 & more".to_owned(),
        given: None,
    }
}
