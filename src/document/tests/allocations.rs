//! What a decision takes of the heap: nothing on the ordinary path, and nothing for rules that look
//! at headers, cookies and the path.
#![cfg(test)]
#![expect(unsafe_code, reason = "an allocator that counts can be written in no other way")]

use core::cell::Cell;
use core::time::Duration;
use std::alloc::{GlobalAlloc, Layout, System};
use std::borrow::Cow;

use serde_json::{Value, json};
use serin_assignment::Salt;
use serin_document::{Compiled, Environment, Reason, Request, UserHash, parse};

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what this thread takes.
struct Counting;

// SAFETY: each call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.set(TAKEN.get() + 1);
        // SAFETY: the caller keeps the rules for this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the rules for this very call.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Get(&'static [(&'static str, &'static str)]);

impl Request for Get {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let found = self.0.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| Cow::Borrowed(value.as_bytes()))
    }

    fn property(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn random(&self) -> [u8; 16] {
        [0; 16]
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

const REQUEST: Get = Get(&[
    (":authority", "shop.example.com"),
    (":path", "/cart?plan=small"),
    ("x-user-id", "alice"),
    ("x-region", "eu"),
    ("cookie", "a=1; uid=bob; employee=no"),
]);

fn compiled(rollouts: &[Value]) -> Compiled {
    let json = json!({"formatVersion": "1.0", "revision": 1, "rollouts": rollouts}).to_string();
    let parsed = parse(json.as_bytes()).unwrap();
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    assert_eq!(compiled.left_out(), []);
    compiled
}

fn rollout(name: &str, more: &Value) -> Value {
    let mut rollout = json!({
        "name": name, "revision": 1, "hosts": ["shop.example.com"], "salt": "s", "weight": "50%",
        "canaryServes": true, "identity": [{"header": "x-user-id"}, {"cookie": "uid"}],
    });
    rollout.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rollout
}

/// What one decision takes, and its first reason.
fn taken(compiled: &Compiled) -> (usize, Reason) {
    let before = TAKEN.get();
    let reason = compiled.decide(&REQUEST).first.reason;
    (TAKEN.get() - before, reason)
}

#[test]
fn a_plain_rollout_takes_nothing() {
    assert_eq!(taken(&compiled(&[rollout("a", &json!({}))])), (0, Reason::Hash));
    let elsewhere = compiled(&[rollout("a", &json!({"hosts": ["other.example.com"]}))]);
    assert_eq!(taken(&elsewhere), (0, Reason::NoRollout));
}

#[test]
fn rules_take_nothing() {
    let listed = UserHash::of(&Salt::new("team").unwrap(), b"carol").to_string();
    let all = json!({
        "exclude": [
            {"path": {"prefix": "/health"}},
            {"header": "user-agent", "prefix": "kube-probe/"},
            {"query": "plan", "is": "large"},
        ],
        "eligible": {"any": [
            {"not": {"header": "x-region", "present": true}},
            {"all": [{"header": "x-region", "oneOf": ["us", "eu"]}, {"cookie": "a", "suffix": "1"}]},
        ]},
        "users": {"salt": "team", "canary": [listed]},
        "segments": [{"name": "s", "when": {"cookie": "employee", "is": "yes"}, "variant": "canary"}],
    });
    assert_eq!(taken(&compiled(&[rollout("a", &all)])), (0, Reason::Hash));
}

#[test]
fn a_second_rollout_takes_one_list() {
    let part = |name: &str, buckets: Value| {
        rollout(name, &json!({"mark": format!("x-{name}"), "buckets": buckets, "weight": "1%"}))
    };
    let shared = compiled(&[part("a", json!(["0%", "50%"])), part("b", json!(["50%", "100%"]))]);
    assert_eq!(taken(&shared).0, 1);
}
