//! Istio's `VirtualService`.
//!
//! A rollout has three entries of `spec.http`, in this order: requests marked canary, marked stable,
//! not marked. Each has both destinations, so that six integers say all of it. Where nothing marks
//! requests, one entry has two. A proxy takes the first entry that fits; a destination's share is its
//! weight by the sum of the entry's weights; a weight that is absent is 0.

mod mirrors;
mod order;

use serde_json::Value;

use crate::destinations::Spelling;
use crate::named::List;
use crate::{Destination, Fault, Found, Mirrors, ObjectApi, Reference, Router, Wanted};

const HTTP: List = List {
    at: "spec.http",
    pointer: "/spec/http",
    word: "http entry",
    spelling: Spelling { field: "route", absent: 0, is, told },
};

/// The adapter.
#[derive(Debug)]
pub(crate) struct VirtualService;

impl Router for VirtualService {
    fn api(&self) -> ObjectApi {
        ObjectApi {
            group: "networking.istio.io",
            version: "v1",
            kind: "VirtualService",
            plural: "virtualservices",
        }
    }

    fn read(&self, object: &Value, reference: &Reference) -> Result<Found, Fault> {
        let found = HTTP.read(object, reference)?;
        order::check(HTTP.of(object)?, reference)?;
        Ok(found)
    }

    fn write(
        &self,
        object: &mut Value,
        reference: &Reference,
        wanted: &Wanted,
    ) -> Result<bool, Fault> {
        HTTP.write(object, reference, *wanted)
    }

    fn mirrors(&self) -> Option<&'static Mirrors> {
        Some(&mirrors::MIRRORS)
    }

    fn hosts(&self, object: &Value) -> Vec<String> {
        let hosts = object.pointer("/spec/hosts").and_then(Value::as_array);
        hosts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// Host and subset are as named; a port only has to fit where both name one.
fn is(one: &Value, destination: &Destination, _: Option<&str>) -> bool {
    let Destination { host, subset, port } = destination;
    let text = |field: &str| one.pointer(&format!("/destination/{field}")).and_then(Value::as_str);
    let port_there = one.pointer("/destination/port/number").and_then(Value::as_u64);
    text("host") == Some(host)
        && text("subset").unwrap_or_default() == subset.as_deref().unwrap_or_default()
        && port_there.zip(*port).is_none_or(|(there, named)| there == u64::from(named))
}

fn told(one: &Value) -> Destination {
    let text = |field: &str| one.pointer(&format!("/destination/{field}")).and_then(Value::as_str);
    Destination {
        host: text("host").unwrap_or("without host").to_owned(),
        subset: text("subset").map(str::to_owned),
        port: one
            .pointer("/destination/port/number")
            .and_then(Value::as_u64)
            .and_then(|port| u16::try_from(port).ok()),
    }
}
