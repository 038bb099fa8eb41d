//! Whether a release's route can carry its weights, and does.

use kube::api::DynamicObject;
use serde_json::Value;
use serin_assignment::Weight;
use serin_routes::{Acknowledged, Destination, Drift, Kind, ObjectApi, Reference, Wanted, drift};

use super::super::kinds::{self, at};
use super::Finding;
use super::cluster::{Looked, LookedAtAll};
use crate::release::RouteRef;
use crate::status::kubernetes::ObjectStatus;

const CHECK: &str = "route";

/// Of a route that is not there, or was not shown. `served`: whether the cluster has objects of its
/// kind at all; `of_linkerd`: whether Linkerd's own kind has one of that name.
pub(super) fn missing(
    route: Option<&RouteRef>,
    found: &Looked,
    served: &Result<bool, String>,
    of_linkerd: bool,
) -> Finding {
    match (route, found, served) {
        (None, ..) => Finding::bad(CHECK, "the release names no object whose weights are moved"),
        (_, Err(why), _) | (_, _, Err(why)) => Finding::unknown(CHECK, why),
        (Some(route), ..) if of_linkerd => {
            let ObjectApi { group, .. } = route.kind.router().api();
            let says = format!(
                "there is no {route} of {group}; that of policy.linkerd.io has rules without names, \
                 which nothing can tell one from another by"
            );
            let mend = format!("make it one of {group}, which Linkerd 2.14 and newer takes");
            Finding::bad(CHECK, says).mend(mend)
        }
        (Some(route), _, Ok(false)) => Finding::bad(CHECK, kinds::not_served(route.kind)).mend(
            "install the router's definitions; the controller finds them within half a minute",
        ),
        (Some(route), ..) => Finding::bad(CHECK, format!("there is no {route}")).mend(format!(
            "make it, or name another one in spec.traffic.{}",
            RouteRef::field(route.kind)
        )),
    }
}

pub(super) fn look(
    route: &RouteRef,
    reference: &Reference,
    object: &Value,
    status: &ObjectStatus,
) -> Finding {
    let router = route.kind.router();
    let weights = match router.read(object, reference) {
        Err(fault) => {
            let mend = match route.kind {
                Kind::VirtualService => {
                    "istio/examples/shop/routes.yaml has an object with the entries as they must be"
                }
                Kind::HttpRoute | Kind::TraefikService | Kind::Ingress => {
                    "the README shows an object as it must be (Routers)"
                }
            };
            return Finding::bad(CHECK, format!("{route}: {fault}")).mend(mend);
        }
        Ok(weights) => weights,
    };
    match router.acknowledged(object) {
        Acknowledged::Never | Acknowledged::Taken => {}
        Acknowledged::NotYet(why) => {
            return Finding::doubtful(CHECK, format!("{route}: {why}"))
                .mend("does the controller of its parents run?");
        }
        Acknowledged::Refused(why) => return Finding::bad(CHECK, format!("{route}: {why}")),
    }
    let shown = || weights.weight().map_or_else(|| "no share".to_owned(), |it| it.to_string());
    let stored: Option<Weight> = status.weight.as_ref().and_then(|weight| weight.parse().ok());
    let Some((weight, canary_serves)) = stored.zip(status.canary_serves) else {
        let says = format!("{route} has what it needs, the canary at {}", shown());
        return Finding::good(CHECK, says);
    };
    let wanted = match (canary_serves, status.phase.as_deref()) {
        (false, _) => Wanted::Nobody,
        // Before the roles of the sides are swapped.
        (true, Some("Promoting")) if weights.is_like(&Wanted::Everyone.integers()) => {
            Wanted::Everyone
        }
        (true, _) => Wanted::Share(weight),
    };
    match drift(&weights, &wanted) {
        Drift::None => {
            Finding::good(CHECK, format!("{route} has what it needs, the canary at {weight}"))
        }
        Drift::Lowered(_) | Drift::Other(_) => Finding::doubtful(
            CHECK,
            format!("{route} gives the canary {} where {weight} is wanted", shown()),
        )
        .mend("does another tool write its weights? (README, GitOps)"),
    }
}

/// Whether somebody says which pods the sides' subsets are: requests for a subset that nobody
/// defines are answered by 503.
pub(super) fn subsets(reference: &Reference, rules: &LookedAtAll) -> Vec<Finding> {
    const CHECK: &str = "subset";
    let rules = match rules {
        Err(why) => return vec![Finding::unknown(CHECK, why)],
        Ok(rules) => rules,
    };
    let sides = [&reference.stable, &reference.canary];
    let missing = sides.into_iter().filter_map(|Destination { host, subset, .. }| {
        let subset = subset.as_deref()?;
        let defined = rules.iter().any(|rule| defines(rule, host, subset));
        (!defined).then(|| {
            let says =
                format!("no DestinationRule of this namespace has host {host}, subset {subset}");
            // Istio looks in the caller's, the host's and its root namespace too.
            Finding::doubtful(CHECK, says)
                .mend("unless one of another namespace does, its requests are answered by 503")
        })
    });
    missing.collect()
}

fn defines(rule: &DynamicObject, host: &str, subset: &str) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let of = at(rule, &["spec", "host"]).and_then(Value::as_str).unwrap_or_default();
    let same = of == host || (short(of) == short(host) && !of.contains('*'));
    let subsets = at(rule, &["spec", "subsets"]).and_then(Value::as_array).into_iter().flatten();
    let mut names = subsets.filter_map(|it| it.get("name").and_then(Value::as_str));
    same && names.any(|name| name == subset)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_routes::Entries;

    use super::super::Outcome;
    use super::*;

    fn reference() -> Reference {
        let side = |subset: &str| Destination {
            host: "web".to_owned(),
            subset: Some(subset.to_owned()),
            port: None,
        };
        Reference {
            entries: Entries::default(),
            mark: "x-serin-variant".to_owned(),
            stable: side("stable"),
            canary: side("canary"),
        }
    }

    fn route(rest: [u64; 2]) -> Value {
        let entry = |name: &str, mark: Option<&str>, [stable, canary]: [u64; 2]| {
            let mut entry = json!({"name": name, "route": [
                {"destination": {"host": "web", "subset": "stable"}, "weight": stable},
                {"destination": {"host": "web", "subset": "canary"}, "weight": canary}]});
            if let Some(mark) = mark {
                entry["match"] = json!([{"headers": {"x-serin-variant": {"exact": mark}}}]);
            }
            entry
        };
        json!({"spec": {"http": [
            entry("serin-canary", Some("canary"), [0, 100]),
            entry("serin-stable", Some("stable"), [100, 0]),
            entry("serin-rest", None, rest)]}})
    }

    fn status(weight: &str) -> ObjectStatus {
        let weight = Some(weight.to_owned());
        ObjectStatus { weight, canary_serves: Some(true), ..ObjectStatus::default() }
    }

    #[test]
    fn a_route_is_good_with_the_weights_that_are_wanted() {
        let web = RouteRef { kind: Kind::VirtualService, name: "web".to_owned() };
        let of = |found: &Value, status: &ObjectStatus| look(&web, &reference(), found, status);
        assert_eq!(of(&route([95, 5]), &status("5%")).outcome, Outcome::Good);
        assert_eq!(of(&route([95, 5]), &ObjectStatus::default()).outcome, Outcome::Good);
        let drifted = of(&route([50, 50]), &status("5%"));
        assert_eq!(drifted.outcome, Outcome::Doubtful);
        assert!(drifted.message.contains("50% where 5% is wanted"), "{}", drifted.message);
        assert_eq!(of(&json!({"spec": {"http": []}}), &status("5%")).outcome, Outcome::Bad);
        assert_eq!(missing(Some(&web), &Ok(None), &Ok(true), false).outcome, Outcome::Bad);
        assert_eq!(missing(None, &Ok(None), &Ok(true), false).outcome, Outcome::Bad);
        let unknown = missing(Some(&web), &Ok(None), &Err("no answer".to_owned()), false);
        assert_eq!(unknown.outcome, Outcome::Unknown);
    }

    #[test]
    fn a_kind_that_the_cluster_has_no_definition_of_is_told() {
        let route = RouteRef { kind: Kind::HttpRoute, name: "web".to_owned() };
        let told = missing(Some(&route), &Ok(None), &Ok(false), false);
        assert_eq!(told.outcome, Outcome::Bad);
        assert!(
            told.message.contains("no HTTPRoute of gateway.networking.k8s.io/v1"),
            "{}",
            told.message
        );
    }

    #[test]
    fn linkerds_own_kind_is_told_from_the_one_that_is_meant() {
        let route = RouteRef { kind: Kind::HttpRoute, name: "web".to_owned() };
        for served in [false, true] {
            let told = missing(Some(&route), &Ok(None), &Ok(served), true);
            assert_eq!(told.outcome, Outcome::Bad);
            assert!(told.message.contains("policy.linkerd.io"), "{}", told.message);
            assert!(told.mend.unwrap().contains("gateway.networking.k8s.io"));
        }
    }

    #[test]
    fn subsets_that_nobody_defines_are_named() {
        let rule = |host: &str, names: &[&str]| -> DynamicObject {
            let subsets: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
            let spec = json!({"metadata": {}, "spec": {"host": host, "subsets": subsets}});
            serde_json::from_value(spec).unwrap()
        };
        let found = |rules: Vec<DynamicObject>| subsets(&reference(), &Ok(rules)).len();
        assert_eq!(found(vec![rule("web", &["stable", "canary"])]), 0);
        assert_eq!(found(vec![rule("web.shop.svc.cluster.local", &["stable", "canary"])]), 0);
        assert_eq!(found(vec![rule("web", &["stable"])]), 1);
        assert_eq!(found(vec![rule("api", &["stable", "canary"])]), 2);
        assert_eq!(subsets(&reference(), &Err("no".to_owned()))[0].outcome, Outcome::Unknown);
    }
}
