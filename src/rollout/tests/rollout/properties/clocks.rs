//! Time under observation is never longer than it was.

use core::time::Duration;

use proptest::prelude::*;
use serin_rollout::{Length, Phase, Verdict};

use crate::history::Pass;

pub(crate) fn bake_is_whole(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut watched = None;
    for pass in passes {
        if pass.before.phase == Phase::Progressing {
            watched = match watched {
                None => pass.is_live().then_some(Duration::ZERO),
                Some(before) => Some(before + observed(pass)),
            };
        }
        if pass.ends_step() && !pass.is_skipped() {
            let (_, step) = pass.plan.steps.reached_by(pass.before.traffic.weight);
            let whole = watched >= Some(step.length.longest());
            let ends_early = matches!(step.length, Length::Detect { .. });
            prop_assert!(whole || ends_early, "{watched:?}, {:?}", pass.outcome);
            prop_assert!(whole || detects(pass, step.length), "{watched:?}, {:?}", pass.outcome);
        }
        if pass.after.traffic != pass.before.traffic {
            watched = None;
        }
    }
    Ok(())
}

/// Whether a step that asks for it could have detected its ratio by now.
fn detects(pass: &Pass, length: Length) -> bool {
    match (length, pass.seen.detectable) {
        (Length::Detect { ratio, .. }, Some(now)) if ratio > 1.0 => now > 1.0 && now <= ratio,
        (Length::Detect { ratio, .. }, Some(now)) => now < 1.0 && now >= ratio,
        (Length::Detect { .. }, None) | (Length::Bake(_), _) => false,
    }
}

/// The time since the pass before, as far as it was under observation.
fn observed(pass: &Pass) -> Duration {
    let answered = pass.plan.gates.iter().all(|gate| {
        let reading = pass.seen.gates.iter().find(|reading| reading.gate == *gate);
        reading.is_some_and(|reading| reading.verdict != Verdict::Broken)
    });
    if answered && pass.is_live() {
        pass.now.since_last_pass.min(pass.plan.policy.longest_gap)
    } else {
        Duration::ZERO
    }
}

pub(crate) fn clock_needs_proof(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut proved = false;
    for pass in passes {
        proved |= pass.before.phase == Phase::Progressing && pass.is_live();
        if pass.after.traffic != pass.before.traffic {
            proved = false;
        }
        prop_assert!(pass.after.clock.is_none() || proved, "{:?}", pass.outcome);
        if pass.before.clock.is_none() && pass.after.clock.is_some() {
            prop_assert!(pass.is_live());
            prop_assert_eq!(pass.after.clock.map(|clock| clock.baked_ms), Some(0));
        }
    }
    Ok(())
}
