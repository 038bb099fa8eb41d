//! What testers ask for, by words and by signed tokens, and what is remembered of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{list, text};
use crate::identity::value;
use crate::tokens::open;
use crate::{Key, Request};

/// How many tokens were refused, by reason.
pub(crate) type Refused = BTreeMap<&'static str, usize>;

/// The side that a tester asks for, and the tokens that were refused on the way to it.
pub(crate) fn asked(
    rollout: &Value,
    keys: &[Key],
    request: &Request,
) -> (Option<&'static str>, Refused) {
    let testers = list(rollout, "testers");
    let mut refused = Refused::new();
    let mut side_of = |tester: &Value, word: &[u8]| {
        let Some(signed) = tester.get("signed") else { return side(word) };
        if word.is_empty() {
            return None;
        }
        let audience = text(signed, "audience", "");
        match open(word, keys, text(rollout, "name", ""), audience, request.now) {
            Ok(side) => Some(side),
            Err(reason) => {
                *refused.entry(reason).or_default() += 1;
                None
            }
        }
    };
    for tester in testers {
        let word = value(tester, request).unwrap_or_default();
        // Nothing is remembered then, and nothing else is said.
        if tester.get("remember").is_some() && word == b"forget" {
            return (None, refused);
        }
        if let Some(side) = side_of(tester, &word) {
            return (Some(side), refused);
        }
    }
    let mut looked_at: Vec<&str> = Vec::new();
    for tester in testers {
        let Some(cookie) = tester.get("remember").and_then(Value::as_str) else { continue };
        if looked_at.contains(&cookie) {
            continue;
        }
        looked_at.push(cookie);
        if let Some(side) = side_of(tester, &request.cookie(cookie).unwrap_or_default()) {
            return (Some(side), refused);
        }
    }
    (None, refused)
}

pub(crate) fn side(word: &[u8]) -> Option<&'static str> {
    ["canary", "stable"].into_iter().find(|side| side.as_bytes() == word)
}
