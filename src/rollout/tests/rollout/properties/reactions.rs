//! Harm is acted on in the pass that sees it, and people are told.

use core::time::Duration;
use std::collections::BTreeSet;

use proptest::prelude::*;
use serin_rollout::{
    Action, Alert, CanaryTraffic, Capacity, Command, Endpoints, Phase, Proof, Reason, RouteSeen,
    Served, Trips, Verdict, decide,
};

use crate::history::Pass;

pub(crate) fn harm_acts(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut exposed_since = None;
    for pass in passes {
        let failed = pass.seen.gates.iter().any(|reading| {
            reading.verdict == Verdict::Fail && pass.plan.gates.contains(&reading.gate)
        });
        let since_exposure = exposed_since.is_some_and(|since| pass.read_at > since);
        if pass.before.traffic.canary_serves && failed && since_exposure {
            acted(pass)?;
        }
        if !pass.after.traffic.canary_serves {
            exposed_since = None;
        } else if pass.rises() {
            exposed_since.get_or_insert(pass.at);
        }
    }
    Ok(())
}

pub(crate) fn not_ready_acts(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut not_ready_for = None;
    for pass in passes {
        let exposed = pass.before.traffic.canary_serves;
        not_ready_for = match pass.seen.canary {
            Endpoints::NotReady if exposed => Some(
                not_ready_for.map_or(Duration::ZERO, |before| before + pass.now.since_last_pass),
            ),
            // What nobody knows ends no stretch of it.
            Endpoints::Unknown if exposed => not_ready_for,
            _ => None,
        };
        let limit = pass.plan.policy.not_ready_after;
        if not_ready_for.is_some_and(|been| been >= limit) {
            acted(pass)?;
        }
        if pass.after.traffic != pass.before.traffic && !pass.after.traffic.canary_serves {
            not_ready_for = None;
        }
    }
    Ok(())
}

pub(crate) fn alerts_alternate(passes: &[Pass]) -> Result<(), TestCaseError> {
    let mut standing = BTreeSet::new();
    for pass in passes {
        for action in &pass.outcome.actions {
            match action {
                Action::Raise(alert) => prop_assert!(standing.insert(*alert), "{alert:?} twice"),
                Action::Clear(alert) => prop_assert!(standing.remove(alert), "{alert:?} not up"),
                Action::Publish(_) => {}
            }
        }
        prop_assert_eq!(&pass.after.alerts, &standing);
    }
    Ok(())
}

pub(crate) fn only_the_unplanned_is_held(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let (reason, after) = (pass.outcome.decision.reason, &pass.after);
        let may_be_held = matches!(
            reason,
            Reason::Capacity
                | Reason::RouteUnknown
                | Reason::SplitMismatch
                | Reason::WaitingForCanary
                | Reason::WaitingForStable
                | Reason::WaitingForAnswer
        );
        let answers = matches!(reason, Reason::Refused | Reason::Approved | Reason::StepSkipped);
        let progressing = after.phase == Phase::Progressing;
        if progressing && answers {
            prop_assert_eq!(after.held_ms, pass.before.held_ms);
        } else if !(progressing && may_be_held) {
            prop_assert_eq!(after.held_ms, 0, "{:?}", pass.outcome.decision);
        }
        prop_assert!(progressing || !after.alerts.contains(&Alert::Held));
    }
    Ok(())
}

pub(crate) fn freeze_is_told(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        prop_assert_eq!(pass.after.frozen, pass.after.alerts.contains(&Alert::Frozen));
        prop_assert!(!(pass.before.frozen && pass.rises()));
        if pass.after.frozen && pass.outcome.decision.reason != Reason::LoweredByHand {
            prop_assert_eq!(pass.after.traffic, pass.before.traffic);
        }
    }
    Ok(())
}

/// Where harm was seen: everyone back, or on the way there once stable runs what it ran, or a freeze
/// where the design says freeze.
fn acted(pass: &Pass) -> Result<(), TestCaseError> {
    let after = &pass.after;
    if after.restoring {
        return Ok(());
    }
    if !after.frozen {
        prop_assert!(after.traffic.weight.is_zero(), "{:?}", pass.outcome);
        prop_assert!(!after.traffic.canary_serves);
        return Ok(());
    }
    prop_assert!(after.alerts.contains(&Alert::Frozen));
    if pass.outcome.decision.reason == Reason::LoweredByHand {
        // Who takes users off the canary by hand insists, whatever stable has.
        prop_assert!(after.traffic.weight < pass.before.traffic.weight);
    } else {
        prop_assert_eq!(after.traffic, pass.before.traffic);
    }
    let stable_may_serve = if pass.before.frozen {
        pass.seen.stable == Endpoints::Ready
    } else {
        pass.seen.stable != Endpoints::NotReady
    };
    match after.phase {
        Phase::Progressing => prop_assert!(!stable_may_serve, "{:?}", pass.outcome),
        phase => prop_assert!(matches!(phase, Phase::Promoting | Phase::Succeeded)),
    }
    Ok(())
}

pub(crate) fn stable_can_serve(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let falls = pass.after.traffic.weight < pass.before.traffic.weight;
        let by_hand = pass.outcome.decision.reason == Reason::LoweredByHand;
        if pass.after.traffic.serving != pass.before.traffic.serving {
            // Either everyone is there already, or they go back to the side that is the canary's.
            let dead = pass.seen.canary == Endpoints::NotReady;
            prop_assert!(pass.before.traffic.everyone || !dead, "{:?}", pass.outcome);
            continue;
        }
        if falls && !by_hand && pass.seen.stable == Endpoints::NotReady {
            prop_assert!(pass.before.frozen, "{:?}", pass.outcome);
            prop_assert_eq!(pass.seen.command, Some(Command::Abort));
        }
    }
    Ok(())
}

pub(crate) fn ends_are_proved(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let was_left = match (pass.before.phase, pass.after.phase) {
            (Phase::RollingBack, after) => after != Phase::RollingBack,
            (Phase::Promoting, after) => after == Phase::Succeeded,
            _ => false,
        };
        let still = matches!(pass.seen.canary_traffic, CanaryTraffic::Still { scrapes: 3.. });
        let elsewhere = matches!(
            pass.seen.proof,
            Proof::Behind { .. } | Proof::Ahead { .. } | Proof::OtherShare { .. }
        );
        let unknown = matches!(pass.seen.route, RouteSeen::Unknown { .. });
        prop_assert!(!was_left || (still && !elsewhere && !unknown), "{:?}", pass.outcome);
    }
    Ok(())
}

pub(crate) fn no_harm_without_evidence(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let failed = pass.seen.gates.iter().any(|reading| {
            let asked = pass.plan.asked(&pass.before).any(|ask| ask.name == reading.gate);
            reading.verdict == Verdict::Fail && (pass.plan.gates.contains(&reading.gate) || asked)
        });
        prop_assert!(pass.outcome.decision.reason != Reason::Harm || failed, "{:?}", pass.outcome);

        // Suspicion, what is not judged yet, a mismatch, a broken route and missing replicas stop
        // rises and do nothing else: a pass that goes back goes back without them too.
        let mut fair = pass.seen.clone();
        fair.served = Served::Fine;
        fair.trips = Trips::None { watching: 3 };
        fair.capacity = Capacity::Enough;
        if let (Some(templates), Some(baseline)) = (&mut fair.templates, &pass.before.baseline) {
            templates.stable = baseline.clone();
        }
        if let RouteSeen::Unusable { .. } | RouteSeen::Unknown { .. } = fair.route {
            fair.route = RouteSeen::AsSet;
        }
        for reading in &mut fair.gates {
            if matches!(reading.verdict, Verdict::Hold | Verdict::Skipped) {
                reading.verdict = Verdict::Pass;
            }
        }
        if pass.after.traffic.weight < pass.before.traffic.weight {
            let other = decide(&pass.plan, &pass.before, &fair, pass.now);
            prop_assert_eq!(other.state.traffic, pass.after.traffic);
        }
    }
    Ok(())
}

pub(crate) fn suspicion_at_full_is_told(passes: &[Pass]) -> Result<(), TestCaseError> {
    for pass in passes {
        let told = pass.after.alerts.contains(&Alert::SuspectAtFull);
        let full = pass.after.traffic.weight >= pass.plan.steps.full();
        let of_plan = |gate: &String| pass.plan.gates.contains(gate);
        let fresh = pass.read_at >= pass.at && pass.before.traffic == pass.after.traffic;
        let held = pass
            .seen
            .gates
            .iter()
            .any(|reading| reading.verdict == Verdict::Hold && of_plan(&reading.gate));
        let answered = pass.plan.gates.iter().all(|gate| {
            pass.seen
                .gates
                .iter()
                .any(|reading| reading.gate == *gate && reading.verdict != Verdict::Broken)
        });
        prop_assert!(!told || full, "{:?}", pass.outcome);
        prop_assert!(!(full && held && fresh) || told, "{:?}", pass.outcome);
        prop_assert!(!(answered && !held && told), "{:?}", pass.outcome);
    }
    Ok(())
}
