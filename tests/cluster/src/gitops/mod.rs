//! What keeps a shop as Git has it: Argo CD and Flux, with README's recipes or without.

mod argo;
mod flux;
mod git;
mod parts;
mod recipe;

use std::future::Future;

use anyhow::Result;
use serde_json::Value;

use crate::namespace::Namespace;

pub use argo::Argo;
pub use flux::Flux;
pub use git::Git;

/// A tool that makes a namespace what Git has, again and again.
pub trait Tool: Sized {
    /// What README says to add to the tool's own object, in the names of the tests' shop.
    ///
    /// # Errors
    /// Where README has it no more.
    fn recipe() -> Result<Value>;

    /// Starts it with its object, to which this is added, and waits until all of `git` is applied.
    ///
    /// # Errors
    /// Where it does not start, or does not apply it in time.
    fn start(
        namespace: &Namespace,
        git: &Git,
        added: &Value,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// Puts this into Git, and waits until it is applied.
    ///
    /// # Errors
    /// Where it is not in time.
    fn commit(&self, git: &Git) -> impl Future<Output = Result<()>> + Send;
}

/// Adds fields to an object, and to the objects in it; anything else is replaced.
fn add(object: &mut Value, added: &Value) {
    let (Value::Object(fields), Value::Object(added)) = (&mut *object, added) else {
        *object = added.clone();
        return;
    };
    for (name, value) in added {
        add(fields.entry(name.clone()).or_insert(Value::Null), value);
    }
}
