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
