use std::fs;

use tempfile::TempDir;

use super::*;

fn text(name: &str, version: &str, hosts: &str, paths: &str) -> String {
    format!(
        "apiVersion: serin.dev/v1alpha1
kind: CanaryRelease
metadata: {{name: {name}}}
spec:
  version: {version}
  traffic:
    hosts: [{hosts}]
    paths: [{paths}]
    stable: {{cluster: a}}
    canary: {{cluster: b}}
  assignment: {{identity: [{{header: x-user-id}}]}}
  metrics: {{prometheus: {{address: 'http://127.0.0.1:9'}}}}
  steps: [{{weight: 100%, bake: 1s}}]
"
    )
}

fn write(scratch: &TempDir, file: &str, text: &str) -> PathBuf {
    let path = scratch.path().join(file);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn releases_beside_each_other_are_loaded() {
    let scratch = tempfile::tempdir().unwrap();
    let one = write(&scratch, "one.yaml", &text("one", "v1", "a.example.com", "/"));
    let two = write(&scratch, "two.yaml", &text("two", "v1", "a.example.com", "/checkout"));
    assert_eq!(load(&[one, two]).unwrap().len(), 2);
}

#[test]
fn a_release_of_kubernetes_objects_is_not_for_this_command() {
    let scratch = tempfile::tempdir().unwrap();
    let sides = "    stable: {cluster: a}\n    canary: {cluster: b}\n";
    let of_objects = text("one", "v1", "x.io", "/")
        .replace("    hosts: [x.io]\n", "    virtualService: web\n")
        .replace("  traffic:\n", "  target: {stable: a, canary: b}\n  traffic:\n")
        .replace(sides, "    stable: {host: a, port: 80}\n    canary: {host: b, port: 80}\n");
    let one = write(&scratch, "one.yaml", &of_objects);
    let told = load(std::slice::from_ref(&one)).unwrap_err().to_string();
    assert!(told.ends_with("default/one names Kubernetes objects: it is run by `serin operate`"));
    // Nor may a file that is being run become one.
    fs::write(&one, text("one", "v1", "x.io", "/")).unwrap();
    let present = load(std::slice::from_ref(&one)).unwrap();
    fs::write(&one, of_objects).unwrap();
    let told = reload(&present).pop().unwrap().unwrap_err();
    assert!(told.contains("serin operate"), "{told}");
}

#[test]
fn releases_in_each_others_way_are_refused_naming_both_files() {
    let scratch = tempfile::tempdir().unwrap();
    let one = write(&scratch, "one.yaml", &text("one", "v1", "a.example.com, x.io", "/, /b"));
    let same_name = write(&scratch, "two.yaml", &text("one", "v1", "b.example.com", "/"));
    let same_place = write(&scratch, "three.yaml", &text("two", "v1", "y.io, X.io", "/c, /b"));
    for (other, what) in [(same_name, "default/one"), (same_place, "x.io")] {
        let told = load(&[one.clone(), other.clone()]).unwrap_err().to_string();
        for part in ["one.yaml", &other.display().to_string(), what] {
            assert!(told.contains(part), "{told} should name {part}");
        }
    }
}

#[test]
fn releases_that_share_their_users_out_are_loaded_and_others_told_why_not() {
    let scratch = tempfile::tempdir().unwrap();
    let part = |name: &str, buckets: &str, mark: &str| {
        let rules = format!("salt: shop-2026-11, mark: {mark}, buckets: [{buckets}], identity:");
        let text = text(name, "v1", "a.example.com", "/").replace("identity:", &rules);
        write(&scratch, &format!("{name}.yaml"), &text.replace("100%", "30%"))
    };
    let one = part("one", "0%, 30%", "x-one");
    let two = part("two", "30%, 60%", "x-two");
    assert_eq!(load(&[one.clone(), two]).unwrap().len(), 2);
    for (buckets, mark, what) in
        [("29%, 60%", "x-two", "share buckets"), ("30%, 60%", "x-one", "a mark of its own")]
    {
        let told = load(&[one.clone(), part("two", buckets, mark)]).unwrap_err().to_string();
        for part in ["one.yaml", "two.yaml", "a.example.com", what] {
            assert!(told.contains(part), "{told} should name {part}");
        }
    }
}

#[test]
fn all_files_faults_are_told_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let one = write(&scratch, "one.yaml", "nothing");
    let two = scratch.path().join("missing.yaml");
    let told = load(&[one, two]).unwrap_err().to_string();
    assert!(told.contains("one.yaml") && told.contains("missing.yaml"), "{told}");
}

#[test]
fn read_again_a_file_gives_what_changed_and_each_for_itself() {
    let scratch = tempfile::tempdir().unwrap();
    let one = write(&scratch, "one.yaml", &text("one", "v1", "a.io", "/"));
    let two = write(&scratch, "two.yaml", &text("two", "v1", "b.io", "/"));
    let present = load(&[one, two]).unwrap();
    assert!(reload(&present).iter().all(|read| matches!(read, Ok(None))));

    write(&scratch, "one.yaml", "broken: [");
    write(&scratch, "two.yaml", &text("two", "v2", "b.io", "/"));
    let read = reload(&present);
    assert!(read[0].as_ref().unwrap_err().contains("one.yaml"));
    assert_eq!(read[1].as_ref().unwrap().as_ref().unwrap().version.to_string(), "v2");
}

#[test]
fn read_again_a_file_cannot_become_another_release_or_take_anothers_place() {
    let scratch = tempfile::tempdir().unwrap();
    let one = write(&scratch, "one.yaml", &text("one", "v1", "a.io", "/"));
    let two = write(&scratch, "two.yaml", &text("two", "v1", "b.io", "/"));
    let present = load(&[one, two]).unwrap();
    write(&scratch, "one.yaml", &text("other", "v1", "a.io", "/"));
    write(&scratch, "two.yaml", &text("two", "v1", "a.io", "/"));
    let read = reload(&present);
    assert!(read[0].as_ref().unwrap_err().contains("default/other"));
    assert!(read[1].as_ref().unwrap_err().contains("a.io"));
}
