//! A release from an object in Kubernetes.

use core::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};
use serin_rollout::{Side, Version};

use super::read::{Origin, read};
use super::spec::File;
use super::{API_VERSION, Fault, FieldPath, KIND, Kubernetes, Release, Resolved};

/// The folder in which the controller finds the files that objects name, in a folder for each
/// namespace: an object is written by whoever may write in its namespace, who shall not get the
/// controller to send anything else that it can read to an address of theirs.
pub const CREDENTIALS: &str = "/etc/serin/credentials";

/// Reads an object of kind `CanaryRelease`, as the API server has it.
///
/// # Errors
/// [`Refused`] with every fault that was found.
pub fn from_object(object: &Value, cluster: &Resolved) -> Result<Release, Refused> {
    // The server's own fields are none of a release file.
    let of = |name: &str| object.pointer(&format!("/metadata/{name}")).cloned();
    let metadata: Map<String, Value> = ["name", "namespace"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), of(name)?)))
        .collect();
    let file = json!({
        "apiVersion": object.get("apiVersion"),
        "kind": object.get("kind"),
        "metadata": metadata,
        "spec": object.get("spec"),
    });
    let file: File = serde_path_to_error::deserialize(file).map_err(of_shape)?;
    let namespace = file.metadata.namespace.clone().unwrap_or_default();
    let folder = Path::new(CREDENTIALS).join(namespace);
    read(file, &Origin::Object { folder: &folder, cluster })
        .map(|release| release.with_serving(cluster.serving))
        .map_err(|faults| Refused { faults })
}

/// The Kubernetes objects that a release names, also where all else that it says cannot be read; none
/// where they cannot be read either.
#[must_use]
pub fn objects_of(object: &Value) -> Option<Kubernetes> {
    let spec = object.get("spec")?;
    let bare = json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": object.get("metadata"),
        "spec": {
            "target": spec.get("target"),
            "traffic": spec.get("traffic"),
            // Any that are right.
            "assignment": {"identity": [{"header": "x"}]},
            "metrics": {"prometheus": {"address": "http://127.0.0.1"}},
            "steps": [{"weight": "100%", "bake": "0s"}],
        },
    });
    let cluster = Resolved {
        serving: Side::First,
        version: Version(String::new()),
        hosts: vec!["example.com".to_owned()],
    };
    from_object(&bare, &cluster).ok()?.kubernetes
}

/// A fault of the shape; the API server lets none of them pass but within what it does not look at.
fn of_shape(error: serde_path_to_error::Error<serde_json::Error>) -> Refused {
    let path = match error.path().to_string() {
        whole if whole == "." => FieldPath::default(),
        field => FieldPath::default().inside(&field),
    };
    let rule = error.into_inner().to_string();
    Refused { faults: vec![Fault { path, value: "…".to_owned(), rule }] }
}

/// Why an object cannot be run. Nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    /// What, at least once.
    pub faults: Vec<Fault>,
}

/// All faults in one line.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.faults.iter().enumerate() {
            if nth > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// A release of a cluster, for tests.
#[cfg(test)]
pub(crate) use tests::example;

#[cfg(test)]
mod tests;
