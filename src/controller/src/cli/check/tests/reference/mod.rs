//! The examples that have every field, in `envoy/reference` and `istio/reference`, and README's tables
//! of fields: that each field stands in an example, and that what a table says of its absence is so.

mod defaults;
mod fields;

use std::path::{Path, PathBuf};

use serde_json::Value;
use serin_document::plugin::{self, PluginConfig};
use serin_document::{Compiled, Environment};

use crate::release::Release;

/// What is read from an example; what is read alike is the same to all that comes after.
#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Release(Box<Release>),
    Plugin(Box<PluginConfig>),
}

/// An example, and what it is of.
#[derive(Clone, Debug)]
struct Example {
    file: PathBuf,
    /// As a marker of README's tables has it: `release` or `document`.
    kind: &'static str,
    value: Value,
}

impl Example {
    /// Reads what it would be with another content.
    fn with(&self, value: &Value) -> Result<Meaning, String> {
        // JSON is YAML as well.
        let text = value.to_string();
        if self.kind == "release" {
            let release = Release::parse(&text, &self.file);
            return release.map(|it| Meaning::Release(it.into())).map_err(|it| it.to_string());
        }
        let config = plugin::parse(text.as_bytes()).map_err(|refused| refused.to_string())?;
        if let PluginConfig::Inline { parsed, overrides, keys } = config.clone() {
            let keys = keys.unwrap_or_default();
            let env = Environment { overrides, keys, ..Environment::default() };
            let compiled = Compiled::compile(parsed, None, &env);
            if let Some(left_out) = compiled.left_out().first() {
                return Err(left_out.to_string());
            }
        }
        Ok(Meaning::Plugin(config.into()))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All of them.
fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for folder in ["envoy/reference", "istio/reference"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let file = entry.unwrap().path();
            let text = std::fs::read_to_string(&file).unwrap();
            let mut value: Value = serde_saphyr::from_str(&text).unwrap();
            let kind = match value["kind"].as_str() {
                Some("CanaryRelease") => "release",
                Some("WasmPlugin") => {
                    value = value["spec"]["pluginConfig"].take();
                    "document"
                }
                other => panic!("{}: {other:?}", file.display()),
            };
            examples.push(Example { file, kind, value });
        }
    }
    examples.sort_by(|a, b| a.file.cmp(&b.file));
    examples
}

#[test]
fn each_is_accepted_as_it_stands() {
    let examples = examples();
    assert!(examples.len() >= 7, "{}", examples.len());
    for example in &examples {
        let read = example.with(&example.value).unwrap_or_else(|error| panic!("{error}"));
        if let Meaning::Release(release) = read {
            // As `serin check` takes it, from the file itself.
            assert_eq!(Release::load(&example.file).unwrap(), *release);
        }
    }
}

/// The objects in a value, each with its JSON pointer and its path without places in lists:
/// `spec.gates[].counts`.
fn objects(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(value, String::new(), String::new(), &mut found);
    found
}

fn collect(value: &Value, pointer: String, path: String, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                collect(field, format!("{pointer}/{name}"), format!("{path}{dot}{name}"), found);
            }
            found.push((pointer, path));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}
