//! What the route, replicas and stable's version on a cluster may do to a rollout, and what not.

use proptest::prelude::*;
use serin_assignment::Weight;
use serin_rollout::{
    Before, CanaryTraffic, Capacity, Command, Endpoints, Observation, Pause, Phase, Reason,
    RouteSeen, StableRuns, StableWanted, Trips, Version, decide,
};

use crate::history::Pass;

/// The turns that only a cluster brings, and whether this pass takes them.
pub(crate) fn turns(pass: &Pass) -> [(&'static str, bool); 6] {
    let (before, after) = (&pass.before, &pass.after);
    let by_hand = pass.outcome.decision.reason == Reason::LoweredByHand;
    let handed_over = after.phase == Phase::Promoting
        && before.traffic.canary_serves
        && !after.traffic.canary_serves
        && pass.seen.stable_runs == StableRuns::New;
    [
        ("lowered", by_hand && after.traffic.canary_serves),
        ("lowered to nothing", by_hand && !after.traffic.canary_serves),
        ("restored", before.restoring && after.phase == Phase::RollingBack),
        ("handed over", handed_over),
        ("given replicas", after.capacity_for > before.capacity_for),
        (
            "given none any more",
            after.capacity_for != before.capacity_for && after.capacity_for == Some(Weight::ZERO),
        ),
    ]
}

pub(crate) fn rises_need_route_and_replicas(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        if pass.rises() || pass.ends_step() {
            let seen = &pass.seen;
            prop_assert!(!broken(&seen.route), "{:?}", pass.outcome);
            let changed = match (&seen.templates, &pass.before.baseline) {
                (Some(now), Some(begun)) => now.stable != *begun,
                _ => false,
            };
            let from_zero = pass.before.phase == Phase::Pending;
            prop_assert!(!changed || from_zero, "{:?}", pass.outcome);
        }
        if pass.rises() {
            let short =
                matches!(pass.seen.capacity, Capacity::Short { .. } | Capacity::Unknown { .. });
            prop_assert!(!short, "{:?}", pass.outcome);
        }
    }
    Ok(())
}

/// Where harm was acted on, nothing that is seen of the cluster would have changed it.
pub(crate) fn harm_wins(passes: &[Pass]) -> Result<(), TestCaseError> {
    let hostile: [fn(&mut Observation); 5] = [
        |seen| seen.route = RouteSeen::Unusable { why: "gone".to_owned() },
        |seen| seen.route = RouteSeen::Unknown { why: "503".to_owned() },
        |seen| seen.route = RouteSeen::Lowered { weight: Weight::ZERO },
        |seen| seen.capacity = Capacity::Short { why: "none".to_owned() },
        |seen| {
            if let Some(templates) = &mut seen.templates {
                templates.stable = Version("another".to_owned());
            }
        },
    ];
    for pass in passes {
        let was_harm = matches!(
            pass.outcome.decision.reason,
            Reason::Harm | Reason::CanaryNotReady | Reason::Aborted
        );
        let froze = pass.after.frozen && !pass.before.frozen;
        if !(was_harm || froze) {
            continue;
        }
        for change in hostile {
            let mut seen = pass.seen.clone();
            change(&mut seen);
            let other = decide(&pass.plan, &pass.before, &seen, pass.now);
            prop_assert_eq!(other.state.traffic, pass.after.traffic);
            prop_assert_eq!(other.state.phase, pass.after.phase);
            prop_assert_eq!(other.state.frozen, pass.after.frozen);
            prop_assert_eq!(other.state.restoring, pass.after.restoring);
            prop_assert_eq!(&other.decision, &pass.outcome.decision);
        }
    }
    Ok(())
}

pub(crate) fn replicas_go_after_the_proof(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let (before, after) = (pass.before.capacity_for, pass.after.capacity_for);
        let none = Some(Weight::ZERO);
        if after == none {
            prop_assert!(!pass.after.traffic.canary_serves, "{:?}", pass.outcome);
            prop_assert!(matches!(pass.after.phase, Phase::RolledBack | Phase::Succeeded));
        }
        if after == before {
            continue;
        }
        prop_assert!(pass.seen.capacity != Capacity::NotApplicable || after.is_none());
        if after == none {
            let still = matches!(pass.seen.canary_traffic, CanaryTraffic::Still { scrapes: 3.. });
            let proof = &pass.seen.proof;
            let followed = proof.is_live() || proof.is_silent();
            let written = matches!(pass.seen.route, RouteSeen::AsSet | RouteSeen::NotApplicable);
            prop_assert!(still && followed && written, "{:?}", pass.outcome);
        } else if after.is_none() {
            let swapped = pass.outcome.decision.reason == Reason::Swapped;
            prop_assert!(swapped || pass.after.phase == Phase::Pending, "{:?}", pass.outcome);
        } else {
            prop_assert!(after > before, "{:?}", pass.outcome);
            prop_assert_eq!(after, pass.plan.next_share(&pass.before));
        }
    }
    Ok(())
}

/// Replicas are asked for only where nothing else speaks against the rise; and a rise has them.
pub(crate) fn replicas_are_the_last_question(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        if pass.outcome.decision.reason == Reason::Capacity {
            let mut seen = pass.seen.clone();
            seen.capacity = Capacity::Enough;
            let other = decide(&pass.plan, &pass.before, &seen, pass.now);
            let (before, after) = (pass.before.traffic, other.state.traffic);
            let rises = after.weight > before.weight || after.mirror > before.mirror;
            // From zero there are no endpoints before there are replicas.
            let from_zero = other.decision.reason == Reason::WaitingForCanary
                && pass.before.traffic.weight.is_zero();
            // Who has a say once they are ready is asked then.
            let asks = other.decision.reason == Reason::WaitingForAnswer
                && pass.plan.asks.iter().any(|ask| ask.before == Before::Exposure);
            prop_assert!(rises || from_zero || asks, "{other:?}");
        }
        if pass.rises() && pass.seen.capacity == Capacity::Enough {
            prop_assert!(pass.after.capacity_for >= Some(pass.after.traffic.weight));
        }
    }
    Ok(())
}

pub(crate) fn lowered_is_followed(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let RouteSeen::Lowered { weight } = pass.seen.route else { continue };
        let goes_up = pass.before.phase == Phase::Progressing || pass.before.traffic.everyone;
        if !goes_up || weight >= pass.before.traffic.weight {
            prop_assert!(pass.outcome.decision.reason != Reason::LoweredByHand);
            continue;
        }
        // What is frozen is on its way to nothing; who restored an old state is asked first.
        let later = pass.outcome.decision.reason == Reason::StateOutdated
            || (pass.after.frozen && pass.outcome.decision.reason == Reason::Frozen);
        prop_assert!(pass.after.traffic.weight <= weight || later, "{:?}", pass.outcome);
    }
    Ok(())
}

pub(crate) fn lowered_stays_lowered(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut lowered = false;
    for pass in passes {
        prop_assert!(!(lowered && pass.rises()), "{:?}", pass.outcome);
        let reason = pass.outcome.decision.reason;
        lowered |= reason == Reason::LoweredByHand && pass.after.traffic.canary_serves;
        // A state that was lost is known again once everyone is on stable.
        let known_again = pass.before.paused == Some(Pause::StateLost)
            && pass.after.phase == Phase::RolledBack
            && pass.after.paused.is_none();
        if reason == Reason::Resumed || known_again {
            lowered = false;
        }
        prop_assert!(!lowered || pass.after.paused.is_some());
    }
    Ok(())
}

/// While a rollout brings stable to the new version by itself, users go to stable only where that
/// wholly runs one of the two versions, and after an abort only where it runs the earlier one.
pub(crate) fn promotion_moves_to_whole_versions(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut aborted = false;
    for pass in passes {
        let (before, after) = (&pass.before, &pass.after);
        let by_itself = pass.seen.stable_runs != StableRuns::NotApplicable;
        let promotes = before.traffic.canary_serves && !before.traffic.everyone;
        if before.phase != Phase::Promoting || !promotes || !by_itself {
            aborted = false;
            continue;
        }
        aborted |= pass.seen.command == Some(Command::Abort);
        prop_assert!(!aborted || after.restoring || after.phase == Phase::RollingBack);
        prop_assert_eq!(
            before.restoring && after.phase == Phase::Promoting,
            after.restoring && before.restoring
        );
        if after.traffic.weight == before.traffic.weight {
            prop_assert_eq!(after.phase, Phase::Promoting);
            continue;
        }
        prop_assert!(pass.seen.stable != Endpoints::NotReady, "{:?}", pass.outcome);
        if after.phase == Phase::RollingBack {
            prop_assert!(before.restoring, "{:?}", pass.outcome);
            prop_assert_eq!(pass.seen.stable_runs, StableRuns::Earlier);
        } else {
            prop_assert!(!aborted && !before.restoring, "{:?}", pass.outcome);
            prop_assert_eq!(pass.seen.stable_runs, StableRuns::New);
        }
    }
    Ok(())
}

/// Stable is changed only while everyone whom the plan lets there is on the canary.
pub(crate) fn stable_is_changed_while_promoting_only(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let after = &pass.after;
        let wanted = after.stable_wanted();
        if wanted != StableWanted::AsItIs {
            prop_assert_eq!(after.phase, Phase::Promoting);
            prop_assert!(after.traffic.canary_serves && !after.frozen);
            prop_assert!(after.paused.is_none() || after.restoring);
        }
        prop_assert_eq!(after.restoring, wanted == StableWanted::Earlier);
    }
    Ok(())
}

/// While a proxy shows that it has sent everyone to stable, stable is left as it is.
pub(crate) fn stable_stays_while_a_proxy_has_tripped(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let (before, after) = (&pass.before, &pass.after);
        let tripped = matches!(pass.seen.trips, Trips::Tripped { .. });
        let unknown = pass.seen.trips == Trips::Unknown;
        if tripped {
            prop_assert!(after.stable_wanted() != StableWanted::New, "{:?}", pass.outcome);
        }
        if tripped || unknown {
            prop_assert!(pass.outcome.decision.reason != Reason::Swapped || before.idle.is_some());
            let none = Some(Weight::ZERO);
            let gave_up = after.capacity_for == none && before.capacity_for != none;
            prop_assert!(!gave_up || after.idle.is_none(), "{:?}", pass.outcome);
        }
    }
    Ok(())
}

/// Where nothing of a cluster is seen, nothing of it is decided or stored.
pub(crate) fn files_know_no_cluster(passes: &[Pass]) -> Result<(), TestCaseError> {
    let on_files = passes.iter().all(|pass| pass.seen.route == RouteSeen::NotApplicable);
    for pass in passes.iter().filter(|_| on_files) {
        prop_assert!(!pass.after.restoring && pass.after.capacity_for.is_none());
        prop_assert!(!matches!(
            pass.outcome.decision.reason,
            Reason::LoweredByHand
                | Reason::RouteUnusable
                | Reason::RouteUnknown
                | Reason::ServingChanged
                | Reason::Capacity
                | Reason::Restoring
        ));
    }
    Ok(())
}

const fn broken(route: &RouteSeen) -> bool {
    matches!(route, RouteSeen::Unusable { .. } | RouteSeen::Unknown { .. })
}
