//! A way over: a `CanaryRelease` from Flagger's `Canary` or Argo's `Rollout`.
//!
//! Nothing is dropped in silence. What is understood is taken out of a copy of the document
//! ([`remains`]); whatever is left in it at the end has no counterpart, and is told with what to do
//! instead. The result is checked by the release's own reader before anybody sees it.

mod argo;
mod condition;
mod flagger;
mod gates;
mod query;
mod remains;
mod steps;

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::release::{API_VERSION, KIND, Release};

/// What one document became.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The release, as an object of the API server.
    pub release: Value,
    /// What somebody has to know of it, in the order of the document.
    pub notes: Vec<Note>,
}

/// What became of a field, or of something that the release needs and the document does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Where it stands in the document, such as `spec.analysis.alerts`.
    pub field: String,
    /// Whether it is missing from the release.
    pub left_out: bool,
    /// What became of it, and what to do.
    pub message: String,
}

/// What neither kind of document says.
#[derive(Clone, Debug)]
pub struct Assumed {
    /// Where Prometheus is, where no document names one.
    pub prometheus: String,
}

/// Why nothing came out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is nothing to convert.
    #[error(
        "it has no `Canary` of flagger.app and no `Rollout` of argoproj.io, but {}",
        if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") }
    )]
    Nothing {
        /// What there is.
        kinds: Vec<String>,
    },
    /// The document lacks what every release needs.
    #[error("{kind} {name}: {field}: {rule}")]
    Missing {
        /// The document's kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// What came out is no release: the document holds a value that a release cannot have.
    #[error("{kind} {name}: what it would become is refused: {why}")]
    Refused {
        /// The document's kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The reader's words.
        why: String,
    },
}

/// Converts every `Canary` and `Rollout` among the documents of one or several files, with the
/// templates of metrics that stand beside them.
///
/// # Errors
/// [`Fault`] where there is none, or one of them cannot become a release.
pub fn convert(documents: &[Value], assumed: &Assumed) -> Result<Vec<Converted>, Fault> {
    let mut converted = Vec::new();
    for document in documents {
        let (group, kind) = group_and_kind(document);
        match (group, kind) {
            ("flagger.app", "Canary") => {
                converted.push(flagger::convert(document, documents, assumed)?);
            }
            ("argoproj.io", "Rollout") => {
                converted.push(argo::convert(document, documents, assumed)?);
            }
            _ => {}
        }
    }
    if converted.is_empty() {
        let kinds = documents.iter().map(|document| group_and_kind(document).1.to_owned());
        return Err(Fault::Nothing { kinds: kinds.collect() });
    }
    Ok(converted)
}

fn group_and_kind(document: &Value) -> (&str, &str) {
    let text = |field| document.get(field).and_then(Value::as_str).unwrap_or_default();
    (text("apiVersion").split('/').next().unwrap_or_default(), text("kind"))
}

/// The document of a kind and name among others; in the same namespace where both say one.
fn find<'a>(documents: &'a [Value], kinds: &[&str], name: &str) -> Option<&'a Value> {
    documents.iter().find(|document| {
        kinds.contains(&group_and_kind(document).1)
            && document.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
    })
}

/// What both converters put together.
struct Parts {
    kind: &'static str,
    name: String,
    namespace: Option<String>,
    spec: Map<String, Value>,
    notes: Vec<Note>,
}

impl Parts {
    fn note(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let (field, message) = (field.into(), message.into());
        self.notes.push(Note { field, left_out: false, message });
    }

    fn left_out(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let (field, message) = (field.into(), message.into());
        self.notes.push(Note { field, left_out: true, message });
    }

    /// The release, once its own reader takes it. In notes `NAME` stands for its name, `DEPLOYMENT` for
    /// that of stable's Deployment.
    fn finish(self) -> Result<Converted, Fault> {
        let Self { kind, name, namespace, spec, mut notes } = self;
        let stable = spec.get("target").and_then(|target| target.get("stable")?.as_str());
        for note in &mut notes {
            let message = note.message.replace("DEPLOYMENT", stable.unwrap_or_default());
            note.message = message.replace("NAME", &name);
        }
        let mut metadata = json!({ "name": name });
        if let (Some(namespace), Some(fields)) = (namespace, metadata.as_object_mut()) {
            fields.insert("namespace".to_owned(), namespace.into());
        }
        let release = json!({
            "apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec,
        });
        match Release::parse(&release.to_string(), Path::new("release")) {
            Ok(_) => Ok(Converted { release, notes }),
            Err(why) => Err(Fault::Refused { kind, name, why: why.to_string() }),
        }
    }
}
