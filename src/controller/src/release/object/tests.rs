//! Releases that name Kubernetes objects: as objects, and as files.

use std::path::Path;

use serde_json::{Value, json};
use serin_rollout::{OnSuccess, Side, Version};
use serin_routes::{Destination, Entries, Kind};

use super::*;
use crate::metrics::MetricsSettings;
use crate::prometheus::Authentication;
use crate::release::{CapacityRule, Kubernetes, PluginRef, RouteRef, Target};

mod mirrors;

fn web() -> Value {
    json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {
            "name": "checkout", "namespace": "shop", "uid": "1", "generation": 3,
            "labels": {"team": "shop"}, "managedFields": [{}],
        },
        "spec": {
            "target": {"stable": "web", "canary": "web-canary"},
            "traffic": {
                "virtualService": "web",
                "stable": {"host": "web", "subset": "stable", "port": 80},
                "canary": {"host": "web", "subset": "canary", "port": 80},
            },
            "assignment": {
                "plugin": {"name": "serin", "namespace": "istio-system"},
                "identity": [{"header": "x-user-id"}],
            },
            "metrics": {"prometheus": {"address": "http://prometheus:9090"}},
            "steps": [{"weight": "5%", "bake": "10m"}, {"weight": "100%", "bake": "10m"}],
            "gates": [{"name": "errors", "kind": "errorRate", "margin": 1.2, "weight": 2}],
        },
        "status": {"phase": "Progressing"},
    })
}

fn resolved() -> Resolved {
    Resolved {
        serving: Side::First,
        version: Version("5d4f8c".to_owned()),
        hosts: vec!["web".to_owned(), "shop.example.com".to_owned()],
    }
}

/// The release of these tests.
pub(crate) fn example() -> Release {
    release(|_| ())
}

fn release(change: impl FnOnce(&mut Value)) -> Release {
    let mut object = web();
    change(&mut object["spec"]);
    from_object(&object, &resolved()).unwrap()
}

fn fault(change: impl FnOnce(&mut Value)) -> String {
    let mut object = web();
    change(&mut object["spec"]);
    from_object(&object, &resolved()).unwrap_err().to_string()
}

/// The same as a file, which JSON is too.
fn file(change: impl FnOnce(&mut Value)) -> Result<Release, String> {
    let mut object = web();
    object["metadata"] = json!({
        "name": "checkout", "namespace": "shop", "labels": {"team": "shop"}, "annotations": {},
    });
    object.as_object_mut().unwrap().remove("status");
    change(&mut object["spec"]);
    let path = Path::new("folder/checkout.yaml");
    Release::parse(&object.to_string(), path).map_err(|error| error.to_string())
}

#[test]
fn an_object_is_read_whole() {
    let release = release(|_| ());
    assert_eq!(release.key(), "shop/checkout");
    assert_eq!(release.version, Version("5d4f8c".to_owned()));
    assert_eq!(release.plan.on_success, OnSuccess::Promote);
    let side = |subset: &str| Destination {
        host: "web".to_owned(),
        subset: Some(subset.to_owned()),
        port: Some(80),
    };
    let expected = Kubernetes {
        target: Target {
            stable: "web".to_owned(),
            canary: "web-canary".to_owned(),
            capacity: CapacityRule::Scale,
        },
        route: RouteRef { kind: Kind::VirtualService, name: "web".to_owned() },
        reference: serin_routes::Reference {
            entries: Entries::default(),
            mark: "x-serin-variant".to_owned(),
            stable: side("stable"),
            canary: side("canary"),
        },
        plugin: Some(PluginRef { namespace: "istio-system".to_owned(), name: "serin".to_owned() }),
        stated_version: None,
    };
    assert_eq!(release.kubernetes, Some(expected));
    assert!(release.gates[0].ratio().is_some_and(|ratio| ratio.margin.to_string() == "1.2"));
}

#[test]
fn envoys_clusters_follow_from_the_destinations() {
    let by_default = release(|_| ());
    let cluster = |release: &Release| release.traffic.canary_cluster.to_string();
    assert_eq!(cluster(&by_default), "outbound|80|canary|web.shop.svc.cluster.local");
    // What Istio's proxies show whole is nothing to warn of.
    let warnings = by_default.warnings();
    assert!(!warnings.iter().any(|warning| warning.message.contains("cuts")), "{warnings:?}");
    let whole = release(|spec| {
        spec["traffic"]["canary"] = json!({"host": "canary.example.com", "port": 8080});
    });
    assert_eq!(cluster(&whole), "outbound|8080||canary.example.com");
    let named = release(|spec| {
        spec["traffic"]["canary"] = json!({"host": "web", "subset": "canary", "cluster": "c"});
    });
    assert_eq!(cluster(&named), "c");
}

#[test]
fn hosts_are_those_of_the_virtual_service_under_all_their_names() {
    let traffic = release(|_| ()).traffic;
    let hosts: Vec<String> = traffic.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(
        hosts,
        ["web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "shop.example.com"]
    );
    assert_eq!(traffic.bare_hosts["shop"][0].as_str(), "web");
    let mut cluster = resolved();
    cluster.hosts = vec!["web".to_owned(), "web.shop.svc.cluster.local".to_owned()];
    let twice = from_object(&web(), &cluster).unwrap().traffic;
    assert_eq!((twice.hosts.len(), twice.bare_hosts["shop"].len()), (3, 1));
    cluster.hosts = vec!["a b".to_owned()];
    let told = from_object(&web(), &cluster).unwrap_err().to_string();
    assert!(told.contains("spec.traffic.virtualService: \"a b\": its host: "), "{told}");
    cluster.hosts.clear();
    let told = from_object(&web(), &cluster).unwrap_err().to_string();
    assert!(told.contains("the VirtualService has no hosts"), "{told}");
}

#[test]
fn a_stated_version_is_still_another_with_each_template() {
    let stated = release(|spec| spec["version"] = json!("v2"));
    assert_eq!(stated.version, Version("v2-5d4f8c".to_owned()));
    assert_ne!(stated.assignment.salt, release(|_| ()).assignment.salt);
}

#[test]
fn an_objects_files_are_those_of_its_namespace() {
    let with = |name: &str| {
        let name = name.to_owned();
        move |spec: &mut Value| spec["metrics"]["prometheus"]["bearerTokenFile"] = json!(name)
    };
    let MetricsSettings::Prometheus(settings) = release(with("token")).metrics else { panic!() };
    let expected = "/etc/serin/credentials/shop/token".into();
    assert_eq!(settings.authentication, Authentication::BearerTokenFile(expected));
    for outside in
        ["/var/run/secrets/kubernetes.io/serviceaccount/token", "../other/token", "a/b", "..", ""]
    {
        let told = fault(with(outside));
        assert!(told.contains("spec.metrics.prometheus.bearerTokenFile"), "{told}");
        assert!(told.contains("/etc/serin/credentials/shop"), "{told}");
    }
    for field in ["caFile", "clientCertFile", "clientKeyFile", "passwordFile"] {
        let told = fault(|spec| {
            let prometheus = &mut spec["metrics"]["prometheus"];
            prometheus["caFile"] = json!("ca.pem");
            prometheus["clientCertFile"] = json!("cert.pem");
            prometheus["clientKeyFile"] = json!("key.pem");
            prometheus["basicAuth"] = json!({"username": "u", "passwordFile": "password"});
            if field == "passwordFile" {
                prometheus["basicAuth"][field] = json!("/etc/passwd");
            } else {
                prometheus[field] = json!("/etc/passwd");
            }
        });
        assert!(told.contains(field) && told.contains("/etc/passwd"), "{told}");
    }
}

#[test]
fn an_object_gets_nothing_run_by_the_controller() {
    let told = fault(|spec| {
        spec["traffic"]["file"] = json!({"template": "t", "path": "p", "reload": ["sh"]});
    });
    let rule =
        "spec.traffic.file: \"p\": only `serin run` keeps a proxy's file and runs its command";
    assert!(told.contains(rule), "{told}");
}

#[test]
fn faults_name_field_value_and_rule() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 18] = [
        (
            |spec| {
                spec.as_object_mut().unwrap().remove("target");
            },
            "spec.target: missing: the Deployments",
        ),
        (
            |spec| {
                spec["traffic"].as_object_mut().unwrap().remove("virtualService");
            },
            "spec.traffic.virtualService: missing: the name of the object whose weights",
        ),
        (
            |spec| {
                spec.as_object_mut().unwrap().remove("target");
                spec["traffic"].as_object_mut().unwrap().remove("virtualService");
            },
            "spec.target: missing",
        ),
        (|spec| spec["target"]["canary"] = json!("web"), "spec.target.canary: \"web\": "),
        (|spec| spec["target"]["canary"] = json!("Web"), "the name of an object in Kubernetes"),
        (|spec| spec["target"]["capacity"] = json!("auto"), "`scale` has them made"),
        (|spec| spec["traffic"]["hosts"] = json!(["a"]), "they are those of the VirtualService"),
        (
            |spec| spec["traffic"]["canary"] = json!({"cluster": "c"}),
            "spec.traffic.canary.host: missing",
        ),
        (
            |spec| spec["traffic"]["canary"] = json!({"host": "web", "subset": "canary"}),
            "spec.traffic.canary.port: missing: the service's port",
        ),
        (
            |spec| spec["traffic"]["canary"]["subset"] = json!("stable"),
            "spec.traffic.canary.host: \"web subset stable port 80\": the canary's destination",
        ),
        (|spec| spec["traffic"]["canary"]["port"] = json!(0), "a port is 1 to 65535"),
        (
            |spec| spec["traffic"]["entries"] = json!({"canary": "serin-rest"}),
            "spec.traffic.entries.canary: \"serin-rest\": each of the three",
        ),
        (
            |spec| {
                spec["onSuccess"] = json!("keep");
                spec["steps"] = json!([{"weight": "50%", "bake": "10m"}]);
            },
            "the last step has 100%",
        ),
        (
            |spec| spec["assignment"]["plugin"]["name"] = json!("a_b"),
            "spec.assignment.plugin.name: \"a_b\": the name of an object",
        ),
        // The shape.
        (
            |spec| spec["steps"][1]["weigth"] = json!("5%"),
            "spec.steps[1].weigth: …: unknown field `weigth`",
        ),
        (|spec| spec["steps"] = json!("5%"), "spec.steps: …: invalid type"),
        (|spec| spec["gates"][0]["margin"] = json!([1]), "spec.gates[0].margin: …: invalid type"),
        (|spec| *spec = json!(null), "spec: …: invalid type"),
    ];
    for (change, expected) in cases {
        let told = fault(change);
        assert!(told.contains(expected), "{told}\nnot: {expected}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let told = fault(|spec| {
        spec["steps"][0]["weight"] = json!("5");
        spec["target"]["capacity"] = json!("auto");
    });
    assert!(told.contains("; ") && told.contains("weight") && told.contains("capacity"), "{told}");
}

#[test]
fn a_file_may_say_the_same_and_leaves_open_what_the_cluster_knows() {
    let release = file(|_| ()).unwrap();
    assert_eq!(release.kubernetes, self::release(|_| ()).kubernetes);
    assert!(release.traffic.hosts.is_empty());
    let without = file(|spec| {
        spec["target"] = json!(null);
        spec["traffic"]["virtualService"] = json!(null);
    });
    let told = without.unwrap_err();
    for field in [
        "spec.version: missing",
        "spec.traffic.hosts: missing",
        "spec.traffic.canary.cluster: missing",
        "spec.traffic.canary.subset: \"…\": this goes with `target`",
        "spec.assignment.plugin: \"…\": this goes with `target`",
    ] {
        assert!(told.contains(field), "{told}\nnot: {field}");
    }
}

#[test]
fn its_objects_are_known_also_where_all_else_cannot_be_read() {
    let whole = release(|_| ()).kubernetes.unwrap();
    let mut broken = web();
    for field in ["assignment", "metrics", "steps", "gates"] {
        broken["spec"][field] = json!("nonsense");
    }
    assert!(from_object(&broken, &resolved()).is_err());
    let Kubernetes { target, route, reference, .. } = objects_of(&broken).unwrap();
    assert_eq!((target, route), (whole.target, whole.route));
    assert_eq!(reference, whole.reference);
    broken["spec"]["traffic"]["stable"] = json!({});
    assert_eq!(objects_of(&broken), None);
}

/// The release with another kind of object.
fn routed(field: &str, change: impl FnOnce(&mut Value)) -> Result<Release, String> {
    let mut object = web();
    let traffic = object["spec"]["traffic"].as_object_mut().unwrap();
    traffic.remove("virtualService");
    traffic.insert(field.to_owned(), json!("web"));
    traffic.insert("stable".to_owned(), json!({"host": "web", "port": 80}));
    traffic.insert("canary".to_owned(), json!({"host": "web-canary", "port": 80}));
    change(&mut object["spec"]["traffic"]);
    from_object(&object, &resolved()).map_err(|refused| refused.to_string())
}

#[test]
fn weights_may_stand_in_the_objects_of_other_routers() {
    let of = |field, change: fn(&mut Value)| {
        let objects = routed(field, change).unwrap().kubernetes.unwrap();
        (objects.route.kind, objects.reference.entries)
    };
    assert_eq!(of("httpRoute", |_| ()), (Kind::HttpRoute, Entries::default()));
    let only = of("httpRoute", |traffic| traffic["entries"] = json!({"only": "all"}));
    assert_eq!(only, (Kind::HttpRoute, Entries::One("all".to_owned())));
    assert_eq!(of("ingress", |_| ()), (Kind::Ingress, Entries::Whole));
    let traefik = |traffic: &mut Value| traffic["hosts"] = json!(["shop.example.com"]);
    assert_eq!(of("traefikService", traefik), (Kind::TraefikService, Entries::Whole));
    let hosts = routed("traefikService", traefik).unwrap().traffic.hosts;
    assert_eq!(hosts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["shop.example.com"]);
}

#[test]
fn what_another_routers_objects_do_not_have_is_told() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str); 7] = [
        (
            "httpRoute",
            |traffic| traffic["traefikService"] = json!("web"),
            "spec.traffic.httpRoute: \"web\": one object whose weights are moved, and not \
             TraefikService as well",
        ),
        (
            "httpRoute",
            |traffic| traffic["stable"]["subset"] = json!("v1"),
            "spec.traffic.stable.subset: \"v1\": subsets are those of a VirtualService",
        ),
        (
            "httpRoute",
            |traffic| traffic["hosts"] = json!(["a"]),
            "spec.traffic.hosts: \"…\": they are those of the HTTPRoute",
        ),
        (
            "httpRoute",
            |traffic| traffic["entries"] = json!({"only": "a", "rest": "b"}),
            "spec.traffic.entries.only: \"a\": the one entry that takes all requests",
        ),
        ("httpRoute", |traffic| traffic["entries"] = json!({"only": ""}), "the name of an entry"),
        (
            "traefikService",
            |traffic| traffic["entries"] = json!({}),
            "spec.traffic.entries: \"…\": objects of kind TraefikService have no entries",
        ),
        (
            "traefikService",
            |_| (),
            "spec.traffic.hosts: missing: a release takes at least one host",
        ),
    ];
    for (field, change, expected) in cases {
        let told = routed(field, change).unwrap_err();
        assert!(told.contains(expected), "{told}\nnot: {expected}");
    }
}
