//! Decisions are those of a second implementation, which was written from README alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use serin_document::token::TesterKey;
use serin_document::{
    Compiled, Environment, KeyId, MarkName, Overrides, Refusals, Request, TesterKeys, parse,
};
use serin_oracle::{Decision, Proxy, SetCookie, cases};

/// The oracle's request, as the filter asks it.
struct Asked<'a>(&'a serin_oracle::Request);

impl Request for Asked<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.header(name).map(Cow::Owned)
    }

    fn property(&self, path: &str) -> Option<Vec<u8>> {
        self.0.properties.get(&path.replace('\0', ".")).cloned()
    }

    fn random(&self) -> [u8; 16] {
        self.0.random
    }

    fn now(&self) -> Duration {
        self.0.now
    }
}

fn compiled(document: &Value, proxy: &Proxy) -> Compiled {
    let parsed = parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(parsed.left_out, []);
    let overrides = Overrides {
        incoming: proxy.incoming.map(|text| text.parse().unwrap()),
        count: None,
        mark: proxy.mark.map(|name| MarkName::new(name).unwrap()),
        filter_state: false,
    };
    let env = Environment { namespace: proxy.namespace.clone(), overrides, keys: keys(proxy) };
    Compiled::compile(parsed, None, &env)
}

fn keys(proxy: &Proxy) -> TesterKeys {
    let key = |key: &serin_oracle::Key| {
        TesterKey::new(KeyId::new(&key.id).unwrap(), &key.secret).unwrap()
    };
    let entry = |key: TesterKey| serde_json::json!({"id": key.id(), "key": key.secret_base64()});
    let all: Vec<Value> = proxy.keys.iter().map(key).map(entry).collect();
    if all.is_empty() {
        return TesterKeys::default();
    }
    TesterKeys::read(Value::Array(all).to_string().as_bytes(), "keys").unwrap()
}

fn refused(refused: Refusals) -> BTreeMap<&'static str, usize> {
    refused.iter().map(|(reason, count)| (reason.as_str(), usize::from(count))).collect()
}

/// What was decided and what the response is to set, in the oracle's words.
fn decided(
    compiled: &Compiled,
    request: &serin_oracle::Request,
) -> (Vec<Decision>, BTreeSet<SetCookie>) {
    let decisions = compiled.decide(&Asked(request));
    let told = decisions.iter().map(|decision| Decision {
        rollout: decision.rollout.map(|found| found.rollout.name().to_string()),
        side: decision.variant.map(serin_assignment::Variant::as_str),
        reason: decision.reason.as_str(),
        cohort: decision.cohort.map(|cohort| u32::from(cohort.get())),
        evidence: decision.is_evidence(),
        refused: refused(decision.refused),
    });
    let told = told.collect();
    let set_cookies: BTreeSet<_> =
        decisions.set_cookies.iter().map(|header| SetCookie::read(header)).collect();
    assert_eq!(set_cookies.len(), decisions.set_cookies.len(), "one is set twice: {decisions:?}");
    (told, set_cookies)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn decisions_are_those_of_the_oracle(
        document in cases::document(),
        proxy in cases::proxy(),
        requests in prop::collection::vec(cases::request(), 1..6),
    ) {
        let compiled = compiled(&document, &proxy);
        for request in requests {
            let expected = serin_oracle::decide(&document, &proxy, &request);
            let expected = (expected.decisions, expected.set_cookies);
            prop_assert_eq!(decided(&compiled, &request), expected, "{:?}", request);
        }
    }
}
