//! Gateway API's `HTTPRoute`.
//!
//! A rollout has three rules, by name: requests marked canary, marked stable, not marked. Each has
//! both backends, so that six integers say all of it. Where nothing marks requests, one rule has two.
//! The most specific match takes a request, wherever its rule stands; a weight that is absent is 1.
//!
//! Its parents are gateways, whose requests go by `hostnames`, or services of the mesh, whose
//! requests go by the services' own names.

mod mirrors;
mod precedence;
mod status;

use serde_json::Value;

use crate::destinations::Spelling;
use crate::named::{self, List};
use crate::{Acknowledged, Fault, Found, Mirrors, ObjectApi, Reference, Router, Wanted, services};

const RULES: List = List {
    at: "spec.rules",
    pointer: "/spec/rules",
    word: "rule",
    spelling: Spelling { field: "backendRefs", absent: 1, is: services::is, told: services::told },
};

/// The adapter.
#[derive(Debug)]
pub(crate) struct HttpRoute;

impl Router for HttpRoute {
    fn api(&self) -> ObjectApi {
        ObjectApi {
            group: "gateway.networking.k8s.io",
            version: "v1",
            kind: "HTTPRoute",
            plural: "httproutes",
        }
    }

    fn read(&self, object: &Value, reference: &Reference) -> Result<Found, Fault> {
        have_names(object)?;
        let found = RULES.read(object, reference)?;
        precedence::check(RULES.of(object)?, reference)?;
        Ok(found)
    }

    fn write(
        &self,
        object: &mut Value,
        reference: &Reference,
        wanted: &Wanted,
    ) -> Result<bool, Fault> {
        have_names(object)?;
        RULES.write(object, reference, *wanted)
    }

    fn hosts(&self, object: &Value) -> Vec<String> {
        let list =
            |pointer| object.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        let mut hosts = Vec::new();
        for parent in list("/spec/parentRefs") {
            if is_service(parent) {
                hosts.push(services::told(parent).host);
            } else if list("/spec/hostnames").next().is_none() {
                // All that its listeners take.
                hosts.push("*".to_owned());
            } else {
                hosts.extend(list("/spec/hostnames").filter_map(Value::as_str).map(str::to_owned));
            }
        }
        hosts.sort();
        hosts.dedup();
        hosts
    }

    fn mirrors(&self) -> Option<&'static Mirrors> {
        Some(&mirrors::MIRRORS)
    }

    fn acknowledged(&self, object: &Value) -> Acknowledged {
        status::acknowledged(object)
    }
}

/// A definition that does not know the names of rules has the API server drop them.
fn have_names(object: &Value) -> Result<(), Fault> {
    let rules = RULES.of(object)?;
    if !rules.is_empty() && rules.iter().all(|rule| named::name(rule).is_none()) {
        return Err(Fault::NoNames);
    }
    Ok(())
}

/// Whether a parent is a service of the mesh; it is a gateway where it does not say.
fn is_service(parent: &Value) -> bool {
    parent.get("kind").and_then(Value::as_str) == Some("Service")
}
