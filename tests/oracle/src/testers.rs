//! What testers ask for, by words and by signed tokens, and what is remembered of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{list, text};
use crate::identity::value;
use crate::tokens::open;
use crate::{Key, Request, SetCookie};

/// How many tokens were refused, by reason.
pub(crate) type Refused = BTreeMap<&'static str, usize>;

/// What the places say.
#[derive(Default)]
pub(crate) struct Said {
    /// The side that a tester asks for.
    pub(crate) side: Option<&'static str>,
    /// The tokens that were refused on the way to it.
    pub(crate) refused: Refused,
    /// What the response sets, so that it is remembered or forgotten.
    pub(crate) set_cookies: Vec<SetCookie>,
}

/// Asks the places in their order, then what is remembered.
pub(crate) fn asked(rollout: &Value, keys: &[Key], request: &Request) -> Said {
    let testers = list(rollout, "testers");
    let side_of = |tester: &Value, word: &[u8]| {
        let Some(signed) = tester.get("signed") else { return Ok(side(word)) };
        if word.is_empty() {
            return Ok(None);
        }
        let audience = text(signed, "audience", "");
        open(word, keys, text(rollout, "name", ""), audience, request.now).map(Some)
    };
    let mut remembering: Vec<(&Value, &str)> = Vec::new();
    for tester in testers {
        let cookie = tester.get("remember").and_then(Value::as_str);
        if let Some(cookie) = cookie.filter(|it| remembering.iter().all(|(_, had)| had != it)) {
            remembering.push((tester, cookie));
        }
    }
    let mut said = Said::default();
    for tester in testers {
        let word = value(tester, request).unwrap_or_default();
        let cookie = tester.get("remember").and_then(Value::as_str);
        // Nothing is remembered then, and nothing else is said.
        if cookie.is_some() && word == b"forget" {
            let kept = remembering.iter().filter(|(_, cookie)| request.cookie(cookie).is_some());
            said.set_cookies.extend(kept.map(|(_, cookie)| SetCookie::forgetting(cookie, request)));
            return said;
        }
        match side_of(tester, &word) {
            Ok(None) => {}
            Ok(side) => {
                let new = cookie.filter(|name| request.cookie(name).as_ref() != Some(&word));
                said.set_cookies.extend(new.map(|name| {
                    SetCookie::remembering(name, &String::from_utf8_lossy(&word), request)
                }));
                return Said { side, ..said };
            }
            Err(reason) => *said.refused.entry(reason).or_default() += 1,
        }
    }
    for (tester, cookie) in remembering {
        match side_of(tester, &request.cookie(cookie).unwrap_or_default()) {
            Ok(None) => {}
            Ok(side) => return Said { side, ..said },
            Err(reason) => {
                *said.refused.entry(reason).or_default() += 1;
                if reason == "expired" {
                    said.set_cookies.push(SetCookie::forgetting(cookie, request));
                }
            }
        }
    }
    said
}

pub(crate) fn side(word: &[u8]) -> Option<&'static str> {
    ["canary", "stable"].into_iter().find(|side| side.as_bytes() == word)
}
