//! The subset of JSON Schema that Kubernetes takes.

use serde_json::{Map, Value, json};

/// What a type's schema has and Kubernetes either refuses or would act upon: defaults are ours, a
/// field that is absent stays so, and unknown fields are refused by the server's own rules.
const DROPPED: [&str; 4] = ["$schema", "default", "nullable", "title"];

/// Makes a schema structural.
pub(super) fn of(mut schema: Value) -> Value {
    convert(&mut schema);
    schema
}

fn convert(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    for name in DROPPED {
        fields.remove(name);
    }
    // Beside `properties` it is not allowed. Maps keep the schema of their values.
    if fields.get("additionalProperties") == Some(&Value::Bool(false)) {
        fields.remove("additionalProperties");
    }
    if let Some(Value::String(text)) = fields.get_mut("description") {
        *text = one_line(text);
    }
    if let Some(kind) = fields.get_mut("type") {
        not_null(kind);
    }
    integer(fields);
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(name) {
            convert(inner);
        }
    }
    for inner in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        convert(inner.1);
    }
}

/// An optional field is absent; `null` is no other way to say that.
fn not_null(kind: &mut Value) {
    let mut kinds = kind.as_array().into_iter().flatten();
    if let Some(only) = kinds.find(|kind| **kind != "null").cloned() {
        *kind = only;
    }
}

/// The server knows two formats of whole numbers, both with a sign.
fn integer(fields: &mut Map<String, Value>) {
    let format = match fields.get("format").and_then(Value::as_str) {
        Some("uint8" | "uint16") => "int32",
        Some("uint32" | "uint64" | "uint") => "int64",
        _ => return,
    };
    fields.insert("format".to_owned(), json!(format));
}

/// Comments are broken into lines where the source is; `kubectl explain` breaks them again.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
