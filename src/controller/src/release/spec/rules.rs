//! Fields whose values are read elsewhere, or may be of several types: a schema in Kubernetes, which
//! knows neither recursion nor a choice of types, leaves them open.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Conditions go as deep as their owner likes; the document's reader reads them.
pub(super) fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// A list of such objects.
pub(super) fn list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": object(generator) })
}

/// Anything.
pub(super) fn open(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}
