//! A way over: a `CanaryRelease` from Flagger's `Canary` or Argo's `Rollout`.
//!
//! Nothing is dropped in silence. What is understood is taken out of a copy of the document
//! ([`remains`]); whatever is left in it at the end has no counterpart, and is told with what to do
//! instead. The result is checked by the release's own reader before anybody sees it.

mod argo;
mod asks;
mod condition;
mod flagger;
mod gates;
mod matches;
mod query;
mod remains;
mod router;
mod steps;

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::release::{API_VERSION, KIND, Release};
use gates::Gates;
use steps::Step;

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

/// A Prometheus, as far as the documents name one.
#[derive(Default)]
struct Server {
    address: Option<String>,
    headers: Option<Value>,
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
    fn of(kind: &'static str, document: &Value) -> Self {
        let text = |place: &str| document.pointer(place).and_then(Value::as_str).map(str::to_owned);
        Self {
            kind,
            name: text("/metadata/name").unwrap_or_default(),
            namespace: text("/metadata/namespace"),
            spec: Map::new(),
            notes: Vec::new(),
        }
    }

    fn note(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let (field, message) = (field.into(), message.into());
        self.notes.push(Note { field, left_out: false, message });
    }

    fn left_out(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let (field, message) = (field.into(), message.into());
        self.notes.push(Note { field, left_out: true, message });
    }

    /// What was found in another document, such as `MetricTemplate errors`.
    fn notes_of(&mut self, document: &str, notes: Vec<Note>) {
        self.notes.extend(
            notes
                .into_iter()
                .map(|note| Note { field: format!("{document}: {}", note.field), ..note }),
        );
    }

    /// Tells that nothing says where the user's id stands.
    fn note_no_identity(&mut self) {
        self.note(
            "assignment",
            "requests are drawn one by one, as before: say where the user's id stands \
             (assignment.identity), so that users stay on their side",
        );
    }

    /// Steps through these, and then has stable brought to the new version, as others do.
    fn set_steps(&mut self, steps: &[Step]) {
        let steps: Vec<Value> = steps.iter().map(Step::json).collect();
        self.spec.insert("steps".to_owned(), Value::Array(steps));
        self.spec.insert("onSuccess".to_owned(), "promote".into());
    }

    /// Judges by these gates, and by one that compares errors where none does yet.
    fn set_gates(&mut self, mut gates: Gates, server: Server, assumed: &Assumed) {
        if !gates.has_kind("errorRate") {
            gates.add("errors", "errorRate", Map::new());
            self.note("gates", "`errors` is added: it compares the canary's errors with stable's");
        }
        let address = server.address.unwrap_or_else(|| {
            let assumed = assumed.prometheus.clone();
            let what = format!("no Prometheus is named: {assumed} is assumed (--prometheus)");
            self.note("metrics", what);
            assumed
        });
        let mut prometheus = Map::from_iter([("address".to_owned(), address.into())]);
        if let Some(headers) = server.headers {
            prometheus.insert("headers".to_owned(), headers);
        }
        self.spec.insert("metrics".to_owned(), json!({"prometheus": prometheus}));
        self.spec.insert("gates".to_owned(), gates.json());
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
