//! What is sent upstream, and what the response is to set, is what a second implementation says, which
//! was written from README alone.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_document::KeyId;
use serin_document::token::TesterKey;
use serin_oracle::{Key, Proxy as OracleProxy, SetCookie, cases};

use std::rc::Rc;

use crate::fake::{FakeRequest, FakeResponse, Proxy as FakeProxy};
use crate::plugin::Plugin;
use crate::stream;
use crate::vm::Vm;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_headers_of_request_and_response_are_those_of_the_oracle(
        document in cases::document(),
        proxy in cases::proxy(),
        requests in prop::collection::vec(cases::request(), 1..6),
    ) {
        let world = FakeProxy::new();
        let host = world.vm();
        if let Some(namespace) = &proxy.namespace {
            world.set_property("xds.node.metadata.NAMESPACE", namespace);
        }
        let mut configuration = document.clone();
        for (field, value) in [("incoming", proxy.incoming), ("mark", proxy.mark)] {
            if let Some(value) = value {
                configuration[field] = value.into();
            }
        }
        if !proxy.keys.is_empty() {
            configuration["testerKeys"] = keys(&proxy);
        }
        let vm = Rc::new(Vm::new(&host));
        let mut plugin = Plugin::new(Rc::clone(&vm), 1);
        prop_assert!(plugin.configure(&host, configuration.to_string().as_bytes()));
        for request in requests {
            let headers: Vec<(&str, &[u8])> =
                request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            let mut sent = FakeRequest::exactly(&headers);
            sent.properties.clone_from(&request.properties);
            sent.random = request.random;
            sent.time_of_day = request.now;
            let marked = stream::mark(&sent, plugin.serving(), vm.counts());
            let response = FakeResponse::default();
            stream::respond(&response, &marked.set_cookies);
            let added = response.added().into_iter().map(|line| {
                line.strip_prefix("set-cookie: ").map(SetCookie::read).ok_or(line)
            });
            let expected = serin_oracle::decide(&document, &proxy, &request);
            prop_assert_eq!(sorted(sent.headers()), sorted(expected.headers), "{:?}", request);
            let mut set_cookies: Vec<_> = added.collect::<Result<_, _>>().unwrap();
            set_cookies.sort();
            let expected: Vec<_> = expected.set_cookies.into_iter().collect();
            prop_assert_eq!(set_cookies, expected, "{:?}", request);
        }
    }
}

/// The keys as a plugin's configuration has them.
fn keys(proxy: &OracleProxy) -> Value {
    let entry = |key: &Key| {
        let key = TesterKey::new(KeyId::new(&key.id).unwrap(), &key.secret).unwrap();
        json!({"id": key.id(), "key": key.secret_base64()})
    };
    proxy.keys.iter().map(entry).collect()
}

fn sorted(mut headers: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    headers.sort();
    headers
}
