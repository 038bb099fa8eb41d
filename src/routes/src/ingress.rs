//! The second Ingress of a host, by which ingress-nginx sends a share of its requests to a canary.
//!
//! The weight is an annotation, out of a total that is another one (100 where it is absent, or below that),
//! and all requests that are not the weight's go to the ordinary Ingress of the host. Annotations that send
//! requests here by a header or a cookie come before the weight, and are left alone.
//!
//! The project ingress-nginx was retired in March 2026: this is for those who are on their way from it.

use serde_json::{Map, Value};

use crate::{Entries, Fault, Found, ObjectApi, Reference, Router, Shares, Wanted, services};

const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";
const TOTAL: &str = "nginx.ingress.kubernetes.io/canary-weight-total";

/// The total where none is stated, or a smaller one.
const LEAST: i64 = 100;

/// The adapter.
#[derive(Debug)]
pub(crate) struct Ingress;

/// Which side the Ingress sends its share to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Stable,
    Canary,
}

impl Router for Ingress {
    fn api(&self) -> ObjectApi {
        ObjectApi {
            group: "networking.k8s.io",
            version: "v1",
            kind: "Ingress",
            plural: "ingresses",
        }
    }

    fn read(&self, object: &Value, reference: &Reference) -> Result<Found, Fault> {
        let side = side(object, reference)?;
        if !is_canary(object) {
            return Err(Fault::NotCanary { annotation: CANARY });
        }
        let rest = shares(object, side)?;
        Ok(Found { marked: None, rest })
    }

    fn write(
        &self,
        object: &mut Value,
        reference: &Reference,
        wanted: &Wanted,
    ) -> Result<bool, Fault> {
        let side = side(object, reference)?;
        let wanted = wanted.integers().rest;
        if shares(object, side).is_ok_and(|stands| stands.is_like(wanted)) {
            return Ok(false);
        }
        let all = wanted.stable + wanted.canary;
        let ours = match side {
            Of::Stable => wanted.stable,
            Of::Canary => wanted.canary,
        };
        // The total that stands is kept where the share is a whole number of its parts.
        let kept = total(object).ok().filter(|total| ours * total % all == 0);
        let total = kept.unwrap_or(all);
        let says = kept.map_or_else(|| Some(total.to_string()), |_| None);
        let annotations =
            annotations_mut(object).ok_or(Fault::Annotation { annotation: WEIGHT })?;
        annotations.insert(WEIGHT.to_owned(), (ours * total / all).to_string().into());
        if let Some(says) = says {
            annotations.insert(TOTAL.to_owned(), says.into());
        }
        Ok(true)
    }

    /// Annotations are metadata, whose changes the generation does not count.
    fn version(&self, object: &Value) -> u64 {
        let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        version.and_then(|version| version.parse().ok()).unwrap_or_default()
    }

    /// Nobody here has seen what ingress-nginx counts.
    fn draws(&self, _: &Entries) -> bool {
        false
    }

    fn hosts(&self, object: &Value) -> Vec<String> {
        let rules = object.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
        // A rule without a host is for all.
        let host =
            |rule: &Value| rule.get("host").and_then(Value::as_str).unwrap_or("*").to_owned();
        let mut hosts: Vec<String> = rules.map(host).collect();
        hosts.dedup();
        hosts
    }
}

/// The side that all backends of the Ingress are of.
fn side(object: &Value, reference: &Reference) -> Result<Of, Fault> {
    if reference.entries != Entries::Whole {
        return Err(Fault::EntriesOfOther);
    }
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
    let backends = backends(object);
    let all_are = |destination| {
        !backends.is_empty() && backends.iter().all(|one| services::is(one, destination, namespace))
    };
    match (all_are(&reference.canary), all_are(&reference.stable)) {
        (true, _) => Ok(Of::Canary),
        (false, true) => Ok(Of::Stable),
        (false, false) => Err(Fault::Backends {
            there: backends.iter().map(|one| services::told(one).to_string()).collect(),
            sides: format!("{} and {}", reference.stable, reference.canary),
        }),
    }
}

/// Its backends, spelt as other kinds spell them.
fn backends(object: &Value) -> Vec<Value> {
    let rules = object.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
    let paths = rules.filter_map(|rule| rule.pointer("/http/paths")?.as_array()).flatten();
    let default = object.pointer("/spec/defaultBackend");
    paths.filter_map(|path| path.get("backend")).chain(default).map(plain).collect()
}

fn plain(backend: &Value) -> Value {
    let service = backend.get("service");
    let mut one = Map::new();
    if let Some(name) = service.and_then(|service| service.get("name")) {
        one.insert("name".to_owned(), name.clone());
    }
    if let Some(port) = service.and_then(|service| service.pointer("/port/number")) {
        one.insert("port".to_owned(), port.clone());
    }
    Value::Object(one)
}

fn shares(object: &Value, side: Of) -> Result<Shares, Fault> {
    let total = total(object)?;
    let ours = match text(object, WEIGHT) {
        None => 0,
        Some(text) => number(text)
            .filter(|weight| (0..=total).contains(weight))
            .ok_or(Fault::Annotation { annotation: WEIGHT })?,
    };
    Ok(match side {
        Of::Canary => Shares { stable: total - ours, canary: ours },
        Of::Stable => Shares { stable: ours, canary: total - ours },
    })
}

fn total(object: &Value) -> Result<i64, Fault> {
    match text(object, TOTAL) {
        None => Ok(LEAST),
        Some(text) => {
            let total = number(text).ok_or(Fault::Annotation { annotation: TOTAL })?;
            Ok(total.max(LEAST))
        }
    }
}

/// Whether ingress-nginx takes an Ingress for a canary's: by an annotation, as Go reads it.
#[must_use]
pub fn is_canary(ingress: &Value) -> bool {
    let is_true = |text: &str| matches!(text, "1" | "t" | "T" | "true" | "True" | "TRUE");
    text(ingress, CANARY).is_some_and(is_true)
}

/// A whole number. ingress-nginx takes larger ones too, which no share needs.
fn number(text: &str) -> Option<i64> {
    text.parse::<i32>().ok().map(i64::from)
}

fn text<'a>(object: &'a Value, annotation: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(annotation)?.as_str()
}

fn annotations_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    annotations.as_object_mut()
}
