//! Arbitrary bytes from everybody who can send any: nothing panics.

use proptest::prelude::*;

use super::{Lab, SOURCE, document};
use crate::fake::FakeRequest;
use crate::host::Answer;
use crate::plugin::Plugin;

fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..longest)
}

/// A document or configuration with some of its bytes replaced.
fn spoilt(json: String) -> impl Strategy<Value = Vec<u8>> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    places.prop_map(move |places| {
        let mut bytes = json.clone().into_bytes();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn as_configuration(config in prop_oneof![bytes(300), spoilt(SOURCE.to_owned()), spoilt(document(5, "5%"))]) {
        let mut lab = Lab::new(1, SOURCE);
        let worker = &mut lab.workers[0];
        let mut plugin = Plugin::new(worker.vm.clone(), 2);
        let accepted = plugin.configure(&worker.host, &config);
        let again = Plugin::new(worker.vm.clone(), 3).configure(&worker.host, &config);
        prop_assert_eq!(accepted, again);
        plugin.tick(&worker.host);
        lab.tick();
    }

    #[test]
    fn as_answer(
        status in prop_oneof![Just(None), Just(Some(b"200".to_vec())), Just(Some(b"304".to_vec())), bytes(5).prop_map(Some)],
        etag in proptest::option::of(bytes(300)),
        body in prop_oneof![bytes(300), spoilt(document(6, "5%"))],
        body_size in prop_oneof![Just(None), any::<usize>().prop_map(Some)],
    ) {
        let mut lab = Lab::new(2, SOURCE);
        lab.publish(5, "100%");
        let call = lab.next_call();
        lab.proxy.set_body(&body);
        let answer = Answer { status, etag, body_size: body_size.unwrap_or(body.len()) };
        let worker = &mut lab.workers[call.vm];
        worker.plugin.answered(&worker.host, call.token, &answer);
        lab.run(super::TICK * 12);
        prop_assert_eq!(lab.marks("alice").len(), 2);
    }

    #[test]
    fn as_shared_data(value in bytes(100)) {
        let mut lab = Lab::new(2, SOURCE);
        lab.publish(5, "100%");
        lab.run(super::TICK * 3);
        for key in lab.proxy.keys() {
            lab.proxy.spoil(&key, &value);
        }
        lab.run(super::TICK * 12);
        prop_assert_eq!(lab.marks("alice").concat(), ["canary"; 2]);
    }

    #[test]
    fn as_request(authority in bytes(40), path in bytes(80), id in bytes(300), mark in bytes(20), cookie in bytes(80)) {
        let mut lab = Lab::new(1, SOURCE);
        let more = r#", "paths": ["/", "/a/b"], "testers": [{"query": "t"}, {"cookie": "t"}], "anonymous": "random""#;
        let all = super::rollout("shop", 5, "50%", more).replace("shop.test", "*");
        lab.publish_json(5, &super::document_of(5, &[&all]));
        let request = FakeRequest::new(&[
            (":authority", &authority), (":path", &path), ("x-user-id", &id),
            ("x-request-id", &id), ("x-serin-variant", &mark), ("cookie", &cookie),
        ]);
        lab.workers[0].mark_request(&request);
        let marks = request.values("x-serin-variant");
        prop_assert!(marks.is_empty() || marks == ["canary"] || marks == ["stable"], "{marks:?}");
    }
}
