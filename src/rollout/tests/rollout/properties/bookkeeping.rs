//! State, revisions and refusals.

use proptest::prelude::*;
use serin_rollout::{Action, Phase, Reason, decide};

use crate::history::{Pass, restored};

pub(crate) fn same_again(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let again = decide(&pass.plan, &pass.before, &pass.seen, pass.now);
        prop_assert_eq!(&again, &pass.outcome);
        prop_assert!(!again.decision.message.is_empty());
    }
    Ok(())
}

pub(crate) fn stored_bit_for_bit(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        prop_assert_eq!(&restored(&pass.after), &pass.after);
    }
    Ok(())
}

pub(crate) fn revision_rises(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let (before, after) = (pass.before.traffic, pass.after.traffic);
        let published: Vec<_> = pass
            .outcome
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Publish(traffic) => Some(*traffic),
                Action::Raise(_) | Action::Clear(_) => None,
            })
            .collect();
        if before == after {
            prop_assert_eq!(published, []);
        } else {
            prop_assert!(after.revision > before.revision);
            prop_assert!(after.revision >= pass.now.wall_ms);
            prop_assert_eq!(published, [after]);
        }
    }
    Ok(())
}

pub(crate) fn refusal_moves_nothing(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes.iter().filter(|pass| pass.outcome.decision.reason == Reason::Refused) {
        prop_assert_eq!(pass.after.traffic, pass.before.traffic);
        prop_assert_eq!(pass.after.phase, pass.before.phase);
        prop_assert_eq!(&pass.after.version, &pass.before.version);
        prop_assert_eq!(pass.after.paused, pass.before.paused);
        prop_assert_eq!(pass.after.approved && !pass.before.approved, false);
    }
    Ok(())
}

pub(crate) fn weight_and_serving_agree(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let traffic = pass.after.traffic;
        prop_assert_eq!(traffic.canary_serves, !traffic.weight.is_zero());
        if matches!(pass.after.phase, Phase::Pending | Phase::RollingBack | Phase::RolledBack) {
            prop_assert!(traffic.weight.is_zero());
        }
    }
    Ok(())
}
