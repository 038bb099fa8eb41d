//! Two sides that change their roles.

use core::time::Duration;

use proptest::prelude::*;
use serin_assignment::Weight;
use serin_rollout::{CanaryTraffic, Phase, Reason, RouteSeen, Side, Traffic};

use crate::history::Pass;

/// Where the route sends those marked canary, those marked stable, and the canary's share of the
/// others, as the share of the second side.
fn sends(traffic: Traffic) -> [Weight; 3] {
    let [canary, stable, rest] = match traffic {
        Traffic { everyone: true, .. } => [Weight::FULL; 3],
        Traffic { canary_serves: true, weight, .. } => [Weight::FULL, Weight::ZERO, weight],
        Traffic { canary_serves: false, .. } => [Weight::ZERO; 3],
    };
    let of_second = |share: Weight| match traffic.serving {
        Side::First => share,
        Side::Second => {
            Weight::from_basis_points(Weight::FULL.basis_points() - share.basis_points()).unwrap()
        }
    };
    [of_second(canary), of_second(stable), of_second(rest)]
}

pub(crate) fn move_nobody(passes: &[Pass]) -> Result<(), TestCaseError> {
    // For how long the route has been seen as it was set, without a break.
    let mut stood: Option<Duration> = None;
    for pass in passes {
        let (before, after) = (&pass.before, &pass.after);
        let stands = matches!(pass.seen.route, RouteSeen::AsSet | RouteSeen::NotApplicable)
            && pass.is_live();
        stood = match stood {
            _ if !before.traffic.everyone || !stands => None,
            None => Some(Duration::ZERO),
            Some(before) => Some(before + pass.now.since_last_pass),
        };
        if before.traffic.everyone && after.traffic.serving != before.traffic.serving {
            prop_assert_eq!(sends(before.traffic), sends(after.traffic));
            prop_assert!(stood >= Some(pass.plan.policy.route_live_after), "{stood:?}");
            let still = matches!(pass.seen.canary_traffic, CanaryTraffic::Still { scrapes: 3.. });
            prop_assert!(still && before.paused.is_none() && !before.frozen);
            prop_assert!(pass.is_live());
        }
        if after.traffic != before.traffic {
            stood = None;
        }
    }
    Ok(())
}

pub(crate) fn everyone_before_a_swap_alone(passes: &[Pass]) -> Result<(), TestCaseError> {
    for Pass { after, .. } in passes.iter().filter(|pass| pass.after.traffic.everyone) {
        prop_assert_eq!(after.phase, Phase::Promoting);
        prop_assert!(after.traffic.canary_serves && after.traffic.weight == Weight::FULL);
    }
    Ok(())
}

pub(crate) fn back_while_it_stands(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let (before, after) = (&pass.before, &pass.after);
        if after.traffic.serving != before.traffic.serving && !before.traffic.everyone {
            prop_assert_eq!((before.phase, after.phase), (Phase::Promoting, Phase::RollingBack));
            prop_assert!(before.capacity_for.is_none(), "its replicas may be gone");
        }
    }
    Ok(())
}

pub(crate) fn what_gave_way_rests(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let starts_over = pass.outcome.decision.reason == Reason::NewVersion
            && pass.before.phase == Phase::Succeeded;
        let gave_way = pass.before.idle.as_ref();
        prop_assert!(!starts_over || gave_way != Some(&pass.after.version), "{:?}", pass.outcome);
    }
    Ok(())
}
