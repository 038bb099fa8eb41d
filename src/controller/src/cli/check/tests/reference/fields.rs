//! Every field that a reader knows stands in an example.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Example, examples, objects};

/// A field that there is nowhere, and that resembles none: given, it brings up the list of all.
const UNKNOWN: &str = "zzzzzz";

/// Objects whose fields their owner names.
const OPEN: [&str; 8] = [
    "document rollouts[].bareHosts",
    "release metadata.annotations",
    "release metadata.labels",
    "release spec.gates[].counts.events.labels",
    "release spec.gates[].counts.histogram.labels",
    "release spec.gates[].counts.labels",
    "release spec.gates[].counts.opportunities.labels",
    "release spec.metrics.prometheus.headers",
];

#[test]
fn every_field_stands_in_an_example() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut given = known.clone();
    let mut open = BTreeSet::new();
    for example in examples() {
        for (pointer, path) in objects(&example.value) {
            let object = format!("{} {}", example.kind, of_condition(&path));
            let there = example.value.pointer(&pointer).and_then(Value::as_object).unwrap();
            given.entry(object.clone()).or_default().extend(there.keys().cloned());
            match fields(&example, &pointer) {
                Some(fields) => known.entry(object).or_default().extend(fields),
                None => {
                    open.insert(object);
                }
            }
        }
    }
    assert!(open.iter().eq(&OPEN), "{open:?}");
    for (object, names) in &known {
        assert_eq!(given.get(object), Some(names), "{object}");
    }
    // What there is none of would not be missed.
    for object in
        ["release spec.policy", "document rollouts[]", "document source", "release a condition"]
    {
        assert!(known.contains_key(object), "{object}: {:?}", known.keys());
    }
}

/// The fields that a reader names where it finds one that there is not; none where it takes any.
fn fields(example: &Example, pointer: &str) -> Option<Vec<String>> {
    let mut value = example.value.clone();
    let object = value.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
    object.insert(UNKNOWN.to_owned(), json!("z"));
    let said = example.with(&value).err()?;
    let (_, names) = said.split_once("no such field; there are ")?;
    let names = names.lines().next().unwrap().split([' ', ',']);
    let is_name = |name: &&str| !["", "and", "either", "or", "one", "of", "alone"].contains(name);
    Some(names.filter(is_name).map(str::to_owned).collect())
}

/// All conditions are one kind of object, wherever they stand.
fn of_condition(path: &str) -> String {
    let starts = ["exclude[]", "eligible", "segments[].when"];
    let Some(below) = starts.iter().find_map(|start| path.split_once(start)).map(|(_, it)| it)
    else {
        return path.to_owned();
    };
    let below = below.replace(".all[]", "").replace(".any[]", "").replace(".not", "");
    format!("a condition{below}")
}
