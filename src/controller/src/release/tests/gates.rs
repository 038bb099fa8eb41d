//! Gates, evidence, and steps that ask for evidence.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_judge::{Dispersion, Margin, SetAside, Share, panel};
use serin_rollout::{Approval, Ask, Before, Length};

use super::{SHOP, fault, parse, release};
use crate::gates::{Bounds, Counts, Kind, Measure, OnError, OnNo, Ratio, Selected, Sides, Webhook};
use crate::release::Release;
use crate::webhook::{Address, Target};

const ERRORS: &str = "kind: errorRate, slo: 2%";

fn ratio(release: &Release, gate: usize) -> &Ratio {
    release.gates[gate].ratio().unwrap()
}

fn selected(metric: &str, labels: &[(&str, &str)]) -> Selected {
    let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Selected { metric: metric.to_owned(), labels }
}

#[test]
fn ratio_gates_are_read_with_their_defaults() {
    let release = parse(SHOP).unwrap();
    let errors = Ratio {
        measure: Measure::ErrorRate {
            floor: Some(Share::DEFAULT_FLOOR),
            slo: Some(Share::try_new(0.02).unwrap()),
        },
        counts: Counts::Filter,
        margin: Margin::try_new(1.1).unwrap(),
        weight: 1.0,
        dispersion: Dispersion::NONE,
    };
    assert_eq!(release.gates[0].kind, Kind::Ratio(errors));
    let bounds = Bounds::Given(vec![Duration::from_millis(250), Duration::from_secs(1)]);
    assert_eq!(ratio(&release, 1).measure, Measure::Latency { bounds });
    let orders = ratio(&release, 2);
    assert_eq!(orders.measure, Measure::Conversion { lag: Duration::from_mins(1) });
    assert_eq!(orders.margin, Margin::try_new(0.95).unwrap());
    assert_eq!(
        orders.counts,
        Counts::Custom {
            events: Some(selected("shop_orders_total", &[("status", "paid")])),
            opportunities: Some(selected("shop_sessions_total", &[])),
            histogram: None,
            sides: Sides::default(),
            cohort: "cohort".to_owned(),
        }
    );
}

#[test]
fn every_field_of_a_ratio_gate_is_read() {
    let all = "kind: errorRate, floor: 0%, margin: 1.25, weight: 0.5, dispersion: 3.2, \
               counts: {preset: istio, side: {label: destination_version, canary: v2, stable: v1}, \
               labels: {destination_service_name: web}}";
    let release = release(ERRORS, all);
    let gate = ratio(&release, 0);
    assert_eq!(gate.measure, Measure::ErrorRate { floor: None, slo: None });
    assert_eq!((gate.margin.get(), gate.weight, gate.dispersion.get()), (1.25, 0.5, 3.2));
    let Counts::Istio { sides, labels } = &gate.counts else { panic!("{:?}", gate.counts) };
    let expected = ("destination_version", "v2", "v1");
    assert_eq!((&*sides.label, &*sides.canary, &*sides.stable), expected);
    assert_eq!(labels.get("destination_service_name").map(String::as_str), Some("web"));
    assert!(matches!(
        ratio(&super::release(ERRORS, "kind: errorRate, counts: {preset: envoy}"), 0).counts,
        Counts::Envoy
    ));
    let own = |counts: &str| {
        let gate = format!("kind: errorRate, counts: {{preset: {counts}}}");
        ratio(&super::release(ERRORS, &gate), 0).counts.clone()
    };
    assert_eq!(own("traefik"), Counts::Traefik);
    let linkerd = own("linkerd, side: {label: dst_deployment, canary: new, stable: old}");
    let Counts::Linkerd { sides, .. } = linkerd else { panic!("{linkerd:?}") };
    assert_eq!((&*sides.label, &*sides.canary), ("dst_deployment", "new"));
    let times = "kind: latency, counts: {histogram: {metric: app_seconds}, cohort: bucket}";
    let times = super::release("kind: latency, bounds: [250ms, 1s], weight: 2", times);
    let gate = ratio(&times, 1);
    assert_eq!(gate.measure, Measure::Latency { bounds: Bounds::FromStable });
    let Counts::Custom { histogram, cohort, .. } = &gate.counts else { panic!("{gate:?}") };
    assert_eq!((histogram, cohort.as_str()), (&Some(selected("app_seconds", &[])), "bucket"));
}

#[test]
fn the_rules_for_the_judge_share_one_alpha_and_weights_of_one() {
    let rules =
        release("  steps:", "  evidence: {alpha: 0.02, skip: 30s, setAside: 2}\n  steps:").rules();
    assert_eq!((rules.alpha.get(), rules.skip), (0.02, Duration::from_secs(30)));
    assert_eq!(rules.set_aside, SetAside::Two);
    let weights: Vec<(&str, f64)> =
        rules.gates.iter().map(|gate| (gate.name.as_str(), gate.weight)).collect();
    assert_eq!(weights, [("errors", 0.25), ("latency", 0.5), ("orders", 0.25)]);
    assert_eq!(rules.gates[1].measure, panel::Measure::Slow);
    let lag = Duration::from_mins(1);
    assert_eq!(rules.gates[2].measure, panel::Measure::Conversions { lag });

    let default = parse(SHOP).unwrap().rules();
    assert_eq!((default.alpha.get(), default.skip), (0.01, Duration::from_mins(2)));
    assert_eq!(default.set_aside, SetAside::One);
}

#[test]
fn thresholds_are_no_part_of_the_rules() {
    let release = release(ERRORS, "kind: threshold, query: up, min: 1");
    let names: Vec<String> = release.rules().gates.into_iter().map(|gate| gate.name).collect();
    assert_eq!(names, ["latency", "orders"]);
    assert_eq!(release.plan.gates, ["errors", "latency", "orders"]);
}

#[test]
fn bounds_are_given_or_chosen() {
    let chosen: BTreeMap<_, _> = [("latency".to_owned(), vec![Duration::from_millis(100)])].into();
    let given = vec![Duration::from_millis(250), Duration::from_secs(1)];
    let release = parse(SHOP).unwrap();
    assert_eq!(release.latency_bounds(&chosen), [("latency".to_owned(), given)].into());
    let open = super::release("bounds: [250ms, 1s], ", "");
    assert_eq!(open.latency_bounds(&chosen), chosen);
    assert_eq!(open.latency_bounds(&BTreeMap::new()), BTreeMap::new());
    let of_filter = |chosen| open.bounds_of_filter(chosen);
    assert_eq!(of_filter(&chosen).unwrap().as_slice(), [Duration::from_millis(100)]);
    assert_eq!(of_filter(&BTreeMap::new()), None);
    let elsewhere = super::release("bounds: [250ms, 1s]", "counts: {preset: envoy}");
    assert_eq!(elsewhere.bounds_of_filter(&chosen), None);
}

#[test]
fn a_manual_gate_makes_every_step_wait_for_a_person_and_is_not_read() {
    let release = release("  gates:\n", "  gates:\n    - {name: sign-off, kind: manual}\n");
    assert!(release.plan.steps.iter().all(|step| step.approval == Approval::Manual));
    assert_eq!(release.plan.gates, ["errors", "latency", "orders"]);
    assert_eq!(release.sign_offs, ["sign-off"]);
}

#[test]
fn a_step_may_last_until_it_can_detect() {
    let at_most = Duration::from_hours(2);
    for (detect, ratio) in [("2x", 2.0), ("0.9x", 0.9)] {
        let to = format!("detect: {detect}, atMost: 2h, min");
        let release = release("bake: 10m, min", &to);
        let length = release.plan.steps.get(0).unwrap().length;
        assert_eq!(length, Length::Detect { ratio, at_most });
    }
}

#[test]
fn faults_of_steps_and_evidence_are_told() {
    for (from, to, expected) in [
        ("bake: 10m, min", "min", "spec.steps[0].bake: missing: a step lasts for a `bake` time"),
        ("bake: 10m, min", "detect: 2x, min", "spec.steps[0].atMost: missing: a step with `det"),
        ("bake: 10m, min", "bake: 1m, detect: 2x, min", "steps[0].detect: \"2x\": either this or"),
        ("bake: 10m, min", "bake: 1m, atMost: 2h, min", "steps[0].atMost: \"2h\": only a step"),
        ("bake: 10m, min", "detect: 2, atMost: 2h, min", "steps[0].detect: \"2\": a ratio of the"),
        ("bake: 10m, min", "detect: 1x, atMost: 2h, min", "steps[0].detect: \"1x\": step 1 dete"),
        ("bake: 10m, min", "detect: -2x, atMost: 2h, min", "steps[0].detect: \"-2x\": step 1 de"),
        (
            "bake: 10m, min",
            "detect: 1.1x, atMost: 2h, min",
            "spec.steps[0].detect: \"1.1x\": with the gates' margins a ratio is seen from 1.21x on",
        ),
        (
            "bake: 10m, min",
            "detect: 0.96x, atMost: 2h, min",
            "spec.steps[0].detect: \"0.96x\": with the gates' margins a ratio is seen from 0.93x on",
        ),
        (
            "bake: 10m, approval",
            "detect: 2x, atMost: 2h, approval",
            "spec.steps[1].detect: \"2x\": at 100% there is no other side",
        ),
        ("  steps:", "  evidence: {alpha: 1}\n  steps:", "spec.evidence.alpha: \"1\": the chance"),
        ("  steps:", "  evidence: {skip: 25h}\n  steps:", "evidence.skip: \"25h\": from 0s to 1d"),
        ("  steps:", "  evidence: {setAside: 3}\n  steps:", "evidence.setAside: \"3\": 0, 1 or 2"),
    ] {
        one_fault(from, to, expected);
    }
}

#[test]
fn a_webhook_is_asked_and_no_gate_that_is_read() {
    let with = |fields: &str| {
        release(
            "  gates:\n",
            &format!("  gates:\n    - {{name: board, kind: webhook, {fields}}}\n"),
        )
    };
    let plain = with("url: 'https://board.example.com/may-it', before: rise");
    assert_eq!(plain.gates.len(), 3);
    assert_eq!(plain.plan.asks, [Ask { name: "board".to_owned(), before: Before::Rise }]);
    let expected = Webhook {
        name: "board".to_owned(),
        before: Before::Rise,
        target: Target {
            address: Address::Plain("https://board.example.com/may-it".parse().unwrap()),
            signing_key_file: None,
            ca_file: None,
        },
        on_no: OnNo::Hold,
        on_error: OnError::Hold,
        timeout: Duration::from_secs(10),
    };
    assert_eq!(plain.webhooks, [expected]);

    let all = with(
        "urlFile: url, signingKeyFile: key, caFile: ca.pem, before: 100%, onNo: rollback, \
         onError: pass, timeout: 2m",
    );
    let [webhook] = &all.webhooks[..] else { panic!("{:?}", all.webhooks) };
    assert_eq!(webhook.target.address, Address::File("folder/url".into()));
    assert_eq!(webhook.target.signing_key_file, Some("folder/key".into()));
    assert_eq!(webhook.before, Before::Weight("100%".parse().unwrap()));
    assert_eq!((webhook.on_no, webhook.on_error), (OnNo::RollBack, OnError::Pass));
}

#[test]
fn faults_of_webhooks_are_told() {
    for (fields, expected) in [
        ("before: start", "spec.gates[0].url: missing: exactly one of `url` and `urlFile`"),
        ("url: 'https://a', urlFile: b, before: end", "gates[0].url: missing: exactly one of"),
        ("url: 'ftp://a', before: end", "gates[0].url: \"ftp://a\": an `https://` or `http://`"),
        ("url: 'https://a'", "spec.gates[0].before: missing: when it is asked"),
        (
            "url: 'https://a', before: 7%",
            "gates[0].before: \"7%\": `start`, `exposure`, `rise`, `end`",
        ),
        ("url: 'https://a', before: end, onNo: pass", "gates[0].onNo: \"pass\": `hold` or `roll"),
        ("url: 'https://a', before: end, onError: no", "gates[0].onError: \"no\": `hold`, `roll"),
        ("url: 'https://a', before: end, timeout: 1h", "gates[0].timeout: \"1h\": from 1s to 5m"),
        ("url: 'https://a', before: end, max: 2", "gates[0].max: \"2\": `webhook` has no such"),
    ] {
        let gate = format!("  gates:\n    - {{name: board, kind: webhook, {fields}}}\n");
        one_fault("  gates:\n", &gate, expected);
    }
}

#[test]
fn faults_of_ratio_gates_are_told() {
    for (fields, expected) in [
        (
            "kind: errors",
            "spec.gates[0].kind: \"errors\": the kinds of gates are `errorRate`, `lat",
        ),
        ("weight: 1", "spec.gates[0].kind: missing: the kinds of gates are"),
        ("kind: manual, weight: 2", "spec.gates[0].weight: \"2\": `manual` has no such field"),
        ("kind: errorRate, max: 2%", "spec.gates[0].max: \"2%\": `errorRate` has no such field"),
        ("kind: errorRate, bounds: [1s]", "spec.gates[0].bounds: \"1s\": `errorRate` has no such"),
        ("kind: errorRate, margin: 0.9", "spec.gates[0].margin: \"0.9\": a margin of at least 1"),
        ("kind: errorRate, margin: 2000", "spec.gates[0].margin: \"2000\": a margin is a ratio"),
        ("kind: errorRate, weight: 0", "spec.gates[0].weight: \"0\": a weight is a number above 0"),
        ("kind: errorRate, dispersion: 0.5", "gates[0].dispersion: \"0.5\": a dispersion is a"),
        ("kind: errorRate, floor: 0.1", "gates[0].floor: \"0.1\": a share is a percentage"),
        ("kind: errorRate, floor: 100%", "gates[0].floor: \"100%\": a share is a percentage"),
        ("kind: errorRate, slo: 0%", "gates[0].slo: \"0%\": an objective above 0%"),
        (
            "kind: latency, counts: {preset: envoy}, bounds: []",
            "gates[0].bounds: \"\": one to three",
        ),
        (
            "kind: latency, counts: {preset: envoy}, bounds: [1s, 1s]",
            "spec.gates[0].bounds[1]: \"1s\": bounds rise",
        ),
        (
            "kind: latency, counts: {preset: envoy}, bounds: [2h]",
            "spec.gates[0].bounds[0]: \"2h\": from 1ms to 1h",
        ),
        (
            "kind: latency",
            "spec.gates[1].name: \"latency\": the filter counts for one latency gate",
        ),
        (
            "kind: conversion, lag: 1m",
            "spec.gates[0].counts: missing: the counters of a conversion",
        ),
        (
            "kind: conversion, lag: 1m, counts: {preset: envoy}",
            "spec.gates[0].counts.preset: \"envoy\": proxies know no conversions",
        ),
        (
            "kind: conversion, counts: {events: {metric: a}, opportunities: {metric: b}}",
            "spec.gates[0].lag: missing: how long after its opportunity",
        ),
        (
            "kind: conversion, margin: 1.1, lag: 0s, \
             counts: {events: {metric: a}, opportunities: {metric: b}}",
            "spec.gates[0].margin: \"1.1\": a margin of at most 1",
        ),
        (
            "kind: errorRate, counts: {preset: nginx}",
            "spec.gates[0].counts.preset: \"nginx\": the presets are `filter`, `envoy`",
        ),
        (
            "kind: errorRate, counts: {preset: istio}",
            "spec.gates[0].counts.side: missing: what tells the sides apart",
        ),
        (
            "kind: errorRate, counts: {preset: envoy, cohort: c}",
            "spec.gates[0].counts.cohort: \"…\": counts of envoy have no such field",
        ),
        (
            "kind: errorRate, counts: {events: {metric: a}}",
            "spec.gates[0].counts.opportunities: missing: the counter of what they are part of",
        ),
        (
            "kind: errorRate, counts: {events: {metric: a}, opportunities: {metric: a}}",
            "spec.gates[0].counts.events: \"a\": other series than the opportunities', else every \
             one is an event",
        ),
        (
            "kind: errorRate, counts: {events: {metric: a-b}, opportunities: {metric: b}}",
            "spec.gates[0].counts.events.metric: \"a-b\": a metric's name is letters",
        ),
        (
            "kind: errorRate, counts: {events: {metric: a, labels: {le-x: b}}, \
             opportunities: {metric: b}}",
            "counts.events.labels.le-x: \"le-x\": a label's name is letters",
        ),
        (
            "kind: latency, counts: {histogram: {metric: app_seconds_bucket}}",
            "histogram.metric: \"app_seconds_bucket\": a histogram goes by its name without",
        ),
        (
            "kind: latency, counts: {side: {canary: x, stable: x}, histogram: {metric: a}}",
            "spec.gates[0].counts.side.canary: \"x\": another value than stable's",
        ),
        (
            "kind: errorRate, counts: {histogram: {metric: a}}",
            "counts.histogram: \"…\": counts of a share of events have no such field",
        ),
    ] {
        one_fault(ERRORS, fields, expected);
    }
}

#[test]
fn a_threshold_is_checked_too() {
    for (fields, expected) in [
        ("query: up", "spec.gates[0]: missing: a threshold has at least one of min, max"),
        ("max: 1", "spec.gates[0].query: missing: PromQL that gives one number"),
        ("query: up, maxRatio: 2", "spec.gates[0].query: missing: maxRatio compares"),
        ("query: 'up{v=\"{{variant}}\"}', maxRatio: 0", "maxRatio: \"0\": a multiple of"),
        ("query: up, min: 2, max: 1", "spec.gates[0].min: \"2\": not above max, which is 1"),
        ("query: up, max: '.nan'", "spec.gates[0].max: \".nan\": a number such as 0.8"),
        ("query: up, max: .inf", "value `.inf` is not a finite number"),
        ("query: up, max: 1, minSamples: 5", "spec.gates[0].samples: missing: minSamples"),
        ("query: up, max: 1, window: 1ms", "spec.gates[0].window: \"1ms\": from 1s to 1d"),
        ("query: up, max: 1, lag: 1m", "spec.gates[0].lag: \"1m\": `threshold` has no such field"),
        ("query: 'up{v=\"{{varient}}\"}', max: 1", "`{{varient}}` is unknown"),
    ] {
        one_fault(ERRORS, &format!("kind: threshold, {fields}"), expected);
    }
}

#[track_caller]
fn one_fault(from: &str, to: &str, expected: &str) {
    let error = fault(from, to);
    assert!(error.contains(expected), "{expected}\n{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn doubtful_plans_are_warned_of() {
    let threshold =
        "kind: threshold, query: 'up{v=\"{{variant}}\"}[{{window}}]', max: 1, samples: x";
    let lags = "within 10m no conversion is judged: three times their lag";
    for (from, to, field, part) in [
        ("bake: 10m, minRequests: 500", "bake: 0s", "spec.steps[0]", "nothing can be told"),
        ("bake: 10m, min", "bake: 2m, min", "spec.steps[0].bake", "before the first 2m"),
        ("bake: 10m, min", "detect: 2x, atMost: 1m, min", "spec.steps[0].atMost", "the first 2m"),
        ("lag: 1m", "lag: 10m", "spec.steps[0].bake", lags),
        (
            ERRORS,
            &format!("{threshold}, window: 20m"),
            "spec.steps[0].bake",
            "shorter than a gate's",
        ),
        (ERRORS, &format!("{threshold}, window: 15s"), "spec.gates[0].window", "fewer than four"),
        ("weight: 100%", "weight: 50%", "spec.steps[1]", "ends with 50% on the canary"),
        ("shop-canary", "canary.shop", "spec.traffic.canary.cluster", "at the first '.'"),
        (ERRORS, "kind: errorRate, counts: {preset: envoy}", "spec.gates[0].counts", "one broken"),
        (
            "bounds: [250ms, 1s]",
            "bounds: [250ms, 800ms], counts: {preset: envoy}",
            "spec.gates[1].bounds[1]",
            "no bucket up to 800ms",
        ),
        (
            "identity: [{header: x-user-id}, {cookie: uid}]",
            "anonymous: route",
            "spec.gates[0].counts",
            "it places nobody",
        ),
    ] {
        let warnings = release(from, to).warnings();
        let found = warnings
            .iter()
            .any(|warning| warning.field.to_string() == field && warning.message.contains(part));
        assert!(found, "{field}: {warnings:?}");
    }
}

#[test]
fn a_warning_names_the_gate_by_its_place_in_the_file() {
    let manual = "  gates:\n    - {name: sign-off, kind: manual}\n";
    let text = SHOP
        .replace("  gates:\n", manual)
        .replace(ERRORS, "kind: errorRate, counts: {preset: envoy}");
    assert_eq!(parse(&text).unwrap().warnings()[0].field.to_string(), "spec.gates[1].counts");
}

#[test]
fn a_release_without_gates_or_without_the_business_is_warned_of() {
    let gates = SHOP.split("  gates:").next().unwrap();
    let warnings = parse(gates).unwrap().warnings();
    assert_eq!(
        warnings[0].to_string(),
        "spec.gates: no gate: only a canary without endpoints would be rolled back"
    );
    let technical = SHOP.split("    - name: orders").next().unwrap();
    let warnings = parse(technical).unwrap().warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].to_string().starts_with("spec.gates: no business gate"), "{warnings:?}");
}

#[test]
fn doubtful_thresholds_are_warned_of() {
    let to = "kind: threshold, query: 'up{v=\"{{variant}}\"}', maxRatio: 2";
    let warnings = release(ERRORS, to).warnings();
    let fields: Vec<String> = warnings.iter().map(|warning| warning.field.to_string()).collect();
    assert_eq!(fields, ["spec.gates[0].query", "spec.gates[0]", "spec.gates[0].maxRatio"]);
    let blind = release(ERRORS, "kind: threshold, query: up, max: 1");
    assert!(blind.warnings()[0].message.contains("names no side"), "{:?}", blind.warnings());
}

#[test]
fn a_ratio_is_detected_by_a_gate_that_looks_that_way() {
    let steps = "bake: 10m, min";
    let technical = SHOP.split("    - name: orders").next().unwrap();
    let text = technical.replace(steps, "detect: 0.9x, atMost: 2h, min");
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains("a ratio below 1 is seen by a gate for conversions"), "{error}");
    let gateless = SHOP.split("  gates:").next().unwrap();
    let error = parse(&gateless.replace(steps, "detect: 2x, atMost: 2h, min")).unwrap_err();
    assert!(error.to_string().contains("a ratio above 1 is seen by a gate for errors"), "{error}");
}
