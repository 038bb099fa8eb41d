//! The definition of `CanaryRelease` for the API server.
//!
//! The schema of the specification is made of the types that a release is read by ([`structural`]
//! turns it into the subset that Kubernetes takes), so that both have the same fields in the same
//! words. What types do not say is in two tables: [`limits`] has lengths and choices, [`rules`] what
//! holds between fields. They refuse early what the reader would refuse as well; the reader alone
//! knows all of it.

mod limits;
mod rules;
mod structural;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::release::{API_VERSION, KIND};
use crate::{release, status};

/// The group of our objects.
pub const GROUP: &str = "serin.dev";
/// The version in which objects are stored.
pub const VERSION: &str = "v1alpha1";
/// The objects' name in paths of the API.
pub const PLURAL: &str = "canaryreleases";

/// What stands before the definition.
const HEADER: &str = "# What `serin crd` prints.\n";

/// The definition as JSON.
///
/// # Errors
/// [`Misplaced`] where a rule or a limit is for a field that there is not, which a test rules out.
pub fn definition() -> Result<Value, Misplaced> {
    let mut schema = schema();
    limits::add(&mut schema)?;
    rules::add(&mut schema)?;
    let column = |name: &str, kind: &str, path: &str| json!({ "name": name, "type": kind, "jsonPath": path });
    let wide = |name: &str, kind: &str, path: &str| json!({ "name": name, "type": kind, "jsonPath": path, "priority": 1 });
    Ok(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{PLURAL}.{GROUP}") },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": format!("{KIND}List"),
                "plural": PLURAL,
                "singular": "canaryrelease",
                // `cr` is cert-manager's CertificateRequest, `canary` Flagger's.
                "shortNames": ["crel"],
            },
            "scope": "Namespaced",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": [
                    column("Phase", "string", ".status.phase"),
                    column("Step", "integer", ".status.step"),
                    column("Of", "integer", ".status.steps"),
                    column("Weight", "string", ".status.weight"),
                    column("Reason", "string", ".status.reason"),
                    wide("Version", "string", ".status.version"),
                    wide("Message", "string", ".status.message"),
                    column("Age", "date", ".metadata.creationTimestamp"),
                ],
                "schema": { "openAPIV3Schema": schema },
            }],
        },
    }))
}

/// The definition as `istio/crd.yaml` has it.
///
/// # Errors
/// As [`definition`].
pub fn yaml() -> Result<String, Misplaced> {
    let yaml = serde_saphyr::to_string(&definition()?).map_err(|why| Misplaced(why.to_string()))?;
    Ok(format!("{HEADER}{yaml}"))
}

/// A table names a field that the schema does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the definition of {API_VERSION} {KIND}: {0}")]
pub struct Misplaced(String);

/// The schema of whole objects, before limits and rules.
fn schema() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        // References are no part of what Kubernetes takes.
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let part = |schema: schemars::Schema| structural::of(schema.to_value());
    let spec = part(release::schema(&mut settings.clone().into_generator()));
    let status = part(status::kubernetes::schema(&mut settings.into_generator()));
    json!({
        "type": "object",
        "description": "A new version that gets the users of a service step by step, as long as \
                        the metrics hold.",
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": spec,
            "status": status,
        },
    })
}

/// The schema at a path such as `spec.steps[].weight`; the whole at an empty one.
fn at<'a>(schema: &'a mut Value, path: &str) -> Result<&'a mut Value, Misplaced> {
    let missing = || Misplaced(format!("there is no field {path}"));
    let mut at = schema;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        at = at.pointer_mut(&format!("/properties/{name}")).ok_or_else(missing)?;
        if is_list {
            at = at.get_mut("items").ok_or_else(missing)?;
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests;
