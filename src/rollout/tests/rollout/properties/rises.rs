//! Weight goes up only where everything says so.

use proptest::prelude::*;
use serin_rollout::{
    Approval, Command, Endpoints, Pause, Phase, Reason, Served, Trips, Verdict, decide,
};

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
            let read_since = read_since || pass.is_skipped();
            prop_assert!(read_since || pass.plan.gates.is_empty());
            for gate in &pass.plan.gates {
                let mut readings = pass.seen.gates.iter().filter(|reading| reading.gate == *gate);
                let read = readings.next().map(|reading| reading.verdict);
                if pass.is_skipped() {
                    let against = matches!(
                        read,
                        Some(Verdict::Hold | Verdict::Fail | Verdict::Broken) | None
                    );
                    prop_assert!(!against, "{:?}", pass.outcome);
                    continue;
                }
                // Nothing to compare with is no objection, and it is told at 100 % only, from
                // where nothing rises: so it never lets anything pass either.
                prop_assert_eq!(read, Some(Verdict::Pass));
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
        // Other steps than it began with start it again, in the same version.
        let again = pass.before.again && pass.after.phase == Phase::Pending;
        if retried || again || pass.after.version != pass.before.version {
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
        let fits = matches!(pass.before.phase, Phase::Pending | Phase::Progressing)
            || pass.before.traffic.everyone;
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
        let agreed = approved || pass.is_skipped() || step.approval == Approval::Automatic;
        prop_assert!(!pass.ends_step() || agreed);
        if pass.after.traffic != pass.before.traffic || pass.after.step != pass.before.step {
            approved = false;
        }
        // A plan that was changed is followed before the command is heeded.
        approved |= pass.outcome.decision.reason == Reason::Approved;
    }
    Ok(())
}

fn resumed(pass: &Pass) -> bool {
    pass.seen.command == Some(Command::Resume) && pass.outcome.decision.reason == Reason::Resumed
}

pub(crate) fn mismatch_and_suspicion_hold(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let begun = !pass.before.traffic.weight.is_zero();
        let mismatch = matches!(pass.seen.served, Served::Mismatch { .. });
        let mismatch = mismatch || matches!(pass.seen.trips, Trips::Tripped { .. });
        // Of a step that a person skips only what is about its own weight is heeded.
        let since_ms = pass.before.clock.map_or(0, |clock| clock.started_ms);
        let is_own = |gate: &String| {
            pass.seen.gates.iter().any(|it| it.gate == *gate && it.at_ms >= since_ms)
        };
        let held = pass.plan.gates.iter().any(|gate| match verdict_of(pass, gate) {
            Some(Verdict::Hold) => !pass.is_skipped() || is_own(gate),
            Some(Verdict::Skipped) => !pass.is_skipped(),
            _ => false,
        });
        prop_assert!(!(begun && pass.ends_step() && (mismatch || held)), "{:?}", pass.outcome);
    }
    Ok(())
}

pub(crate) fn no_comparison_neither_holds_nor_passes(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let mut changed = pass.seen.clone();
        let full = pass.before.traffic.weight >= pass.plan.steps.full();
        // With all its users on the canary it is as if the gate had passed, below as if it had no data.
        let as_good_as = if full { Verdict::Pass } else { Verdict::NoData };
        for reading in &mut changed.gates {
            if reading.verdict == Verdict::NoComparison {
                reading.verdict = as_good_as;
            }
        }
        let other = decide(&pass.plan, &pass.before, &changed, pass.now);
        prop_assert_eq!(other.state.traffic, pass.after.traffic);
        prop_assert_eq!(other.state.phase, pass.after.phase);
        prop_assert_eq!(other.state.no_data_ms, pass.after.no_data_ms);
        prop_assert_eq!(other.decision.reason, pass.outcome.decision.reason);
    }
    Ok(())
}

fn verdict_of(pass: &Pass, gate: &str) -> Option<Verdict> {
    pass.seen.gates.iter().find(|reading| reading.gate == gate).map(|reading| reading.verdict)
}
