//! Documents that both implementations have, and what is compared of their decisions.

use std::collections::BTreeSet;

use serde_json::Value;
use serin_document::{Compiled, Environment, TesterKeys};
use serin_oracle::{Decision, Key, Proxy, Request, SetCookie};

use crate::documents;
use crate::proxy::Lab;
use crate::requests::Asked;

thread_local! {
    static FULL: Known = Known::new(documents::FULL, None);
    static SIGNED: Known = Known::new(documents::SIGNED, Some(documents::KEYS));
}

/// Decides about a request by the document that reaches every rule, twice: decisions, headers and
/// cookies are the oracle's.
pub(crate) fn compare(request: &Request) {
    FULL.with(|known| known.compare(request));
}

/// The same by the document whose testers show tokens.
pub(crate) fn compare_signed(request: &Request) {
    SIGNED.with(|known| known.compare(request));
}

/// The key of the tokens, as the oracle has it.
pub(crate) fn key() -> Key {
    Key { id: documents::KEY_ID.to_owned(), secret: documents::SECRET.to_vec() }
}

/// A document, read by each of the two, and in force at a proxy.
struct Known {
    document: Value,
    proxy: Proxy,
    compiled: Compiled,
    lab: Lab,
}

impl Known {
    fn new(document: &str, keys: Option<&str>) -> Self {
        let env = Environment {
            keys: keys.map_or_else(TesterKeys::default, |keys| {
                TesterKeys::read(keys.as_bytes(), "keys").unwrap_or_else(|fault| panic!("{fault}"))
            }),
            ..Environment::default()
        };
        let parsed = serin_document::parse(document.as_bytes());
        let parsed = parsed.unwrap_or_else(|refused| panic!("{refused}"));
        let compiled = Compiled::compile(parsed, None, &env);
        assert_eq!(compiled.left_out(), []);
        let configuration = match (keys, document.strip_prefix('{')) {
            (Some(keys), Some(rest)) => format!("{{\"testerKeys\": {keys}, {rest}"),
            _ => document.to_owned(),
        };
        let proxy = Proxy { keys: keys.map(|_| key()).into_iter().collect(), ..Proxy::default() };
        let document = serde_json::from_str(document).unwrap_or_else(|error| panic!("{error}"));
        Self { document, proxy, compiled, lab: Lab::with(&configuration) }
    }

    fn compare(&self, request: &Request) {
        let expected = serin_oracle::decide(&self.document, &self.proxy, request);
        let decisions = self.compiled.decide(&Asked(request));
        let told = decisions.iter().map(|decision| Decision {
            rollout: decision.rollout.map(|found| found.rollout.name().to_string()),
            side: decision.variant.map(serin_assignment::Variant::as_str),
            reason: decision.reason.as_str(),
            cohort: decision.cohort.map(|cohort| u32::from(cohort.get())),
            evidence: decision.is_evidence(),
            refused: {
                let refused = decision.refused.iter();
                refused.map(|(why, count)| (why.as_str(), count.into())).collect()
            },
        });
        assert_eq!(told.collect::<Vec<_>>(), expected.decisions, "{request:?}");

        let passed = self.lab.mark(request);
        let mut written = passed.headers;
        let mut headers = expected.headers;
        written.sort();
        headers.sort();
        assert_eq!(written, headers, "{request:?}");
        let set = passed.set_cookies.iter().map(|header| SetCookie::read(header));
        assert_eq!(set.collect::<BTreeSet<_>>(), expected.set_cookies, "{request:?}");
        assert_eq!(passed.set_cookies.len(), expected.set_cookies.len(), "one is set twice");
    }
}
