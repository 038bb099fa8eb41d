//! Weight goes up only where everything says so.

use proptest::prelude::*;
use serin_rollout::{Approval, Command, Endpoints, Pause, Phase, Reason, Verdict};

use crate::history::Pass;

pub(crate) fn gates_pass_before_a_rise(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut live_since = None;
    for pass in passes {
        let progressing = pass.before.phase == Phase::Progressing;
        if progressing && pass.is_live() {
            live_since.get_or_insert(pass.at);
        }
        if pass.rises() && !pass.before.traffic.weight.is_zero() {
            prop_assert!(progressing);
            let read_since = live_since.is_some_and(|since| pass.read_at >= since);
            prop_assert!(read_since || pass.plan.gates.is_empty());
            for gate in &pass.plan.gates {
                let mut readings = pass.seen.gates.iter().filter(|reading| reading.gate == *gate);
                prop_assert!(readings.next().is_some_and(|read| read.verdict == Verdict::Pass));
            }
        }
        if pass.after.traffic != pass.before.traffic {
            live_since = None;
        }
    }
    Ok(())
}

pub(crate) fn no_rise_after_rollback(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut rolled_back = false;
    for pass in passes {
        prop_assert!(!(pass.rises() && rolled_back), "{:?}", pass.outcome);
        rolled_back |= matches!(pass.after.phase, Phase::RollingBack | Phase::RolledBack);
        let retried = pass.seen.command == Some(Command::Retry)
            && pass.before.phase == Phase::RolledBack
            && pass.outcome.decision.reason == Reason::Retried;
        if retried || pass.after.version != pass.before.version {
            rolled_back = false;
        }
    }
    Ok(())
}

pub(crate) fn next_step_only(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes.iter().filter(|pass| pass.rises()) {
        let next = pass.plan.steps.iter().find(|step| step.weight > pass.before.traffic.weight);
        prop_assert_eq!(Some(pass.after.traffic.weight), next.map(|step| step.weight));
        prop_assert_ne!(pass.seen.canary, Endpoints::NotReady);
        prop_assert_ne!(pass.seen.stable, Endpoints::NotReady);
    }
    Ok(())
}

pub(crate) fn pause_holds(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut paused = false;
    for pass in passes {
        let fits = matches!(pass.before.phase, Phase::Pending | Phase::Progressing);
        paused |= pass.seen.command == Some(Command::Pause) && fits;
        prop_assert!(!(paused && pass.rises()), "{:?}", pass.outcome);
        prop_assert_eq!(pass.after.paused == Some(Pause::Person), paused && !resumed(pass));
        paused &= !resumed(pass);
    }
    Ok(())
}

pub(crate) fn approval_is_needed(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut approved = false;
    for pass in passes {
        let (_, step) = pass.plan.steps.reached_by(pass.before.traffic.weight);
        let ends = pass.before.phase == Phase::Progressing
            && (pass.rises() || matches!(pass.after.phase, Phase::Promoting | Phase::Succeeded));
        prop_assert!(!ends || approved || step.approval == Approval::Automatic);
        approved |= pass.outcome.decision.reason == Reason::Approved;
        if pass.after.traffic != pass.before.traffic || pass.after.step != pass.before.step {
            approved = false;
        }
    }
    Ok(())
}

fn resumed(pass: &Pass) -> bool {
    pass.seen.command == Some(Command::Resume) && pass.outcome.decision.reason == Reason::Resumed
}
