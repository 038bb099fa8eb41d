//! What each preset asks for, and what it makes of a series.

use std::collections::BTreeMap;

use serin_judge::Interval;

use super::*;

/// The counts of a gate's streams over one interval in which each series grew to its value.
fn counted(gate: &Gate, grown: &[(Labels, f64)]) -> Vec<Interval> {
    let mut ledger = ledger(core::slice::from_ref(gate), 1000);
    assert_eq!(ledger.unusable, BTreeMap::new());
    let group = &mut ledger.groups[0];
    let before: Vec<Series> =
        grown.iter().map(|(labels, _)| series(labels.clone(), &[(1000, 7.0)])).collect();
    for (labels, _) in grown {
        assert!(group.selectors().iter().any(|it| it.matches(labels)), "{labels:?}");
    }
    group.baseline(&before, &[]);
    let after = grown
        .iter()
        .map(|(labels, value)| series(labels.clone(), &[(1010, 7.0 + value)]))
        .collect();
    group.advance(&[after], 1010).unwrap();
    let mut counted = group.take();
    assert_eq!(counted.len(), 1);
    counted.remove(0).gates.remove(&gate.name).unwrap()
}

fn responses(variant: &str, cohort: &str, class: &str) -> Labels {
    labels(&[
        ("__name__", "serin_responses"),
        ("instance", "a"),
        ("id", "0a1b2c3d"),
        ("rollout", "shop/a"),
        ("variant", variant),
        ("cohort", cohort),
        ("class", class),
    ])
}

/// The same of a proxy that takes no tag out of the name, or only those that older bootstraps know.
fn flat_responses(variant: &str, cohort: &str, class: &str, partly: bool) -> Labels {
    let rest = format!("cohort___{cohort}___class___{class}___");
    if partly {
        let name = format!("serin_responses_{rest}");
        let tags = [("__name__", name.as_str()), ("instance", "c"), ("id", "0a1b2c3d")];
        let mut all = labels(&tags);
        all.insert("variant".to_owned(), variant.to_owned());
        return all;
    }
    let name =
        format!("serin_responses_id___0a1b2c3d___rollout___a___b___variant___{variant}___{rest}");
    labels(&[("__name__", name.as_str()), ("instance", "b")])
}

fn raw(interval: &Interval, cohort: Option<usize>) -> [f64; 4] {
    cohort.map_or(interval.rest, |cohort| interval.cohorts[cohort]).into()
}

#[test]
fn the_filters_classes_make_errors_and_slow_requests() {
    let grown = [
        (responses("canary", "7", "ok"), 90.0),
        (responses("canary", "7", "error"), 5.0),
        (responses("canary", "7", "over_250ms"), 4.0),
        (responses("canary", "7", "over_1s"), 1.0),
        (responses("canary", "7", "gone"), 1000.0),
        (responses("stable", "none", "ok"), 30.0),
        (responses("stable", "none", "over_500ms"), 2.0),
        (responses("none", "7", "ok"), 1000.0),
    ];
    let all = counted(&errors(Counts::Filter), &grown);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].cohorts.len(), 16);
    assert_eq!(raw(&all[0], Some(7)), [100.0, 5.0, 0.0, 0.0]);
    assert_eq!(raw(&all[0], None), [0.0, 0.0, 32.0, 0.0]);
    let slow = counted(&latency(Counts::Filter), &grown);
    assert_eq!(raw(&slow[0], Some(7)), [95.0, 5.0, 0.0, 0.0]);
    assert_eq!(raw(&slow[1], Some(7)), [95.0, 1.0, 0.0, 0.0]);
    // A time between the bounds, from before they were changed, is beyond the lower one only.
    assert_eq!(raw(&slow[0], None), [0.0, 0.0, 32.0, 2.0]);
    assert_eq!(raw(&slow[1], None), [0.0, 0.0, 32.0, 0.0]);
}

#[test]
fn names_that_still_hold_their_tags_are_read_as_well() {
    let grown = [
        (responses("canary", "7", "ok"), 1.0),
        (flat_responses("canary", "7", "ok", false), 2.0),
        (flat_responses("canary", "7", "over_250ms", true), 4.0),
        (flat_responses("stable", "none", "error", false), 8.0),
    ];
    let all = counted(&errors(Counts::Filter), &grown);
    assert_eq!(raw(&all[0], Some(7)), [7.0, 0.0, 0.0, 0.0]);
    assert_eq!(raw(&all[0], None), [0.0, 0.0, 8.0, 8.0]);
}

#[test]
fn the_filters_gates_are_asked_for_together_and_a_cap_is_told() {
    let mut ledger = ledger(&[errors(Counts::Filter), latency(Counts::Filter)], 1000);
    assert_eq!(ledger.groups.len(), 1);
    let group = &mut ledger.groups[0];
    group.baseline(&[series(responses("canary", "1", "ok"), &[(1000, 1.0)])], &[]);
    let gauge = |name: &str, value| {
        let tags = [("__name__", name), ("instance", "a"), ("id", "0a1b2c3d")];
        series(labels(&tags), &[(1010, value)])
    };
    for (value, capped) in [(0.0, false), (1.0, true)] {
        let answers =
            vec![gauge("serin_evidence_capped", value), gauge("serin_rollout_revision", 5.0)];
        group.advance(&[answers], 1010).unwrap();
        assert_eq!(group.capped(), Some(capped));
    }
    let gates: Vec<_> = group.take().remove(0).gates.into_iter().collect();
    assert_eq!(
        gates.iter().map(|(name, all)| (name.as_str(), all.len())).collect::<Vec<_>>(),
        [("errors", 1), ("latency", 2)]
    );
    group.advance(&[Vec::new()], 1020).unwrap();
    assert_eq!(group.capped(), None);
}

#[test]
fn envoys_answers_and_times_are_counted_by_cluster() {
    let of = |name: &str, cluster: &str, more: &[(&str, &str)]| {
        let mut all =
            labels(&[("__name__", name), ("instance", "a"), ("envoy_cluster_name", cluster)]);
        all.extend(labels(more));
        all
    };
    let xx = |cluster, class| {
        of("envoy_cluster_upstream_rq_xx", cluster, &[("envoy_response_code_class", class)])
    };
    let all = counted(
        &errors(Counts::Envoy),
        &[
            (xx("ns__canary", "2"), 10.0),
            (xx("ns__canary", "5"), 3.0),
            (xx("ns__canary", "1"), 50.0),
            (xx("outbound|80||web", "4"), 20.0),
            (of("envoy_cluster_upstream_rq_total", "ns__canary", &[]), 1000.0),
        ],
    );
    assert_eq!(all, [Interval::whole(serin_judge::Counts::try_new(13.0, 3.0, 20.0, 0.0).unwrap())]);
    let bucket = |cluster, le| of("envoy_cluster_upstream_rq_time_bucket", cluster, &[("le", le)]);
    let slow = counted(
        &latency(Counts::Envoy),
        &[
            (bucket("ns__canary", "250"), 90.0),
            (bucket("ns__canary", "1000.0"), 99.0),
            (bucket("ns__canary", "+Inf"), 100.0),
            (bucket("outbound|80||web", "250.0"), 200.0),
            (bucket("outbound|80||web", "1000"), 200.0),
            (bucket("outbound|80||web", "+Inf"), 200.0),
        ],
    );
    assert_eq!(raw(&slow[0], None), [100.0, 10.0, 200.0, 0.0]);
    assert_eq!(raw(&slow[1], None), [100.0, 1.0, 200.0, 0.0]);
}

#[test]
fn a_bound_that_is_no_buckets_is_refused_and_nothing_is_taken() {
    let mut ledger = ledger(&[latency(Counts::Envoy)], 1000);
    let group = &mut ledger.groups[0];
    let bucket = |le| {
        series(
            labels(&[
                ("__name__", "envoy_cluster_upstream_rq_time_bucket"),
                ("envoy_cluster_name", "ns__canary"),
                ("le", le),
            ]),
            &[(1000, 0.0), (1010, 5.0)],
        )
    };
    group.baseline(&[], &[]);
    let why = group.advance(&[vec![bucket("+Inf"), bucket("250")]], 1010).unwrap_err();
    assert!(why.starts_with("1s is no bound"), "{why}");
    assert_eq!(group.take(), []);
    group.advance(&[vec![bucket("+Inf"), bucket("250"), bucket("1000")]], 1010).unwrap();
    assert_eq!(group.take().len(), 1);
}

#[test]
fn istios_requests_fail_by_code_or_by_grpc_status() {
    let counts = Counts::Istio {
        sides: Sides {
            label: "destination_version".to_owned(),
            canary: "v2".to_owned(),
            stable: "v1".to_owned(),
        },
        labels: [("destination_service_name".to_owned(), "web".to_owned())].into(),
    };
    let of = |name: &str, version: &str, more: &[(&str, &str)]| {
        let mut all = labels(&[
            ("__name__", name),
            ("instance", "a"),
            ("reporter", "source"),
            ("destination_service_name", "web"),
            ("destination_version", version),
            ("request_protocol", "http"),
            ("response_flags", "-"),
        ]);
        all.extend(labels(more));
        all
    };
    let grpc = |status| {
        of(
            "istio_requests_total",
            "v2",
            &[
                ("request_protocol", "grpc"),
                ("response_code", "200"),
                ("grpc_response_status", status),
            ],
        )
    };
    let code = |version, code| of("istio_requests_total", version, &[("response_code", code)]);
    let left = |protocol, code, flags| {
        let more =
            [("request_protocol", protocol), ("response_code", code), ("response_flags", flags)];
        of("istio_requests_total", "v2", &more)
    };
    let all = counted(
        &errors(counts.clone()),
        &[
            (code("v2", "200"), 100.0),
            (code("v2", "503"), 1.0),
            (grpc("0"), 10.0),
            (grpc("5"), 20.0),
            (grpc("14"), 2.0),
            (grpc(""), 4.0),
            (left("http", "0", "DC"), 1000.0),
            // Its caller cancelled it: by the status alone it would have failed.
            (left("grpc", "200", "DR"), 1000.0),
            (left("http", "200", "DPE,UR"), 1000.0),
            (code("v1", "404"), 300.0),
        ],
    );
    assert_eq!(raw(&all[0], None), [137.0, 7.0, 300.0, 0.0]);
    let bucket = |code: &str, le: &str| {
        let name = "istio_request_duration_milliseconds_bucket";
        of(name, "v2", &[("response_code", code), ("le", le)])
    };
    let slow = counted(
        &latency(counts),
        &[
            (bucket("200", "250"), 8.0),
            (bucket("200", "1000"), 9.0),
            (bucket("200", "+Inf"), 10.0),
            (bucket("503", "+Inf"), 50.0),
        ],
    );
    assert_eq!(raw(&slow[0], None), [10.0, 2.0, 0.0, 0.0]);
    assert_eq!(raw(&slow[1], None), [10.0, 1.0, 0.0, 0.0]);
}

#[test]
fn linkerds_responses_fail_by_their_classification_and_only_answers_are_slow() {
    let counts = Counts::Linkerd {
        sides: Sides {
            label: "dst_deployment".to_owned(),
            canary: "web-canary".to_owned(),
            stable: "web".to_owned(),
        },
        labels: [("dst_namespace".to_owned(), "shop".to_owned())].into(),
    };
    let of = |name: &str, deployment: &str, code: &str, more: &[(&str, &str)]| {
        let mut all = labels(&[
            ("__name__", name),
            ("instance", "10.1.3.93:4191"),
            ("direction", "outbound"),
            ("dst_namespace", "shop"),
            ("dst_deployment", deployment),
            ("status_code", code),
        ]);
        all.extend(labels(more));
        all
    };
    let response = |deployment, code, classification| {
        of("response_total", deployment, code, &[("classification", classification)])
    };
    let all = counted(
        &errors(counts.clone()),
        &[
            (response("web-canary", "200", "success"), 100.0),
            (response("web-canary", "503", "failure"), 3.0),
            // gRPC's failures have status 200.
            (response("web-canary", "200", "failure"), 4.0),
            (response("web", "404", "success"), 300.0),
        ],
    );
    assert_eq!(raw(&all[0], None), [107.0, 7.0, 300.0, 0.0]);
    let bucket =
        |code: &str, le: &str| of("response_latency_ms_bucket", "web-canary", code, &[("le", le)]);
    let slow = counted(
        &latency(counts.clone()),
        &[
            (bucket("200", "250"), 8.0),
            (bucket("200", "1000"), 9.0),
            (bucket("200", "+Inf"), 10.0),
            (bucket("503", "+Inf"), 50.0),
        ],
    );
    assert_eq!(raw(&slow[0], None), [10.0, 2.0, 0.0, 0.0]);
    assert_eq!(raw(&slow[1], None), [10.0, 1.0, 0.0, 0.0]);
    let ledger = ledger(&[errors(counts)], 1000);
    let mut inbound = response("web-canary", "200", "success");
    inbound.insert("direction".to_owned(), "inbound".to_owned());
    assert!(!ledger.selectors().iter().any(|it| it.matches(&inbound)), "counted by both ends");
}

#[test]
fn traefiks_answers_and_times_are_counted_by_service() {
    let of = |name: &str, service: &str, code: &str, more: &[(&str, &str)]| {
        let mut all = labels(&[
            ("__name__", name),
            ("instance", "a"),
            ("method", "GET"),
            ("protocol", "http"),
            ("service", service),
            ("code", code),
        ]);
        all.extend(labels(more));
        all
    };
    // Without a provider the names are those of a file.
    let (canary, stable) = ("ns::canary@file", "outbound|80||web@file");
    let answer = |service, code| of("traefik_service_requests_total", service, code, &[]);
    let all = counted(
        &errors(Counts::Traefik),
        &[
            (answer(canary, "200"), 100.0),
            (answer(canary, "502"), 3.0),
            // Its caller had gone.
            (answer(canary, "499"), 1000.0),
            (answer(stable, "404"), 300.0),
        ],
    );
    assert_eq!(raw(&all[0], None), [103.0, 3.0, 300.0, 0.0]);
    let bucket = |code: &str, le: &str| {
        of("traefik_service_request_duration_seconds_bucket", canary, code, &[("le", le)])
    };
    let slow = counted(
        &latency(Counts::Traefik),
        &[
            (bucket("200", "0.25"), 8.0),
            (bucket("200", "1"), 9.0),
            (bucket("200", "+Inf"), 10.0),
            (bucket("500", "+Inf"), 50.0),
        ],
    );
    assert_eq!(raw(&slow[0], None), [10.0, 2.0, 0.0, 0.0]);
    assert_eq!(raw(&slow[1], None), [10.0, 1.0, 0.0, 0.0]);
}

fn custom(name: &str, side: &str, cohort: &str, more: &[(&str, &str)]) -> Labels {
    let mut all =
        labels(&[("__name__", name), ("instance", "a"), ("variant", side), ("cohort", cohort)]);
    all.extend(labels(more));
    all
}

#[test]
fn an_applications_counters_are_counted_by_side_and_cohort() {
    let all = counted(
        &shop(),
        &[
            (custom("sessions", "canary", "3", &[]), 50.0),
            (custom("orders", "canary", "3", &[("status", "paid")]), 5.0),
            (custom("orders", "canary", "16", &[("status", "paid")]), 0.0),
            (custom("sessions", "stable", "", &[]), 20.0),
            (custom("orders", "stable", "", &[("status", "paid")]), 2.0),
        ],
    );
    assert_eq!(raw(&all[0], Some(3)), [50.0, 5.0, 0.0, 0.0]);
    assert_eq!(raw(&all[0], None), [0.0, 0.0, 20.0, 2.0]);
    let Gate { kind: Kind::Ratio(Ratio { counts, .. }), .. } = shop() else { panic!("a ratio") };
    assert!(matches!(&counts, Counts::Custom { events: Some(_), .. }));
}

#[test]
fn failures_may_be_a_part_of_the_requests_own_counter() {
    let selected = |labels| Some(Selected { metric: "requests".to_owned(), labels });
    let gate = errors(Counts::Custom {
        events: selected([("code".to_owned(), "500".to_owned())].into()),
        opportunities: selected(BTreeMap::new()),
        histogram: None,
        sides: Sides::default(),
        cohort: "cohort".to_owned(),
    });
    let all = counted(
        &gate,
        &[
            (custom("requests", "canary", "1", &[("code", "200")]), 95.0),
            (custom("requests", "canary", "1", &[("code", "500")]), 5.0),
        ],
    );
    assert_eq!(raw(&all[0], Some(1)), [100.0, 5.0, 0.0, 0.0]);
}

#[test]
fn an_applications_histogram_is_in_seconds() {
    let gate = latency(Counts::Custom {
        events: None,
        opportunities: None,
        histogram: Some(Selected { metric: "times".to_owned(), labels: BTreeMap::new() }),
        sides: Sides::default(),
        cohort: "cohort".to_owned(),
    });
    let bucket = |le| custom("times_bucket", "stable", "2", &[("le", le)]);
    let slow =
        counted(&gate, &[(bucket("0.25"), 6.0), (bucket("1.0"), 9.0), (bucket("+Inf"), 10.0)]);
    assert_eq!(raw(&slow[0], Some(2)), [0.0, 0.0, 10.0, 4.0]);
    assert_eq!(raw(&slow[1], Some(2)), [0.0, 0.0, 10.0, 1.0]);
}

#[test]
fn a_gate_that_cannot_be_counted_says_why() {
    let nothing = Counts::Custom {
        events: None,
        opportunities: None,
        histogram: None,
        sides: Sides::default(),
        cohort: "cohort".to_owned(),
    };
    let mut unbound = latency(Counts::Filter);
    "unbound".clone_into(&mut unbound.name);
    let gates = [errors(nothing.clone()), latency(nothing), unbound];
    let ledger = ledger(&gates, 1000);
    assert!(ledger.groups.is_empty());
    assert_eq!(ledger.unusable.len(), 3);
    assert_eq!(ledger.unusable["unbound"], "its bounds are not chosen yet");
}
