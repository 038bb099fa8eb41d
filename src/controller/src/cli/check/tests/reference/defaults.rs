//! What README's tables say of a field that is absent. The examples have every field with a value
//! that is not its default, so each row is tried where its field stands: a default that is stated
//! reads like no field at all, what is required is missed, and all else may be absent.

use serde_json::Value;

use super::{Example, Meaning, examples, objects, root};

/// Fields with which another one goes that needs them or has a meaning with them alone: the object, the
/// field, and where the other one stands, from the object on or, with a `/`, from the top.
const TOGETHER: [(&str, &str, &str); 8] = [
    ("document rollouts[]", "paths", "/rollouts/0/identity/7/generated/path"),
    ("release spec.assignment", "salt", "buckets"),
    ("release spec.gates[]", "samples", "minSamples"),
    ("release spec.metrics.prometheus", "clientCertFile", "clientKeyFile"),
    ("release spec.metrics.prometheus", "clientKeyFile", "clientCertFile"),
    ("release spec.policy", "noDataRollBackAfter", "onNoData"),
    ("release spec.policy", "onNoData", "noDataRollBackAfter"),
    ("release spec.traffic", "paths", "/spec/assignment/identity/7/generated/path"),
];

/// Defaults that a table tells in its own way.
fn in_words(object: &str, field: &str, of: &Value) -> Option<Absent> {
    let kind = of.get("kind").and_then(Value::as_str);
    let stated = |json: &str| Some(Absent::Is(vec![serde_json::from_str(json).unwrap()]));
    match (object, field) {
        // A preset is the other way to the counters that are required without one.
        ("release spec.gates[].counts", "preset") => Some(Absent::Missed),
        ("release spec.gates[]", "counts") if kind == Some("conversion") => Some(Absent::Missed),
        ("release spec.gates[]", "counts") => stated(r#"{"preset": "filter"}"#),
        // Of a mesh's metrics there is no other way to tell.
        ("release spec.gates[].counts", "side") if of.get("preset").is_some() => {
            Some(Absent::Missed)
        }
        ("release spec.gates[].counts", "side") => {
            stated(r#"{"label": "variant", "canary": "canary", "stable": "stable"}"#)
        }
        // Required from a source, and inline 0.
        ("document rollouts[]", "revision") => stated("0"),
        // Without ids and without a draw nobody would get the canary.
        ("release spec.assignment", "identity") if of.get("anonymous").is_none() => {
            Some(Absent::Missed)
        }
        // Without Kubernetes objects there is nothing that it would follow from.
        ("release spec.traffic.canary", "cluster") if of.get("host").is_none() => {
            Some(Absent::Missed)
        }
        _ => None,
    }
}

/// What holds where a field is absent.
#[derive(Clone, Debug, PartialEq)]
enum Absent {
    /// The same as with one of these values.
    Is(Vec<Value>),
    /// The reader says that it is missing.
    Missed,
    /// Something that no value says.
    Fine,
}

/// A table's last column, in which the other fields in place of this one are named too.
fn told(cell: &str, names: &[&str]) -> (Absent, Vec<String>) {
    let codes = cell.split('`').skip(1).step_by(2);
    let instead: Vec<String> =
        codes.clone().filter(|code| names.contains(code)).map(str::to_owned).collect();
    let values: Vec<Value> = codes.map(value).collect();
    let is_missed = ["required", "this or ", "one of the "].iter().any(|it| cell.starts_with(it));
    if is_missed {
        (Absent::Missed, instead)
    } else if cell.starts_with('`') {
        (Absent::Is(values), Vec::new())
    } else {
        (Absent::Fine, Vec::new())
    }
}

fn value(code: &str) -> Value {
    let code = code.replace("\\|", "|");
    serde_json::from_str(&code).unwrap_or(Value::String(code))
}

#[test]
fn every_default_of_a_field_is_what_its_absence_means() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let examples = with_meanings();
    let mut compared = 0;
    for (object, rows) in tables(&readme) {
        let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
        for (name, cell) in &rows {
            let (absent, mut instead) = told(cell, &names);
            // In place of each other, such as one of three.
            if cell.starts_with("one of the ") {
                let others = rows.iter().filter(|(_, other)| other == cell);
                instead.extend(others.map(|(other, _)| (*other).to_owned()));
            }
            let mut places = 0;
            for (whole, example, pointer) in places_of(&examples, &object, name) {
                let of = example.value.pointer(&pointer).unwrap();
                let absent = in_words(&object, name, of).unwrap_or_else(|| absent.clone());
                let at = format!("{object} {name} in {}{pointer}", example.file.display());
                check((example, whole), &pointer, name, &absent, &instead, &object)
                    .unwrap_or_else(|wrong| panic!("{at}: README says {cell:?}: {wrong}"));
                compared += usize::from(matches!(absent, Absent::Is(_)));
                places += 1;
            }
            assert!(places > 0, "{object} {name} stands in no example");
        }
    }
    assert!(compared >= 55, "{compared} defaults only");
}

/// Defaults that stand in the words of tables without a column for them.
#[test]
fn defaults_in_the_words_of_a_table_hold_too() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for (words, object, name, default, target) in [
        ("`namespace` (default `default`)", "metadata", "namespace", "default", None),
        (
            "path prefixes on segment boundaries; default `[\"/\"]`",
            "spec.traffic",
            "paths",
            "[\"/\"]",
            None,
        ),
        ("`keep` (default) or", "spec", "onSuccess", "keep", Some(false)),
        ("`promote` (default with `target`)", "spec", "onSuccess", "promote", Some(true)),
    ] {
        assert!(readme.contains(words), "README does not say {words:?}");
        let object = format!("release {object}");
        let all = with_meanings();
        let mut places = places_of(&all, &object, name);
        let has_target = |example: &Example| example.value.pointer("/spec/target").is_some();
        places.retain(|(_, example, _)| target.is_none_or(|wanted| wanted == has_target(example)));
        assert!(!places.is_empty(), "{object} {name}");
        for (whole, example, pointer) in places {
            let absent = Absent::Is(vec![value(default)]);
            check((example, whole), &pointer, name, &absent, &[], &object)
                .unwrap_or_else(|wrong| panic!("{}: {words}: {wrong}", example.file.display()));
        }
    }
}

/// `whole` is what is read from the example as it stands.
fn check(
    (example, whole): (&Example, &Meaning),
    pointer: &str,
    name: &str,
    absent: &Absent,
    instead: &[String],
    object: &str,
) -> Result<(), String> {
    let together = TOGETHER.iter().filter(|it| (it.0, it.1) == (object, name)).map(|it| it.2);
    let with = |given: Option<&Value>| {
        let mut changed = example.value.clone();
        for other in together.clone() {
            let (parent, other) = other.rsplit_once('/').unwrap_or((pointer, other));
            let parent = changed.pointer_mut(parent).and_then(Value::as_object_mut);
            parent.unwrap().remove(other);
        }
        let fields = changed.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
        if let Some(value) = given {
            fields.insert(name.to_owned(), value.clone());
        } else {
            fields.remove(name);
            let others = instead.iter().filter(|_| *absent == Absent::Missed);
            for other in others {
                fields.remove(other);
            }
        }
        example.with(&changed)
    };
    let without: Result<Meaning, String> = with(None);
    match absent {
        Absent::Missed => match without {
            Ok(_) => Err("it may be absent".to_owned()),
            Err(_) => Ok(()),
        },
        Absent::Is(values) => {
            let without = without?;
            if without == *whole {
                return Err("what the example says is the default".to_owned());
            }
            let is_same = values.iter().any(|value| with(Some(value)).as_ref() == Ok(&without));
            is_same.then_some(()).ok_or_else(|| format!("{values:?} read differently"))
        }
        Absent::Fine => {
            let without = without?;
            let says_something = without != *whole;
            says_something.then_some(()).ok_or_else(|| "the example says nothing".to_owned())
        }
    }
}

/// The examples with what is read from each as it stands.
fn with_meanings() -> Vec<(Meaning, Example)> {
    let all = examples().into_iter();
    all.map(|example| (example.with(&example.value).unwrap(), example)).collect()
}

/// Where a field stands in the examples: the object that it is a field of.
fn places_of<'e>(
    examples: &'e [(Meaning, Example)],
    object: &str,
    name: &str,
) -> Vec<(&'e Meaning, &'e Example, String)> {
    let mut places = Vec::new();
    for (whole, example) in examples {
        for (pointer, path) in objects(&example.value) {
            let path = if path.is_empty() { "." } else { &path };
            let is_it = format!("{} {path}", example.kind) == object;
            if is_it && example.value.pointer(&pointer).is_some_and(|it| it.get(name).is_some()) {
                places.push((whole, example, pointer));
            }
        }
    }
    places
}

/// The tables of fields with a column for defaults: the object, and each field with its default.
fn tables(readme: &str) -> Vec<(String, Vec<(&str, &str)>)> {
    let parts = readme.split("<!-- fields: ").skip(1).filter_map(|part| part.split_once(" -->\n"));
    let mut tables = Vec::new();
    for (marker, rest) in parts {
        let mut lines = rest.lines().take_while(|line| line.starts_with('|'));
        if !lines.next().unwrap().trim_end_matches([' ', '|']).ends_with("default") {
            continue;
        }
        let rows = lines.skip(1).map(|line| {
            let name = line.split('`').nth(1).unwrap();
            let cell = line.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
            (name, cell)
        });
        tables.push((object(marker), rows.collect()));
    }
    assert!(tables.len() >= 20, "{} tables", tables.len());
    tables
}

/// The object of a table, as its marker has it.
fn object(marker: &str) -> String {
    match marker {
        "document plugin" => "document .".to_owned(),
        "document key" => "document testerKeys[]".to_owned(),
        "document rollout" => "document rollouts[]".to_owned(),
        other => other.chars().filter(|it| !it.is_ascii_digit()).collect(),
    }
}
