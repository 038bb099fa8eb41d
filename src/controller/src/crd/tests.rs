//! The definition says what the reader reads.

use super::*;

/// The committed file.
const COMMITTED: &str = include_str!("../../../../istio/crd.yaml");

#[test]
fn what_is_committed_is_what_is_generated() {
    let generated = yaml().unwrap();
    assert!(generated == COMMITTED, "run `cargo run -p serin-controller -- crd > istio/crd.yaml`");
}

#[test]
fn the_file_reads_as_the_definition() {
    let read: Value = serde_saphyr::from_str(COMMITTED).unwrap();
    assert!(read == definition().unwrap());
}

/// Every schema below this one, with its path.
fn walk<'a>(schema: &'a Value, path: &str, all: &mut Vec<(String, &'a Value)>) {
    all.push((path.to_owned(), schema));
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        walk(inner, &format!("{path}.{name}"), all);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(name) {
            walk(inner, &format!("{path}[]"), all);
        }
    }
}

fn all(definition: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    walk(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "", &mut all);
    all
}

#[test]
fn every_field_is_described() {
    let definition = definition().unwrap();
    let ours = |path: &str| path.contains(".spec") || path.contains(".status");
    let bare: Vec<String> = all(&definition)
        .into_iter()
        .filter(|(path, schema)| {
            ours(path) && !path.ends_with("[]") && schema["description"].as_str().is_none()
        })
        .map(|(path, _)| path)
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

/// What the server refuses in a schema.
#[test]
fn the_schema_is_structural() {
    const KNOWN: [&str; 16] = [
        "type",
        "description",
        "properties",
        "items",
        "additionalProperties",
        "required",
        "enum",
        "format",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "maxLength",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
    ];
    let definition = definition().unwrap();
    for (path, schema) in all(&definition) {
        let schema = schema.as_object().unwrap();
        let open = schema.get("x-kubernetes-preserve-unknown-fields").is_some();
        assert!(open || schema.get("type").is_some_and(Value::is_string), "{path} has no type");
        for name in schema.keys().filter(|name| *name != "x-kubernetes-validations") {
            assert!(KNOWN.contains(&name.as_str()), "{path} has {name}");
        }
        let both = schema.contains_key("properties") && schema.contains_key("additionalProperties");
        assert!(!both, "{path}");
        if let Some(format) = schema.get("format") {
            let known = ["int32", "int64", "double", "date-time"];
            assert!(known.contains(&format.as_str().unwrap()), "{path}: {format}");
        }
    }
}
