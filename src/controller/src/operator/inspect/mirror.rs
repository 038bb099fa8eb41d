//! What a release's route copies to the canary, and whether somebody wants it to.

use serde_json::Value;
use serin_assignment::Weight;
use serin_routes::{FoundMirror, Kind, MirrorDrift, mirror_drift};

use super::super::kinds::at;
use super::Finding;
use super::cluster::Looked;
use crate::release::RouteRef;
use crate::status::kubernetes::ObjectStatus;

const CHECK: &str = "mirror";
/// Where a definition of `HTTPRoute` says what a mirror's share is, below one of its versions.
const PERCENT: &str = "/schema/openAPIV3Schema/properties/spec/properties/rules/items/properties/filters\
                       /items/properties/requestMirror/properties/percent";

/// `asked`: whether the release has requests mirrored before its first step. Nothing is told of a route
/// that mirrors nothing to the canary where nobody asked for it.
pub(super) fn look(
    route: &RouteRef,
    found: &[FoundMirror],
    asked: bool,
    status: &ObjectStatus,
) -> Option<Finding> {
    let share: Option<Weight> = status.mirror.as_ref().and_then(|share| share.parse().ok());
    if let Some(share) = share {
        return Some(under_way(route, found, share));
    }
    let reach = names(found, |one| one.reaches_canary);
    if !reach.is_empty() {
        let says = format!(
            "{route} copies requests to the canary in {reach}, and no rollout mirrors: what they ask \
             for is done once more"
        );
        let mend = if asked {
            "take it off: a rollout of this release would take it for its own"
        } else {
            "take it off, or have a release mirror, with gates that judge it (spec.mirror)"
        };
        return Some(Finding::doubtful(CHECK, says).mend(mend));
    }
    let theirs = names(found, |one| one.reaches_others);
    let says = match (asked, theirs.as_str()) {
        (false, _) => return None,
        (true, "") => format!("{route} mirrors nothing by itself"),
        (true, theirs) => format!(
            "what {route} mirrors in {theirs} is put aside while a rollout mirrors, and back before \
             its first user"
        ),
    };
    Some(Finding::good(CHECK, says))
}

/// While a rollout mirrors this share.
fn under_way(route: &RouteRef, found: &[FoundMirror], share: Weight) -> Finding {
    match mirror_drift(found, Some(share)) {
        MirrorDrift::None => {
            Finding::good(CHECK, format!("{route} copies {share} of requests to the canary"))
        }
        MirrorDrift::Taken | MirrorDrift::More => {
            let says = format!(
                "{route} copies another share than {share} of requests to the canary, or copies them \
                 elsewhere"
            );
            Finding::doubtful(CHECK, says)
                .mend("does another tool write its mirrors? (README, Mirroring)")
        }
    }
}

/// Of a definition that would drop the share of a mirror; `definition`: of `HTTPRoute`.
pub(super) fn shares(definition: &Looked) -> Option<Finding> {
    let versions = match definition {
        // A route that is there has one, and one that is not is told by its own look.
        Ok(None) => return None,
        Ok(Some(definition)) => at(definition, &["spec", "versions"]),
        Err(why) => return Some(Finding::unknown(CHECK, why)),
    };
    let mut versions = versions.and_then(Value::as_array).into_iter().flatten();
    let knows = |version: &Value| version.pointer(PERCENT).is_some();
    let name = Kind::HttpRoute.router().api().version;
    let served = versions.find(|it| it.get("name").and_then(Value::as_str) == Some(name));
    (!served.is_some_and(knows)).then(|| {
        let says = "this cluster's definition of HTTPRoute does not know the share of a mirror, so that \
                    every request would be copied: the controller mirrors none";
        Finding::bad(CHECK, says).mend("install the definitions of Gateway API 1.3 or newer")
    })
}

fn names(found: &[FoundMirror], which: impl Fn(&FoundMirror) -> bool) -> String {
    let names: Vec<&str> =
        found.iter().filter(|one| which(one)).map(|one| one.entry.as_str()).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Outcome;
    use super::*;

    const NOTHING: &str = "null";
    const THEIRS: &str = "theirs";

    fn entry(fields: &str, to_canary: Option<f64>) -> FoundMirror {
        let reaches_canary = to_canary.is_some();
        let reaches_others = !reaches_canary && fields != NOTHING;
        let (entry, fields) = ("serin-rest".to_owned(), fields.to_owned());
        FoundMirror { entry, fields, to_canary, reaches_canary, reaches_others }
    }

    fn found(entry: FoundMirror, asked: bool, share: Option<&str>) -> Option<(Outcome, String)> {
        let route = RouteRef { kind: Kind::VirtualService, name: "web".to_owned() };
        let mirror = share.map(str::to_owned);
        let status = ObjectStatus { mirror, ..ObjectStatus::default() };
        look(&route, &[entry], asked, &status).map(|finding| (finding.outcome, finding.message))
    }

    #[test]
    fn mirrors_to_others_are_nobodys_matter_unless_a_release_mirrors() {
        assert_eq!(found(entry(NOTHING, None), false, None), None);
        assert_eq!(found(entry(THEIRS, None), false, None), None);
        let (outcome, says) = found(entry(THEIRS, None), true, None).unwrap();
        assert_eq!(outcome, Outcome::Good);
        assert!(says.contains("in serin-rest is put aside"), "{says}");
        let (outcome, says) = found(entry(NOTHING, None), true, None).unwrap();
        assert_eq!(outcome, Outcome::Good);
        assert!(says.contains("nothing by itself"), "{says}");
    }

    #[test]
    fn a_mirror_to_the_canary_that_no_rollout_wants_is_doubtful() {
        for asked in [false, true] {
            let (outcome, says) = found(entry("ours", Some(10.0)), asked, None).unwrap();
            assert_eq!(outcome, Outcome::Doubtful);
            assert!(says.contains("in serin-rest, and no rollout mirrors"), "{says}");
        }
        // Beside somebody else's too.
        let beside = FoundMirror { reaches_canary: true, ..entry("both", None) };
        assert_eq!(found(beside, false, None).unwrap().0, Outcome::Doubtful);
    }

    #[test]
    fn the_share_that_a_rollout_mirrors_is_held_against_what_stands() {
        let outcome = |entry| found(entry, true, Some("10%")).unwrap().0;
        assert_eq!(outcome(entry("ours", Some(10.0))), Outcome::Good);
        assert_eq!(outcome(entry("ours", Some(50.0))), Outcome::Doubtful);
        assert_eq!(outcome(entry(THEIRS, None)), Outcome::Doubtful);
    }

    #[test]
    fn a_definition_that_would_drop_the_share_is_bad() {
        let definition = |mirror: Value| {
            let filter = json!({"properties": {"requestMirror": {"properties": mirror}}});
            let rule = json!({"properties": {"filters": {"items": filter}}});
            let spec = json!({"properties": {"rules": {"items": rule}}});
            let schema = json!({"openAPIV3Schema": {"properties": {"spec": spec}}});
            let spec = json!({"versions": [{"name": "v1beta1"}, {"name": "v1", "schema": schema}]});
            Ok(Some(serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()))
        };
        assert_eq!(shares(&definition(json!({"backendRef": {}, "percent": {}}))), None);
        assert_eq!(shares(&Ok(None)), None);
        let told = shares(&definition(json!({"backendRef": {}}))).unwrap();
        assert_eq!(told.outcome, Outcome::Bad);
        assert_eq!(shares(&Err("forbidden".to_owned())).unwrap().outcome, Outcome::Unknown);
    }
}
