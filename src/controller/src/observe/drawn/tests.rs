use serin_routes::{Destination, Entries};

use super::*;
use crate::metrics::Point;

fn weight(text: &str) -> Weight {
    text.parse().unwrap()
}

fn judged(canary: u64, stable: u64, now: &str, below: &str) -> Proof {
    judge(Placed { canary, stable }, Weights { now: weight(now), below: weight(below) })
}

fn is_other(proof: &Proof) -> bool {
    matches!(proof, Proof::OtherShare { .. })
}

#[test]
fn a_share_like_the_weight_is_a_proof_once_it_is_told_from_the_weight_below() {
    assert!(judged(75, 1_425, "5%", "0%").is_live());
    assert!(matches!(judged(20, 380, "5%", "0%"), Proof::Unknown { .. }));
    assert!(judged(500, 500, "50%", "10%").is_live());
    assert!(judged(300, 0, "100%", "50%").is_live());
    let Proof::Unknown { why } = judged(20, 380, "5%", "0%") else { panic!() };
    assert!(why.ends_with("20 went to the canary, too few to tell 5% from 0%"), "{why}");
}

#[test]
fn a_share_that_only_some_proxies_draw_by_the_weight_is_none() {
    // One of two has it.
    assert!(!judged(300, 700, "50%", "10%").is_live());
    assert!(is_other(&judged(3_000, 7_000, "50%", "10%")));
    // None has it.
    assert!(is_other(&judged(0, 2_000, "5%", "0%")));
    assert!(is_other(&judged(100, 900, "50%", "10%")));
    assert!(is_other(&judged(299, 1, "100%", "50%")));
}

#[test]
fn where_all_of_the_time_says_otherwise_its_newer_halves_are_asked() {
    let all = |start, at, least| starts(start, at, least).collect::<Vec<_>>();
    assert_eq!(all(1_000, 9_000, 1_000), [1_000, 5_000, 7_000, 8_000]);
    assert_eq!(all(1_000, 1_500, 1_000), [1_000]);
    assert_eq!(all(2_000, 1_000, 0), [2_000], "the time begins later");
    // Ten minutes by the old weight, then ten by the new one.
    let (old, new) =
        (Placed { canary: 600, stable: 5_400 }, Placed { canary: 3_000, stable: 3_000 });
    let weights = Weights { now: weight("50%"), below: weight("10%") };
    let both = Placed { canary: old.canary + new.canary, stable: old.stable + new.stable };
    assert!(is_other(&judge(both, weights)) && judge(new, weights).is_live());
}

#[test]
fn copies_are_proved_by_their_share_of_what_both_sides_get() {
    for (share, expected) in [("100%", "50%"), ("50%", "33.33%"), ("10%", "9.09%"), ("0%", "0%")] {
        assert_eq!(copied(weight(share)), weight(expected), "{share}");
    }
    let judged = |canary, stable| {
        judge(
            Placed { canary, stable },
            Weights { now: copied(weight("10%")), below: weight("0%") },
        )
    };
    assert!(judged(200, 2_000).is_live());
    assert!(is_other(&judged(0, 2_000)) && is_other(&judged(2_000, 2_000)));
}

#[test]
fn at_no_weight_one_request_is_too_many_and_none_at_all_is_no_proof() {
    assert!(judged(0, 1, "0%", "0%").is_live());
    assert!(is_other(&judged(1, 10_000, "0%", "0%")));
    assert!(matches!(judged(0, 0, "0%", "0%"), Proof::Unknown { .. }));
    assert!(matches!(judged(0, 0, "100%", "50%"), Proof::Unknown { .. }));
}

#[test]
fn chance_says_otherwise_of_a_live_weight_at_most_once_in_a_thousand_weights() {
    let (mut wrong, mut state) = (0, 1_u64);
    for _ in 0..2_000 {
        let mut placed = Placed::default();
        let mut stray = false;
        for request in 1..=2_000 {
            // Knuth's generator; its high bits are as good as drawn.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if (state >> 33) % 20 == 0 {
                placed.canary += 1;
            } else {
                placed.stable += 1;
            }
            let weights = Weights { now: weight("5%"), below: weight("0%") };
            stray |= request % 100 == 0 && is_other(&judge(placed, weights));
        }
        wrong += u32::from(stray);
    }
    assert!(wrong <= 6, "{wrong} of 2,000, where two are to be expected at most");
}

#[test]
fn a_routes_backends_are_found_in_linkerds_counters() {
    let mut drawn = Drawn::by_clusters(&Subject {
        metric_id: "a".to_owned(),
        stable_cluster: "outbound|80||web.shop.svc.cluster.local".to_owned(),
        canary_cluster: "outbound|80||new.shop.svc.cluster.local".to_owned(),
    });
    let side = |host: &str| Destination { host: host.to_owned(), subset: None, port: Some(80) };
    let reference = Reference {
        entries: Entries::One("all".to_owned()),
        mark: "x-serin-variant".to_owned(),
        stable: side("web"),
        canary: side("new.other.svc.cluster.local"),
    };
    drawn.add_linkerds("shop", &reference, "shop");
    let of = |backend: &str, namespace: &str, route: &str| -> Labels {
        let labels = [
            ("__name__", LINKERD),
            ("backend_name", backend),
            ("backend_namespace", namespace),
            ("route_name", route),
            ("route_namespace", "shop"),
        ];
        labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    };
    let (stable, canary) = (of("web", "shop", "shop"), of("new", "other", "shop"));
    assert!(drawn.selector().matches(&stable) && drawn.selector().matches(&canary));
    assert_eq!(drawn.side(&stable), Some(Variant::Stable));
    assert_eq!(drawn.side(&canary), Some(Variant::Canary));
    // A Service of one name in two namespaces is two.
    assert_eq!(drawn.side(&of("new", "shop", "shop")), None);
    for other in [of("third", "shop", "shop"), of("web", "shop", "another")] {
        assert!(!drawn.selector().matches(&other), "{other:?}");
    }
}

#[test]
fn both_sides_are_found_by_the_names_that_the_router_gives_them() {
    let of = |stable: &str, canary: &str| {
        Drawn::by_clusters(&Subject {
            metric_id: "a".to_owned(),
            stable_cluster: stable.to_owned(),
            canary_cluster: canary.to_owned(),
        })
    };
    let series = |labels: &[(&str, &str)], points: &[(u64, f64)]| Series {
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        points: points
            .iter()
            .map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value })
            .collect(),
    };
    let traefik = of("shop-web-80@kubernetescrd", "shop-new-80@kubernetescrd");
    let of_service = |service, code, points: &[(u64, f64)]| {
        let labels = [("__name__", TRAEFIK), ("service", service), ("code", code)];
        series(&labels, points)
    };
    let all = [
        of_service("shop-web-80@kubernetescrd", "200", &[(0, 5.0), (10, 25.0)]),
        of_service("shop-new-80@kubernetescrd", "200", &[(0, 5.0), (10, 6.0)]),
        // Born while the process was in sight.
        of_service("shop-new-80@kubernetescrd", "500", &[(10, 3.0)]),
        of_service("shop-other-80@kubernetescrd", "200", &[(0, 5.0), (10, 90.0)]),
    ];
    assert_eq!(traefik.read(&all, 0), Placed { canary: 4, stable: 20 });
    assert!(all.iter().take(3).all(|one| traefik.selector().matches(&one.labels)));
    let envoy = of("outbound|80||web.shop.svc", "outbound|80||new.shop.svc");
    for label in CLUSTER {
        let labels = [("__name__", ENVOY), (label, "outbound|80||new.shop.svc")];
        let one = series(&labels, &[(0, 1.0), (10, 8.0)]);
        assert!(envoy.selector().matches(&one.labels));
        assert_eq!(envoy.read(&[one], 0), Placed { canary: 7, stable: 0 });
    }
}
