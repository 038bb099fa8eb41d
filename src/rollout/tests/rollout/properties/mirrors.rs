//! Copies of requests come before anybody is on the canary, and go before that too.

use core::time::Duration;

use proptest::prelude::*;
use serin_rollout::{Command, MirrorsSeen, Pause, Phase, Reason, RouteSeen, Verdict};

use crate::history::Pass;

pub(crate) fn before_anybody(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes.iter().filter(|pass| pass.after.mirrors()) {
        let traffic = pass.after.traffic;
        prop_assert!(traffic.weight.is_zero() && !traffic.canary_serves && !traffic.everyone);
        prop_assert_eq!(pass.after.phase, Phase::Progressing);
        prop_assert!(pass.after.exposed_since_ms.is_none());
    }
    Ok(())
}

pub(crate) fn what_was_there_is_kept(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let begins = pass.after.mirrors() && !pass.before.mirrors();
        if begins {
            let MirrorsSeen::Others { fields } = &pass.seen.mirrors else {
                return Err(TestCaseError::fail(format!("{:?}", pass.outcome)));
            };
            prop_assert_eq!(pass.after.kept_mirrors.as_ref(), Some(fields));
        } else if pass.before.kept_mirrors != pass.after.kept_mirrors {
            // It may be forgotten where nobody is on the way and the route has it.
            let over = matches!(pass.before.phase, Phase::RolledBack | Phase::Succeeded);
            let left = pass.before.kept_mirrors.is_none();
            prop_assert!(left || (over && pass.seen.route == RouteSeen::AsSet));
        }
    }
    Ok(())
}

pub(crate) fn off_before_exposure(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        if !(pass.rises() && pass.before.traffic.weight.is_zero()) {
            continue;
        }
        prop_assert!(!pass.before.mirrors() && !pass.after.mirrors());
        if pass.plan.mirror.is_some() {
            prop_assert!(pass.before.mirrored, "{:?}", pass.outcome);
            prop_assert!(
                matches!(pass.seen.mirrors, MirrorsSeen::Others { .. }),
                "{:?}",
                pass.outcome
            );
        }
    }
    Ok(())
}

pub(crate) fn ends_at_once(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes.iter().filter(|pass| pass.before.mirrors()) {
        let since_ms = pass.before.traffic_since_ms;
        let judging = pass.plan.mirror.iter().flat_map(|mirror| &mirror.gates);
        let harm = judging.clone().any(|gate| {
            let fails = |it: &serin_rollout::GateReading| {
                it.gate == *gate && it.verdict == Verdict::Fail && it.at_ms >= since_ms
            };
            pass.seen.gates.iter().any(fails)
        });
        let asked = matches!(pass.seen.command, Some(Command::Pause | Command::Abort));
        let renamed = pass.seen.version != pass.before.version;
        let taken = pass.seen.route == RouteSeen::MirrorTaken;
        let outdated = pass.after.paused == Some(Pause::StateLost);
        if (harm || asked || renamed || taken) && !outdated {
            prop_assert!(!pass.after.mirrors(), "{:?}", pass.outcome);
            prop_assert!(pass.after.traffic.takes_away(&pass.before.traffic));
        }
    }
    Ok(())
}

pub(crate) fn lasts(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut since: Option<Duration> = None;
    for pass in passes {
        let begins = pass.after.mirrors() && !pass.before.mirrors();
        if begins {
            since = Some(pass.at);
        }
        let ended = pass.after.mirrored && !pass.before.mirrored;
        if ended && let (Some(since), Some(mirror)) = (since, &pass.plan.mirror) {
            prop_assert_eq!(pass.outcome.decision.reason, Reason::Mirrored);
            prop_assert!(pass.at.saturating_sub(since) >= mirror.time);
            for gate in &mirror.gates {
                let mut read = pass.seen.gates.iter().filter(|reading| reading.gate == *gate);
                prop_assert_eq!(read.next().map(|it| it.verdict), Some(Verdict::Pass));
            }
        }
    }
    Ok(())
}
