//! The mirrors in a router's object, as decisions need them.

use serin_rollout::{MirrorsSeen, RouteSeen};
use serin_routes::{FoundMirror, MirrorDrift, is_as_kept, mirror_drift};

use crate::engine::{Change, Load};

/// What a decision is told of them.
pub(super) fn seen(found: Vec<FoundMirror>) -> MirrorsSeen {
    if found.iter().any(|one| one.reaches_canary) {
        return MirrorsSeen::ToCanary;
    }
    let fields = found.into_iter().map(|one| (one.entry, one.fields)).collect();
    MirrorsSeen::Others { fields }
}

/// Whether they are as they should, as far as they are ours.
pub(super) fn are_as_set(found: &[FoundMirror], load: &Load) -> bool {
    drift(found, load) == MirrorDrift::None
}

/// What is to be said of the route where they are not; `carried`: this process, or one before it, has
/// brought the load there.
pub(super) fn objection(found: &[FoundMirror], load: &Load, carried: bool) -> Option<RouteSeen> {
    match drift(found, load) {
        MirrorDrift::Taken if carried => Some(RouteSeen::MirrorTaken),
        MirrorDrift::More if load.traffic.mirror.is_none() => {
            let why = "requests are still mirrored to the canary".to_owned();
            Some(RouteSeen::Unknown { why })
        }
        // It is put back in the same pass.
        MirrorDrift::Taken | MirrorDrift::More | MirrorDrift::None => None,
    }
}

/// Whether a person has changed them since they were ours, which is for the next decision.
///
/// # Errors
/// Where what a mirror would replace is not what was kept of it.
pub(super) fn were_changed(
    found: &[FoundMirror],
    load: &Load,
    change: Change,
) -> Result<bool, &'static str> {
    if load.traffic.mirror.is_none() {
        return Ok(false);
    }
    match change {
        Change::None | Change::Back => Ok(drift(found, load) == MirrorDrift::Taken),
        Change::More | Change::Less => {
            let as_kept = load.kept_mirrors.as_ref().is_some_and(|kept| is_as_kept(found, kept));
            if as_kept { Ok(false) } else { Err("what it mirrors has changed since it was kept") }
        }
    }
}

/// None are ours where no state has kept what they were.
fn drift(found: &[FoundMirror], load: &Load) -> MirrorDrift {
    match (&load.kept_mirrors, load.traffic.mirror) {
        (None, None) => MirrorDrift::None,
        (_, share) => mirror_drift(found, share),
    }
}

#[cfg(test)]
mod tests {
    use serin_rollout::{MirrorFields, Traffic};

    use super::*;

    fn found(to_canary: Option<f64>) -> Vec<FoundMirror> {
        let fields = if to_canary.is_some() { "ours" } else { "theirs" }.to_owned();
        let reaches_canary = to_canary.is_some();
        let entry = "rest".to_owned();
        let reaches_others = !reaches_canary;
        vec![FoundMirror { entry, fields, to_canary, reaches_canary, reaches_others }]
    }

    fn load(share: Option<&str>, kept: Option<&str>) -> Load {
        let mirror = share.map(|share| share.parse().unwrap());
        let traffic = Traffic { mirror, ..Traffic::new("0%".parse().unwrap(), false, 1) };
        let kept_mirrors: Option<MirrorFields> =
            kept.map(|fields| [("rest".to_owned(), fields.to_owned())].into());
        Load { traffic, kept_mirrors }
    }

    #[test]
    fn mirrors_of_others_are_no_matter_where_none_was_ever_ours() {
        for to_canary in [None, Some(10.0)] {
            let (found, load) = (found(to_canary), load(None, None));
            assert!(are_as_set(&found, &load));
            assert_eq!(objection(&found, &load, true), None);
            assert_eq!(were_changed(&found, &load, Change::None), Ok(false));
        }
    }

    #[test]
    fn one_that_a_person_takes_off_is_for_the_next_decision() {
        let mirroring = load(Some("10%"), Some("theirs"));
        for taken in [None, Some(9.0)] {
            let found = found(taken);
            assert_eq!(objection(&found, &mirroring, true), Some(RouteSeen::MirrorTaken));
            assert_eq!(objection(&found, &mirroring, false), None, "not written yet");
            assert_eq!(were_changed(&found, &mirroring, Change::None), Ok(true));
        }
        // More than was wanted is put back.
        assert_eq!(objection(&found(Some(50.0)), &mirroring, true), None);
        assert_eq!(were_changed(&found(Some(50.0)), &mirroring, Change::None), Ok(false));
        assert!(!are_as_set(&found(Some(50.0)), &mirroring));
        assert!(are_as_set(&found(Some(10.0)), &mirroring));
    }

    #[test]
    fn nothing_is_replaced_that_was_not_kept() {
        let begins = |kept| were_changed(&found(None), &load(Some("10%"), kept), Change::More);
        assert_eq!(begins(Some("theirs")), Ok(false));
        assert!(begins(Some("others")).is_err() && begins(None).is_err());
    }

    #[test]
    fn the_route_is_not_as_set_before_a_mirror_is_off() {
        let off = load(None, Some("theirs"));
        assert!(matches!(
            objection(&found(Some(10.0)), &off, true),
            Some(RouteSeen::Unknown { .. })
        ));
        assert_eq!(objection(&found(None), &off, true), None);
        assert_eq!(seen(found(Some(10.0))), MirrorsSeen::ToCanary);
        let fields = [("rest".to_owned(), "theirs".to_owned())].into();
        assert_eq!(seen(found(None)), MirrorsSeen::Others { fields });
        // Beside somebody else's it is a mirror to the canary all the same, and nothing to be kept.
        let beside = vec![FoundMirror {
            entry: "rest".to_owned(),
            fields: "both".to_owned(),
            to_canary: None,
            reaches_canary: true,
            reaches_others: true,
        }];
        assert!(matches!(objection(&beside, &off, true), Some(RouteSeen::Unknown { .. })));
        assert_eq!(seen(beside), MirrorsSeen::ToCanary);
    }
}
