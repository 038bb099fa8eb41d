//! What is stored in the objects, for people who look at a replica that does not run them.

use super::cache::Objects;
use super::kept::Kept;
use super::kinds::Key;
use crate::server::{Entry, Stored};
use crate::status::Status;
use crate::status::kubernetes::ObjectStatus;

/// The objects of the cluster, as the API server last told of them.
#[derive(Debug)]
pub(super) struct FromObjects(pub(super) Objects);

impl Stored for FromObjects {
    fn all(&self) -> Vec<Entry> {
        self.0.all().iter().map(|object| entry(object)).collect()
    }

    fn status(&self, namespace: &str, name: &str) -> Option<Status> {
        let key = Key { namespace: namespace.to_owned(), name: name.to_owned() };
        // A new object has none, and one of another version may be of another shape.
        let status = self.0.kept(&key)?.status().unwrap_or_default();
        let status: ObjectStatus = serde_json::from_value(status).unwrap_or_default();
        Some(status.shown(namespace, name))
    }
}

fn entry(object: &Kept) -> Entry {
    let Key { namespace, name } = object.key().clone();
    let version = object.version().unwrap_or_default().to_owned();
    Entry { namespace, name, version }
}
