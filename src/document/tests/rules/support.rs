//! Requests and documents for the tests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use serin_assignment::{Salt, Weight, assign};
use serin_document::{Compiled, Environment, LeftOut, Parsed, Request, parse};

/// A request as a list of headers, the first of a name counts, as it does in Envoy; and what the
/// proxy would answer about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub(crate) sent: Vec<(String, Vec<u8>)>,
    /// By the parts of their paths with a zero byte between them.
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    pub(crate) random: [u8; 16],
    pub(crate) now: Duration,
}

impl Headers {
    /// A request for `host` and `path` with more headers.
    pub(crate) fn new(host: &str, path: &str, more: &[(&str, &str)]) -> Self {
        let own = [(":authority", host), (":path", path)];
        let all = own.iter().chain(more);
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Self { sent: all.map(own).collect(), ..Self::default() }
    }

    /// A request for the rollout of [`rollout`].
    pub(crate) fn shop(more: &[(&str, &str)]) -> Self {
        Self::new("shop.example.com", "/", more)
    }

    pub(crate) fn with(mut self, name: &str, value: &[u8]) -> Self {
        self.sent.push((name.to_owned(), value.to_vec()));
        self
    }
}

impl Request for Headers {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.sent.iter().find(|(own, _)| own == name).map(|(_, value)| Cow::Borrowed(&**value))
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        self.properties.get(path).cloned()
    }

    fn random(&self) -> [u8; 16] {
        self.random
    }

    fn now(&self) -> Duration {
        self.now
    }
}

/// A rollout's wire form with the fields of `changes` in place of the usual ones; null takes a
/// field away.
pub(crate) fn rollout(changes: Value) -> Value {
    let mut rollout = json!({
        "name": "shop/checkout", "revision": 7, "hosts": ["shop.example.com"],
        "salt": "checkout-2026-11", "weight": "10%", "canaryServes": true,
        "identity": [{"header": "x-user-id"}],
    });
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (field, value) in changes {
        if value.is_null() {
            rollout.as_object_mut().unwrap().remove(&field);
        } else {
            rollout[field] = value;
        }
    }
    rollout
}

/// A document's wire form.
pub(crate) fn document(revision: u64, rollouts: &[Value]) -> String {
    json!({"formatVersion": "1.0", "revision": revision, "rollouts": rollouts}).to_string()
}

/// Parses a document that must be accepted.
pub(crate) fn parsed(rollouts: &[Value]) -> Parsed {
    parse(document(7, rollouts).as_bytes()).unwrap()
}

/// Compiles one rollout that must hold.
pub(crate) fn compiled(changes: Value) -> Compiled {
    let compiled = Compiled::compile(parsed(&[rollout(changes)]), None, &Environment::default());
    assert_eq!(compiled.left_out(), [], "the rollout holds");
    compiled
}

/// The names of the rollouts in force.
pub(crate) fn names(compiled: &Compiled) -> Vec<&str> {
    compiled.rollouts().iter().map(|rollout| rollout.name().as_str()).collect()
}

/// The one rollout that was left out.
pub(crate) fn only(left_out: &[LeftOut]) -> &LeftOut {
    let [one] = left_out else { panic!("one left out, not {left_out:?}") };
    one
}

/// The bucket of an id under the salt of [`rollout`].
pub(crate) fn bucket(id: &[u8]) -> u16 {
    assign(&Salt::new("checkout-2026-11").unwrap(), id).bucket.get()
}

/// The weight that is just too small for a bucket, and the one that just takes it in.
pub(crate) fn weights_around(bucket: u16) -> (String, String) {
    let print = |points| Weight::from_basis_points(points).unwrap().to_string();
    (print(bucket), print(bucket + 1))
}
