//! Whether ingress-nginx goes by a canary's weight: it sends nobody by that where no ordinary Ingress has the
//! same host, path and type of path, or where it goes by another canary there, and no session that has a
//! cookie of its own.

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;
use serin_routes::is_canary;

use super::super::kinds::{annotation, at};
use super::Finding;
use super::cluster::LookedAtAll;

const CHECK: &str = "ingress";
const AFFINITY: &str = "nginx.ingress.kubernetes.io/affinity";
const CANARY_BEHAVIOR: &str = "nginx.ingress.kubernetes.io/affinity-canary-behavior";

/// A way into an Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    /// Empty where it is for all hosts.
    host: String,
    path: String,
    kind: String,
}

/// `all`: of the canary's namespace.
pub(super) fn look(canary: &DynamicObject, all: &LookedAtAll) -> Vec<Finding> {
    let all = match all {
        Ok(all) => all,
        Err(why) => return vec![Finding::unknown(CHECK, why)],
    };
    let is_ordinary = |one: &&DynamicObject| {
        // Nothing of an object can fail to be JSON.
        !is_canary(&serde_json::to_value(one).unwrap_or_default())
    };
    let (ordinary, canaries): (Vec<_>, Vec<_>) = all.iter().partition(is_ordinary);
    let own = ways(canary);
    let is_beside = |one: &DynamicObject| ways(one).iter().any(|way| own.contains(way));
    let present: Vec<Way> = ordinary.iter().flat_map(|one| ways(one)).collect();
    let mut findings: Vec<Finding> =
        own.iter().filter(|way| !present.contains(way)).map(missing).collect();
    let rivals = canaries.iter().filter(|one| one.name_any() != canary.name_any());
    findings.extend(rivals.filter(|one| is_beside(one)).map(|one| rival(&one.name_any())));
    let beside = ordinary.iter().filter(|one| is_beside(one));
    if beside.chain([&canary]).any(|one| annotation(one, AFFINITY) == Some("cookie")) {
        findings.push(sticky(annotation(canary, CANARY_BEHAVIOR) == Some("legacy")));
    }
    findings
}

fn missing(Way { host, path, kind }: &Way) -> Finding {
    let says = format!(
        "no other Ingress of this namespace has host \"{host}\", path \"{path}\" of type {kind}"
    );
    // One of another namespace would do.
    Finding::doubtful(CHECK, says).mend(
        "unless one of another namespace does, ingress-nginx sends nobody by the weight: make host, \
         path and pathType the same in both",
    )
}

/// Its admission takes both.
fn rival(name: &str) -> Finding {
    let says = format!(
        "Ingress \"{name}\" is a canary of the same host and path, and ingress-nginx goes by one of the two"
    );
    Finding::bad(CHECK, says)
        .mend(format!("delete \"{name}\", or give it a host or path of its own"))
}

/// `legacy`: the canary itself gives no cookies.
fn sticky(legacy: bool) -> Finding {
    if legacy {
        let says = "sessions that have stable's cookie stay there and pass the canary by";
        return Finding::doubtful(CHECK, says).mend(format!("an Ingress without {AFFINITY}"));
    }
    let says = "sessions stay by their cookie on the side that they began on, whatever the weight is, \
                after a rollback too";
    Finding::bad(CHECK, says).mend(format!(
        "an Ingress without {AFFINITY}; with {CANARY_BEHAVIOR}: legacy on the canary's a rollback \
         reaches everyone at least"
    ))
}

fn ways(ingress: &DynamicObject) -> Vec<Way> {
    let text = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let rules = at(ingress, &["spec", "rules"]).and_then(Value::as_array).into_iter().flatten();
    let of_rule = |rule: &Value| {
        let paths = rule.pointer("/http/paths").and_then(Value::as_array);
        let way = |path: &Value| Way {
            host: text(rule, "host"),
            path: text(path, "path"),
            kind: text(path, "pathType"),
        };
        paths.into_iter().flatten().map(way).collect::<Vec<_>>()
    };
    rules.flat_map(of_rule).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Outcome;
    use super::*;

    const CANARY: &str = "nginx.ingress.kubernetes.io/canary";

    fn ingress(annotations: &Value, host: &str, path: &str, kind: &str) -> DynamicObject {
        named("web", annotations, host, path, kind)
    }

    fn named(name: &str, annotations: &Value, host: &str, path: &str, kind: &str) -> DynamicObject {
        let object = json!({
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"rules": [{"host": host, "http": {"paths": [{"path": path, "pathType": kind}]}}]},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_way_that_no_ordinary_ingress_has_is_doubtful() {
        let (canary, none) = (json!({CANARY: "true"}), json!({}));
        let of = |annotations: &Value, host, path, kind| ingress(annotations, host, path, kind);
        let own = of(&canary, "shop.example.com", "/", "Prefix");
        let found = |other: DynamicObject| look(&own, &Ok(vec![own.clone(), other]));
        for ordinary in [&none, &json!({CANARY: "false"})] {
            assert_eq!(found(of(ordinary, "shop.example.com", "/", "Prefix")), []);
        }
        for other in [
            of(&canary, "shop.example.com", "/", "Prefix"),
            of(&none, "api.example.com", "/", "Prefix"),
            of(&none, "shop.example.com", "/cart", "Prefix"),
            of(&none, "shop.example.com", "/", "Exact"),
        ] {
            let told = found(other);
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].outcome, Outcome::Doubtful);
            assert!(told[0].message.contains("\"shop.example.com\", path \"/\""), "{told:?}");
        }
        let sticky = of(&json!({AFFINITY: "cookie"}), "shop.example.com", "/", "Prefix");
        let told = found(sticky.clone());
        assert_eq!((told.len(), told[0].outcome), (1, Outcome::Bad), "{told:?}");
        assert!(told[0].message.contains("after a rollback too"), "{told:?}");
        let by_weight = json!({CANARY: "true", CANARY_BEHAVIOR: "legacy"});
        let by_weight = of(&by_weight, "shop.example.com", "/", "Prefix");
        let told = look(&by_weight, &Ok(vec![by_weight.clone(), sticky]));
        assert_eq!((told.len(), told[0].outcome), (1, Outcome::Doubtful), "{told:?}");
        assert_eq!(look(&own, &Err("forbidden".to_owned()))[0].outcome, Outcome::Unknown);
    }

    #[test]
    fn a_second_canary_of_the_same_way_is_bad() {
        let (canary, none) = (json!({CANARY: "true"}), json!({}));
        let of = |name, annotations: &Value, path| {
            named(name, annotations, "shop.example.com", path, "Prefix")
        };
        let own = of("web-canary", &canary, "/");
        let found = |other| look(&own, &Ok(vec![own.clone(), of("web", &none, "/"), other]));
        assert_eq!(found(of("cart-canary", &canary, "/cart")), []);
        let told = found(of("forgotten", &canary, "/"));
        assert_eq!((told.len(), told[0].outcome), (1, Outcome::Bad), "{told:?}");
        assert!(told[0].message.contains("\"forgotten\" is a canary of the same host"), "{told:?}");
    }
}
