//! How many pods each side needs, and whether they are there.

use kube::api::DynamicObject;
use serin_assignment::Weight;
use serin_rollout::Capacity;

use super::kinds::annotation;
use super::template::{available, replicas};

/// Where the canary keeps how many pods stable had when the rollout started.
pub(super) const STABLE_AT_START: &str = "serin.dev/stable-replicas";

/// A side and who says how many pods it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'a> {
    pub(super) deployment: &'a DynamicObject,
    /// The fewest pods that a `HorizontalPodAutoscaler` gives it, where one owns its replicas.
    pub(super) autoscaled_from: Option<u64>,
}

/// How many pods stable had at the rollout's start; what it has now where none has started.
pub(super) fn stable_at_start(stable: &DynamicObject, canary: &DynamicObject) -> u64 {
    let noted = annotation(canary, STABLE_AT_START).and_then(|text| text.parse().ok());
    noted.unwrap_or_else(|| replicas(stable))
}

/// The canary's pods for a weight: stable's at the start times the weight, rounded up, and one at
/// least.
pub(super) fn pods_for(weight: Weight, stable: u64) -> u64 {
    let parts = u64::from(Weight::FULL.basis_points());
    stable.saturating_mul(u64::from(weight.basis_points())).div_ceil(parts).max(1)
}

/// Whether both sides could serve with the canary at `next`.
pub(super) fn check(next: Weight, stable: Side<'_>, canary: Side<'_>) -> Capacity {
    let at_start = stable_at_start(stable.deployment, canary.deployment);
    let ready = available(canary.deployment);
    let wanted = match canary.autoscaled_from {
        // Its owner knows best, once there is something to scale.
        Some(_) => replicas(canary.deployment).max(1),
        None => pods_for(next, at_start),
    };
    if ready < wanted {
        let why = format!("the canary has {ready} of the {wanted} pods that {next} needs");
        return Capacity::Short { why };
    }
    check_stable(stable, at_start)
}

/// Whether stable could take everyone back.
pub(super) fn check_stable(stable: Side<'_>, at_start: u64) -> Capacity {
    let (ready, wanted) =
        (available(stable.deployment), stable.autoscaled_from.unwrap_or(at_start));
    if ready < wanted {
        let why = format!("stable has {ready} of the {wanted} pods that a rollback would need");
        return Capacity::Short { why };
    }
    if ready < at_start {
        let why = format!(
            "stable has {ready} of the {at_start} pods that it had at the start, as its autoscaler \
             takes what nobody asks for: a rollback would lack the others at first"
        );
        return Capacity::Lean { why };
    }
    Capacity::Enough
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn side(
        replicas: u64,
        available: u64,
        autoscaled_from: Option<u64>,
    ) -> (DynamicObject, Option<u64>) {
        let object = json!({"metadata": {"name": "web"}, "spec": {"replicas": replicas},
            "status": {"availableReplicas": available}});
        (serde_json::from_value(object).unwrap(), autoscaled_from)
    }

    fn checked(
        next: &str,
        stable: &(DynamicObject, Option<u64>),
        canary: &(DynamicObject, Option<u64>),
    ) -> Capacity {
        let side = |(deployment, autoscaled_from): &'_ (DynamicObject, Option<u64>)| {
            (deployment.clone(), *autoscaled_from)
        };
        let ((stable, from_stable), (canary, from_canary)) = (side(stable), side(canary));
        check(
            next.parse().unwrap(),
            Side { deployment: &stable, autoscaled_from: from_stable },
            Side { deployment: &canary, autoscaled_from: from_canary },
        )
    }

    #[test]
    fn the_canary_gets_its_share_of_stables_pods_rounded_up() {
        for (weight, stable, pods) in [
            ("5%", 4, 1),
            ("25%", 4, 1),
            ("25.01%", 4, 2),
            ("50%", 5, 3),
            ("100%", 4, 4),
            ("0.01%", 0, 1),
        ] {
            assert_eq!(pods_for(weight.parse().unwrap(), stable), pods, "{weight} of {stable}");
        }
    }

    #[test]
    fn both_sides_must_have_their_pods() {
        assert_eq!(checked("50%", &side(4, 4, None), &side(2, 2, None)), Capacity::Enough);
        assert!(matches!(
            checked("50%", &side(4, 4, None), &side(2, 1, None)),
            Capacity::Short { .. }
        ));
        assert!(matches!(
            checked("50%", &side(4, 3, None), &side(2, 2, None)),
            Capacity::Short { .. }
        ));
    }

    #[test]
    fn an_autoscaler_decides_on_its_own_side() {
        assert_eq!(checked("50%", &side(2, 2, Some(2)), &side(1, 1, Some(1))), Capacity::Enough);
        assert!(matches!(
            checked("50%", &side(9, 1, Some(2)), &side(1, 1, Some(1))),
            Capacity::Short { .. }
        ));
        assert!(matches!(
            checked("50%", &side(9, 9, Some(2)), &side(3, 2, Some(1))),
            Capacity::Short { .. }
        ));
    }

    #[test]
    fn what_a_rollback_would_lack_is_told() {
        let (mut canary, from) = side(4, 4, Some(1));
        canary.metadata.annotations = Some([(STABLE_AT_START.to_owned(), "9".to_owned())].into());
        let lean = checked("50%", &side(2, 2, Some(2)), &(canary, from));
        let Capacity::Lean { why } = lean else { panic!("{lean:?}") };
        assert!(why.starts_with("stable has 2 of the 9 pods that it had at the start"), "{why}");
    }

    #[test]
    fn stables_count_is_the_one_at_the_start() {
        let (mut canary, none) = side(2, 2, None);
        canary.metadata.annotations = Some([(STABLE_AT_START.to_owned(), "8".to_owned())].into());
        assert!(matches!(
            checked("50%", &side(4, 4, None), &(canary, none)),
            Capacity::Short { .. }
        ));
    }
}
