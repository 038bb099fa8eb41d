mod reference;

use std::io::Write as _;

use super::*;

fn checked(name: &str, content: &str) -> Result<Meaning, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::File::create(&path).unwrap().write_all(content.as_bytes()).unwrap();
    meaning(&path).map_err(|failure| format!("{failure:?}"))
}

const ROLLOUT: &str = r#"{"name": "shop/a", "revision": 5, "hosts": ["a.example.com"], "salt": "a",
    "weight": "5%", "canaryServes": true, "identity": [{"header": "x-user-id"}]}"#;

const RELEASE: &str = "
apiVersion: serin.dev/v1alpha1
kind: CanaryRelease
metadata: {name: shop}
spec:
  version: v2
  traffic: {hosts: ['*'], stable: {cluster: a}, canary: {cluster: b}}
  assignment: {identity: [{header: x-user-id}]}
  metrics: {prometheus: {address: 'http://127.0.0.1:9090'}}
  steps: [{weight: 5%, bake: 10m}, {weight: 100%, bake: 20m}]
";

#[test]
fn a_release_is_told_with_its_least_time_and_its_warnings() {
    let meaning = checked("a.yaml", RELEASE).unwrap_or_else(|error| panic!("{error}"));
    assert!(meaning.text.contains("release     default/shop version v2\n"), "{}", meaning.text);
    assert!(meaning.text.contains("least time  30m\n"), "{}", meaning.text);
    assert_eq!(meaning.warnings.len(), 1);
    assert_eq!(meaning.json["steps"][1]["weight"], "100%");
    assert_eq!(meaning.json["warnings"][0]["field"], "spec.gates");
}

#[test]
fn a_release_of_kubernetes_objects_is_told_as_far_as_a_file_knows_it() {
    let of_objects = RELEASE.replace("  version: v2\n", "  target: {stable: web, canary: next}\n").replace(
        "traffic: {hosts: ['*'], stable: {cluster: a}, canary: {cluster: b}}",
        "traffic: {virtualService: web, stable: {host: web, subset: v1, port: 80}, canary: {host: web, subset: v2, port: 80}}",
    );
    let meaning = checked("a.yaml", &of_objects).unwrap_or_else(|error| panic!("{error}"));
    let expected = "\
release     default/shop version the hash of next's pod template
deployments stable web, canary next, which is scaled before each rise
weights     VirtualService web, entries serin-canary, serin-stable, serin-rest
            stable web subset v1 port 80, canary web subset v2 port 80
document    proxies ask the controller
hosts       those of the VirtualService
paths       /
stable      cluster outbound|80|v1|web.default.svc.cluster.local
canary      cluster outbound|80|v2|web.default.svc.cluster.local
";
    assert!(meaning.text.starts_with(expected), "{}", meaning.text);
    assert!(meaning.text.contains("salt        default/shop/…, another"), "{}", meaning.text);
    assert!(meaning.text.contains("on success  promote"), "{}", meaning.text);
    assert_eq!(meaning.json["version"], serde_json::Value::Null);
    assert_eq!(meaning.json["kubernetes"]["target"]["capacity"], "scale");
}

#[test]
fn gates_evidence_and_steps_are_told() {
    let gates = "
  steps: [{weight: 5%, detect: 2x, atMost: 2h}, {weight: 100%, bake: 20m}]
  evidence: {alpha: 0.05, skip: 1m, setAside: 2}
  gates:
    - {name: errors, kind: errorRate, slo: 2%, weight: 2}
    - {name: latency, kind: latency, bounds: [250ms, 1s], dispersion: 3}
    - name: orders
      kind: conversion
      lag: 30m
      counts: {opportunities: {metric: sessions_total}, events: {metric: orders_total}}
    - {name: sign-off, kind: manual}
";
    let steps = "  steps: [{weight: 5%, bake: 10m}, {weight: 100%, bake: 20m}]\n";
    let meaning = checked("a.yaml", &RELEASE.replace(steps, gates.trim_start_matches('\n')))
        .unwrap_or_else(|error| panic!("{error}"));
    let expected = "
steps       WEIGHT           LASTS  REQUESTS  APPROVAL
                5%  until 2x, ≤ 2h         0  manual
              100%             20m         0  manual
least time  20m
on success  keep
gates       errors: errors at most 1.1 times stable's; no harm below 0.1%; hold where both are above 2%; counted by the filter; weight 2
            latency: requests slower than 250ms, 1s at most 1.1 times stable's; counted by the filter; an event counts 1/3
            orders: conversions at least 0.95 times stable's; events up to 30m later; counted by orders_total of sessions_total
            sign-off: `serin approve` ends every step
evidence    an identical version is rolled back in at most 5% of the rollouts; the first 1m are not judged; what the two worst cohorts show does not count
";
    assert!(meaning.text.ends_with(expected), "{}", meaning.text);
    let json = &meaning.json;
    assert_eq!(
        (&json["steps"][0]["detect"], &json["steps"][0]["atMost"]),
        (&"2x".into(), &"2h".into())
    );
    assert_eq!(json["gates"][0]["kind"], "errorRate");
    assert_eq!(json["gates"][3]["kind"], "manual");
    assert_eq!(json["evidence"]["setAside"], 2);
}

#[test]
fn a_broken_release_is_told_by_line() {
    let error = checked("a.yaml", &RELEASE.replace("5%", "5")).err().unwrap();
    assert!(error.contains("a.yaml:10:20: spec.steps[0].weight: \"5\""), "{error}");
}

#[test]
fn a_document_is_one_and_a_plugin_configuration_another() {
    let document = format!(r#"{{"formatVersion": "1.0", "revision": 7, "rollouts": [{ROLLOUT}]}}"#);
    let meaning = checked("a.json", &document).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(meaning.text, "document, revision 7\n  shop/a: 5% on a.example.com\n");
    let inline = document.replace("\"revision\": 7", "\"incoming\": \"keep\"");
    let meaning = checked("a.json", &inline).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(meaning.json["kind"], "plugin configuration");
    let source = r#"{"formatVersion": "1.0", "source": {"cluster": "serin"}}"#;
    let meaning = checked("a.json", source).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(meaning.json["source"]["cluster"], "serin");
}

#[test]
fn a_rollout_that_would_be_left_out_makes_a_document_invalid() {
    let document =
        format!(r#"{{"formatVersion": "1.0", "revision": 7, "rollouts": [{ROLLOUT}, {ROLLOUT}]}}"#);
    let error = checked("a.json", &document).err().unwrap();
    assert!(error.contains("left out"), "{error}");
}

#[test]
fn broken_json_is_told_as_such() {
    let error = checked("a.json", r#"{"formatVersion": "#).err().unwrap();
    assert!(error.contains("not JSON"), "{error}");
}

#[test]
fn a_file_longer_than_its_kind_may_be_is_refused() {
    let endless = meaning(Path::new("/dev/zero")).err().unwrap();
    let told = format!("{:#}", endless.error());
    assert!(told.contains("/dev/zero: it has more than 4194304 bytes"), "{told}");

    let release = format!("{RELEASE}# {}\n", "x".repeat(1 << 20));
    let error = checked("a.yaml", &release).err().unwrap();
    assert!(error.contains("a release file has at most 1048576"), "{error}");
}

#[test]
fn keys_are_told_by_their_ids_and_a_lack_is_warned_of() {
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let keys = format!(r#""testerKeys": [{{"id": "k1", "key": "{secret}"}}], "#);
    let config = |keys: &str| {
        format!(
            r#"{{"formatVersion": "1.0", {keys}"rollouts": [{{
                "name": "shop/a", "hosts": ["a.example.com"], "salt": "s", "weight": "5%",
                "canaryServes": true, "identity": [],
                "testers": [{{"header": "x-try", "signed": {{"audience": "shop"}}}}]}}]}}"#
        )
    };
    let meaning = checked("a.json", &config(&keys)).unwrap();
    assert!(meaning.text.ends_with("  tester keys k1\n"), "{}", meaning.text);
    assert_eq!(meaning.warnings, [""; 0]);
    assert!(!format!("{}{}", meaning.text, meaning.json).contains(&secret[4..20]));
    let meaning = checked("a.json", &config("")).unwrap();
    let [warning] = meaning.warnings.as_slice() else { panic!("{:?}", meaning.warnings) };
    assert!(warning.starts_with("testers of shop/a need a signed token"), "{warning}");
    let polled = format!(r#"{{"formatVersion": "1.0", {keys}"source": {{"cluster": "serin"}}}}"#);
    let meaning = checked("a.json", &polled).unwrap();
    assert!(meaning.text.ends_with("  tester keys k1\n"), "{}", meaning.text);
}
