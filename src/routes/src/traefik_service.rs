//! Traefik's `TraefikService` of the kind `weighted`.
//!
//! It tells no request from another: its two weights are for all that get to it, and those whom a
//! router of their own sends to one side by a mark never do. A weight that is absent is 1.

use serde_json::Value;

use crate::destinations::{self, Entry, Spelling};
use crate::{Entries, Fault, Found, ObjectApi, Reference, Router, Wanted, services};

const SERVICES: Spelling =
    Spelling { field: "services", absent: 1, is: services::is, told: services::told };

/// The adapter.
#[derive(Debug)]
pub(crate) struct TraefikService;

impl Router for TraefikService {
    fn api(&self) -> ObjectApi {
        ObjectApi {
            group: "traefik.io",
            version: "v1alpha1",
            kind: "TraefikService",
            plural: "traefikservices",
        }
    }

    fn read(&self, object: &Value, reference: &Reference) -> Result<Found, Fault> {
        let entry = whole(reference)?;
        let rest = destinations::read(object, &entry, &SERVICES, reference)?;
        Ok(Found { marked: None, rest })
    }

    fn write(
        &self,
        object: &mut Value,
        reference: &Reference,
        wanted: &Wanted,
    ) -> Result<bool, Fault> {
        let entry = whole(reference)?;
        destinations::write(object, &[(entry, wanted.integers().rest)], &SERVICES, reference)
    }

    fn hosts(&self, _: &Value) -> Vec<String> {
        Vec::new()
    }
}

fn whole(reference: &Reference) -> Result<Entry, Fault> {
    match reference.entries {
        Entries::Whole => {
            Ok(Entry { told: "spec.weighted".to_owned(), at: "/spec/weighted".to_owned() })
        }
        Entries::ByMark { .. } | Entries::One(_) => Err(Fault::EntriesOfOther),
    }
}
