//! What every adapter holds to, whatever kind of object it is for.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_assignment::Weight;
use serin_routes::{Destination, Drift, Entries, Kind, Reference, Shares, Wanted, drift};

type Change = fn(&mut Value);

/// An adapter with an object as people write it, at 5 %.
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) reference: Reference,
    pub(super) object: Value,
    /// Where unknown fields may stand, as JSON pointers.
    pub(super) open: &'static [&'static str],
    /// Where the integers stand, as JSON pointers.
    integers: &'static [&'static str],
    /// Changes after which the object cannot carry the weights, and what is told of it.
    broken: Vec<(Change, &'static str)>,
    /// Gives all that goes by weight so much to stable and to the canary.
    by_hand: fn(&mut Value, i64, i64),
}

fn service(host: &str) -> Destination {
    Destination { host: host.to_owned(), subset: None, port: Some(80) }
}

fn reference(entries: Entries) -> Reference {
    Reference {
        entries,
        mark: "x-serin-variant".to_owned(),
        stable: service("web"),
        canary: service("web-canary"),
    }
}

fn with_subsets(entries: Entries) -> Reference {
    let side = |subset: &str| Destination {
        host: "web".to_owned(),
        subset: Some(subset.to_owned()),
        port: None,
    };
    Reference { stable: side("stable"), canary: side("canary"), ..reference(entries) }
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    *object.pointer_mut(pointer).unwrap() = value;
}

fn twice(object: &mut Value, list: &str, place: usize) {
    let list = object.pointer_mut(list).unwrap().as_array_mut().unwrap();
    list.push(list[place].clone());
}

pub(super) fn virtual_service() -> Subject {
    Subject {
        kind: Kind::VirtualService,
        reference: with_subsets(Entries::default()),
        object: super::web(),
        open: &["", "/metadata", "/spec", "/spec/http/0", "/spec/http/3", "/spec/http/3/route/0"],
        integers: &[
            "/spec/http/1/route/0/weight",
            "/spec/http/1/route/1/weight",
            "/spec/http/2/route/0/weight",
            "/spec/http/2/route/1/weight",
            "/spec/http/3/route/0/weight",
            "/spec/http/3/route/1/weight",
        ],
        broken: vec![
            (|it| set(it, "/spec", json!({})), "spec.http: no list of entries"),
            (|it| set(it, "/spec/http/3/name", json!("rest")), "http entry serin-rest: missing"),
            (|it| twice(it, "/spec/http", 3), "http entry serin-rest: 2 entries have this name"),
            (
                |it| set(it, "/spec/http/2/route/1/destination/subset", json!("v2")),
                "http entry serin-stable: destination web subset canary: missing",
            ),
            (|it| twice(it, "/spec/http/1/route", 1), "it is there 2 times"),
            (
                |it| {
                    let third = json!({"destination": {"host": "web", "subset": "v3"}});
                    it["spec"]["http"][3]["route"].as_array_mut().unwrap().push(third);
                },
                "destination web subset v3: an entry has the two sides",
            ),
        ],
        by_hand: |it, stable, canary| {
            set(it, "/spec/http/3/route", super::route(stable, canary));
        },
    }
}

/// The same object where nothing marks requests: its other entries are somebody else's there.
pub(super) fn virtual_service_without_marks() -> Subject {
    Subject {
        reference: with_subsets(Entries::One("serin-rest".to_owned())),
        integers: &["/spec/http/3/route/0/weight", "/spec/http/3/route/1/weight"],
        broken: vec![(
            |it| set(it, "/spec/http/3/name", json!("rest")),
            "http entry serin-rest: missing",
        )],
        ..virtual_service()
    }
}

pub(super) fn backends(stable: i64, canary: i64) -> Value {
    json!([
        {"name": "web", "port": 80, "weight": stable},
        {"name": "web-canary", "port": 80, "weight": canary},
    ])
}

/// An `HTTPRoute` at 5 %, with a rule of somebody else's.
pub(super) fn http_route() -> Subject {
    let marked = |name: &str, mark: &str, stable, canary| {
        json!({
            "name": name,
            "matches": [{"path": {"type": "PathPrefix", "value": "/"},
                "headers": [{"type": "Exact", "name": "x-serin-variant", "value": mark}]}],
            "backendRefs": backends(stable, canary),
        })
    };
    let object = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop", "generation": 4},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "hostnames": ["shop.example.com"],
            "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": "/static"}}],
                 "backendRefs": [{"name": "files", "port": 80, "weight": 1}]},
                {"name": "serin-rest", "timeouts": {"request": "3s"},
                 "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                 "backendRefs": backends(95, 5)},
                marked("serin-canary", "canary", 0, 100),
                marked("serin-stable", "stable", 100, 0),
            ],
        },
    });
    Subject {
        kind: Kind::HttpRoute,
        reference: reference(Entries::default()),
        object,
        open: &["", "/metadata", "/spec", "/spec/rules/0", "/spec/rules/1/backendRefs/1"],
        integers: &[
            "/spec/rules/1/backendRefs/0/weight",
            "/spec/rules/1/backendRefs/1/weight",
            "/spec/rules/2/backendRefs/0/weight",
            "/spec/rules/2/backendRefs/1/weight",
            "/spec/rules/3/backendRefs/0/weight",
            "/spec/rules/3/backendRefs/1/weight",
        ],
        broken: vec![
            (|it| set(it, "/spec", json!({})), "spec.rules: no list of entries"),
            (|it| set(it, "/spec/rules/1/name", json!("rest")), "rule serin-rest: missing"),
            (|it| twice(it, "/spec/rules", 2), "rule serin-canary: 2 entries have this name"),
            (
                |it| set(it, "/spec/rules/3/backendRefs/1/name", json!("api")),
                "rule serin-stable: destination web-canary port 80: missing; there are web port 80, \
                 api port 80",
            ),
            (
                |it| set(it, "/spec/rules/1/backendRefs/0/port", json!(81)),
                "rule serin-rest: destination web port 80: missing",
            ),
            (|it| twice(it, "/spec/rules/1/backendRefs", 0), "it is there 2 times"),
            (
                |it| {
                    let third = json!({"name": "web", "namespace": "other", "port": 80});
                    it["spec"]["rules"][1]["backendRefs"].as_array_mut().unwrap().push(third);
                },
                "destination web.other.svc.cluster.local port 80: an entry has the two sides",
            ),
            (
                |it| {
                    for rule in it["spec"]["rules"].as_array_mut().unwrap() {
                        rule.as_object_mut().unwrap().remove("name");
                    }
                },
                "none of its rules has a `name`, and rules go by name; definitions of Gateway API \
                 before 1.4",
            ),
        ],
        by_hand: |it, stable, canary| {
            set(it, "/spec/rules/1/backendRefs", backends(stable, canary));
        },
    }
}

fn traefik_service() -> Subject {
    let object = json!({
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"weighted": {"sticky": {"cookie": {"name": "s"}}, "services": backends(95, 5)}},
    });
    Subject {
        kind: Kind::TraefikService,
        reference: reference(Entries::Whole),
        object,
        open: &["", "/metadata", "/spec", "/spec/weighted", "/spec/weighted/services/0"],
        integers: &["/spec/weighted/services/0/weight", "/spec/weighted/services/1/weight"],
        broken: vec![
            (
                |it| set(it, "/spec", json!({"mirroring": {"name": "web"}})),
                "spec.weighted: it has no `services` with two destinations",
            ),
            (
                |it| set(it, "/spec/weighted/services/1/name", json!("api")),
                "spec.weighted: destination web-canary port 80: missing",
            ),
            (|it| twice(it, "/spec/weighted/services", 1), "it is there 2 times"),
            (
                |it| {
                    let third = json!({"name": "api", "port": 80});
                    it["spec"]["weighted"]["services"].as_array_mut().unwrap().push(third);
                },
                "destination api port 80: an entry has the two sides",
            ),
        ],
        by_hand: |it, stable, canary| {
            set(it, "/spec/weighted/services", backends(stable, canary));
        },
    }
}

const WEIGHT: &str = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight";
const TOTAL: &str = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight-total";

fn ingress() -> Subject {
    let object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web-canary", "namespace": "shop", "annotations": {
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": "5",
            "nginx.ingress.kubernetes.io/canary-weight-total": "100",
        }},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.example.com", "http": {
            "paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "web-canary", "port": {"number": 80}}}}]}}]},
    });
    Subject {
        kind: Kind::Ingress,
        reference: reference(Entries::Whole),
        object,
        open: &["", "/metadata", "/metadata/annotations", "/spec", "/spec/rules/0"],
        integers: &[WEIGHT, TOTAL],
        broken: vec![
            (
                |it| {
                    let backend = "/spec/rules/0/http/paths/0/backend/service/name";
                    set(it, backend, json!("api"));
                },
                "its backends are api port 80: a canary's Ingress sends all of its requests to one \
                 of web port 80 and web-canary port 80",
            ),
            (|it| set(it, "/spec/rules", json!([])), "its backends are none"),
        ],
        by_hand: |it, stable, canary| {
            set(it, WEIGHT, canary.to_string().into());
            set(it, TOTAL, (stable + canary).to_string().into());
        },
    }
}

pub(super) fn all() -> Vec<Subject> {
    let unmarked = virtual_service_without_marks();
    vec![virtual_service(), unmarked, http_route(), traefik_service(), ingress()]
}

fn share(weight: &str) -> Wanted {
    Wanted::Share(weight.parse().unwrap())
}

impl Subject {
    fn write(&self, object: &mut Value, wanted: Wanted) -> bool {
        self.kind.router().write(object, &self.reference, &wanted).unwrap()
    }

    fn drift(&self, object: &Value, wanted: Wanted) -> Drift {
        drift(&self.kind.router().read(object, &self.reference).unwrap(), &wanted)
    }

    /// The object without the integers, as text, so that numbers keep their spelling too.
    fn others(&self, object: &Value) -> String {
        let mut others = object.clone();
        for pointer in self.integers {
            if let Some(value) = others.pointer_mut(pointer) {
                *value = Value::Null;
            }
        }
        others.to_string()
    }
}

#[test]
fn every_kind_has_its_own_place_in_the_api() {
    let apis = Kind::ALL.map(|kind| kind.router().api());
    for (place, api) in apis.iter().enumerate() {
        assert!(apis.iter().skip(place + 1).all(|other| other.plural != api.plural));
        assert_eq!(Kind::ALL[place].to_string(), api.kind);
    }
    for subject in all() {
        let hosts = subject.kind.router().hosts(&subject.object);
        assert_eq!(hosts.is_empty(), !subject.kind.has_hosts(), "{}", subject.kind);
    }
    // None is left out of the suite.
    assert!(Kind::ALL.iter().all(|kind| all().iter().any(|subject| subject.kind == *kind)));
}

#[test]
fn the_version_rises_with_the_weights() {
    for Subject { kind, mut object, integers, .. } in all() {
        let router = kind.router();
        object["metadata"].as_object_mut().unwrap().remove("generation");
        assert_eq!(router.version(&object), 0, "{kind}");
        object["metadata"]["generation"] = json!(4);
        object["metadata"]["resourceVersion"] = json!("71");
        // The generation does not count what stands in the metadata.
        let in_metadata = integers.iter().all(|at| at.starts_with("/metadata"));
        assert_eq!(router.version(&object), if in_metadata { 71 } else { 4 }, "{kind}");
    }
}

#[test]
fn who_draws_each_request_by_two_weights_proves_them_by_what_it_counts() {
    for Subject { kind, reference, integers, .. } in all() {
        let draws = kind.router().draws(&reference.entries);
        assert_eq!(draws, integers.len() == 2 && kind != Kind::Ingress, "{kind}");
    }
}

#[test]
fn what_stands_is_read() {
    for subject in all() {
        assert_eq!(subject.drift(&subject.object, share("5%")), Drift::None, "{}", subject.kind);
    }
}

#[test]
fn an_object_that_cannot_carry_the_weights_is_told_and_left_alone() {
    for subject in all() {
        for (change, expected) in &subject.broken {
            let mut object = subject.object.clone();
            change(&mut object);
            let before = object.clone();
            let router = subject.kind.router();
            let told = router.read(&object, &subject.reference).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}\nnot: {expected}");
            assert!(
                router.write(&mut object, &subject.reference, &share("50%")).is_err(),
                "{told}"
            );
            assert_eq!(object, before, "{told}");
        }
    }
}

#[test]
fn nothing_is_written_where_nothing_changes() {
    for subject in all() {
        let mut object = subject.object.clone();
        assert!(!subject.write(&mut object, share("5%")), "{}", subject.kind);
        // Other numbers of the same share stay as a person has spelt them.
        (subject.by_hand)(&mut object, 9_500, 500);
        let spelt = object.clone();
        assert!(!subject.write(&mut object, share("5%")), "{}", subject.kind);
        assert_eq!(object, spelt);
    }
}

#[test]
fn weights_by_hand_are_seen_and_written_over() {
    for subject in all() {
        let mut object = subject.object.clone();
        (subject.by_hand)(&mut object, 98, 2);
        let lowered = Drift::Lowered("2%".parse().unwrap());
        assert_eq!(subject.drift(&object, share("5%")), lowered, "{}", subject.kind);
        (subject.by_hand)(&mut object, 50, 50);
        assert!(matches!(subject.drift(&object, share("5%")), Drift::Other(_)));
        assert!(subject.write(&mut object, share("5%")), "{}", subject.kind);
        assert_eq!(subject.drift(&object, share("5%")), Drift::None, "{}", subject.kind);
    }
}

#[test]
fn a_rollback_is_one_write_after_which_nobody_gets_to_the_canary() {
    for subject in all() {
        for weight in ["0.01%", "5%", "33.33%", "100%"] {
            let mut object = subject.object.clone();
            subject.write(&mut object, share(weight));
            assert!(subject.write(&mut object, Wanted::Nobody), "{} {weight}", subject.kind);
            let found = subject.kind.router().read(&object, &subject.reference).unwrap();
            assert!(!found.reaches_canary(), "{} {weight}: {found:?}", subject.kind);
            assert!(!subject.write(&mut object, Wanted::Nobody));
        }
    }
}

#[test]
fn everyone_on_the_canary_is_nobody_once_the_roles_are_swapped() {
    for subject in all() {
        let mut object = subject.object.clone();
        assert!(subject.write(&mut object, Wanted::Everyone), "{}", subject.kind);
        let swapped = subject.reference.swapped();
        let router = subject.kind.router();
        assert!(!router.write(&mut object, &swapped, &Wanted::Nobody).unwrap());
        assert!(router.write(&mut object, &swapped, &share("10%")).unwrap());
        let found = router.read(&object, &swapped).unwrap();
        assert_eq!(found.weight(), Some("10%".parse().unwrap()), "{}", subject.kind);
    }
}

#[test]
fn whatever_stands_as_a_weight_is_written_over() {
    for subject in all() {
        for nonsense in [json!(-4), json!("many"), json!(5.5), json!(1e300), json!([])] {
            let mut object = subject.object.clone();
            set(&mut object, subject.integers.last().unwrap(), nonsense.clone());
            subject.write(&mut object, share("6%"));
            assert_eq!(subject.drift(&object, share("6%")), Drift::None, "{nonsense}");
        }
    }
}

#[test]
fn entries_are_those_of_the_kind() {
    for subject in all() {
        let entries = match subject.reference.entries {
            Entries::Whole => Entries::default(),
            Entries::ByMark { .. } | Entries::One(_) => Entries::Whole,
        };
        let reference = Reference { entries, ..subject.reference };
        let mut object = subject.object.clone();
        let router = subject.kind.router();
        assert!(router.read(&object, &reference).is_err(), "{}", subject.kind);
        assert!(router.write(&mut object, &reference, &Wanted::Nobody).is_err());
        assert_eq!(object, subject.object);
    }
}

#[test]
fn the_canarys_ingress_may_be_the_side_that_serves() {
    let Subject { reference, mut object, kind, .. } = ingress();
    set(&mut object, "/spec/rules/0/http/paths/0/backend/service/name", json!("web"));
    let found = kind.router().read(&object, &reference).unwrap();
    assert_eq!(found.rest, Shares { stable: 5, canary: 95 });
    set(&mut object, TOTAL, json!("1000"));
    assert!(kind.router().write(&mut object, &reference, &share("0.5%")).unwrap());
    let number = |pointer| object.pointer(pointer).unwrap().as_str().unwrap();
    assert_eq!((number(WEIGHT), number(TOTAL)), ("995", "1000"));
}

#[test]
fn parts_of_a_percent_take_another_total_where_they_must() {
    let subject = ingress();
    let mut object = subject.object.clone();
    let numbers = |object: &Value| {
        [WEIGHT, TOTAL].map(|at| object.pointer(at).and_then(Value::as_str).map(str::to_owned))
    };
    let of = |weight: &str, total: &str| [Some(weight.to_owned()), Some(total.to_owned())];
    subject.write(&mut object, share("7%"));
    assert_eq!(numbers(&object), of("7", "100"));
    subject.write(&mut object, share("0.25%"));
    assert_eq!(numbers(&object), of("25", "10000"));
    subject.write(&mut object, share("50%"));
    assert_eq!(numbers(&object), of("5000", "10000"));
    object["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"] = json!("yes");
    let told = subject.kind.router().read(&object, &subject.reference).unwrap_err().to_string();
    assert!(told.starts_with("annotation nginx.ingress.kubernetes.io/canary: it is not"), "{told}");
}

/// ingress-nginx takes it so, whatever the annotation says.
#[test]
fn a_total_below_a_hundred_is_a_hundred() {
    let Subject { reference, mut object, kind, .. } = ingress();
    let router = kind.router();
    set(&mut object, WEIGHT, json!("25"));
    for total in ["50", "0", "-7"] {
        set(&mut object, TOTAL, json!(total));
        let found = router.read(&object, &reference).unwrap();
        assert_eq!(found.rest, Shares { stable: 75, canary: 25 }, "{total}");
    }
    // Where the Ingress is stable's, so that a tenth of it would leave nine tenths on the canary.
    set(&mut object, "/spec/rules/0/http/paths/0/backend/service/name", json!("web"));
    set(&mut object, TOTAL, json!("10"));
    assert!(router.write(&mut object, &reference, &Wanted::Nobody).unwrap());
    assert_eq!(object.pointer(WEIGHT), Some(&json!("100")));
    set(&mut object, TOTAL, json!("ten"));
    assert!(router.read(&object, &reference).is_err());
}

#[test]
fn a_canarys_ingress_says_so_in_any_spelling_that_ingress_nginx_takes() {
    let Subject { reference, mut object, kind, .. } = ingress();
    let mut found = |text: &str| {
        object["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"] = json!(text);
        kind.router().read(&object, &reference).is_ok()
    };
    assert!(["true", "True", "TRUE", "t", "T", "1"].into_iter().all(&mut found));
    assert!(!["false", "yes", "", "tRUE"].into_iter().any(found));
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    let weight = (0_u16..=10_000).prop_map(|parts| Weight::from_basis_points(parts).unwrap());
    prop_oneof![
        1 => Just(Wanted::Nobody),
        4 => weight.prop_map(Wanted::Share),
        1 => Just(Wanted::Everyone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_nobody_here_knows_stays_value_for_value(
        which in 0_usize..5,
        unknown in prop::collection::vec((0_usize..6, "x-[a-z]{1,8}", super::properties::any_json()), 0..6),
        wanted in any_wanted(),
    ) {
        let subject = all().swap_remove(which);
        let mut object = subject.object.clone();
        for (place, name, value) in unknown {
            let place = subject.open[place % subject.open.len()];
            object.pointer_mut(place).unwrap()[name] = value;
        }
        let before = subject.others(&object);
        let untouched = object.clone();
        let changed = subject.write(&mut object, wanted);
        prop_assert_eq!(changed, object != untouched);
        prop_assert_eq!(subject.others(&object), before);
        let found = subject.kind.router().read(&object, &subject.reference).unwrap();
        prop_assert!(found.is_like(&wanted.integers()));
        prop_assert!(!subject.write(&mut object, wanted));
    }

    #[test]
    fn no_object_is_too_odd(which in 0_usize..5, mut object in super::properties::any_json(), wanted in any_wanted()) {
        let subject = all().swap_remove(which);
        let before = object.clone();
        let router = subject.kind.router();
        prop_assert!(router.read(&object, &subject.reference).is_err());
        prop_assert!(router.write(&mut object, &subject.reference, &wanted).is_err());
        router.hosts(&object);
        router.acknowledged(&object);
        prop_assert_eq!(object, before);
    }
}
