//! Input that nobody sane would send.

use proptest::prelude::*;
use serde_json::json;
use serin_document::{Compiled, Environment, PathPrefix, parse, plugin};

use crate::support::{Headers, compiled, document, rollout};

fn full_document() -> String {
    document(
        7,
        &[
            rollout(json!({
                "hosts": ["shop.example.com", "*.example.com", "*"], "paths": ["/a", "/b/c"],
                "bareHosts": {"shop": ["web"]}, "identity": [{"header": "h"}, {"cookie": "c"}, {"query": "q"},
                    {"jwt": {"claim": ["a", "b"], "header": "j"}}, {"jwt": {"claim": "c", "metadata": "m"}},
                    {"baggage": "b"}, {"address": {"ipv4": 24}},
                    {"generated": {"cookie": "g", "domain": "example.com", "sameSite": "strict"}}],
                "testers": [{"query": "t"}], "anonymous": "random", "incoming": "keep",
                "count": false, "mark": "x-m", "cohortHeader": "x-c", "latencyBounds": ["250ms", "1s"], "tripwire": {"alpha": "0.001", "slow": "2s"},
                "clusters": {"stable": ["s"], "canary": ["c"]}, "requires": ["x"],
            })),
            rollout(json!({"name": "b", "hosts": ["b.example.com"]})),
        ],
    )
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let document = parse(&bytes);
        let config = plugin::parse(&bytes);
        prop_assert!(document.is_err());
        prop_assert!(config.is_err());
    }

    #[test]
    fn a_mutated_document_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = full_document().into_bytes();
        for (place, byte, how) in changes {
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => { bytes.remove(place); }
            }
        }
        let _ = plugin::parse(&bytes);
        if let Ok(parsed) = parse(&bytes) {
            let compiled = Compiled::compile(parsed, None, &Environment::default());
            compiled.decide(&Headers::shop(&[("h", "alice")]));
        }
    }

    #[test]
    fn arbitrary_headers_are_decided_without_a_panic(
        headers in prop::collection::vec(
            (
                prop::sample::select(vec![":authority", ":path", "cookie", "h", "x-m", "x-request-id"]),
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..40),
                    "[a.:%=;&?/#*+ 0-9\\[\\]]{0,30}".prop_map(String::into_bytes),
                ],
            ),
            0..8,
        ),
    ) {
        let mut text = full_document();
        text = text.replace("\"requires\":[\"x\"],", "");
        let compiled = Compiled::compile(parse(text.as_bytes()).unwrap(), None, &Environment::default());
        prop_assert_eq!(compiled.left_out(), []);
        let request = headers.into_iter().fold(Headers::default(), |all, (name, value)| all.with(name, &value));
        compiled.decide(&request);
    }
}

#[test]
fn the_full_document_is_whole() {
    let text = full_document();
    assert!(text.contains("\"requires\":[\"x\"],"), "{text}");
    let compiled =
        Compiled::compile(parse(text.as_bytes()).unwrap(), None, &Environment::default());
    assert_eq!((compiled.rollouts().len(), compiled.left_out()), (2, &[][..]));
}

#[test]
fn an_error_is_one_short_line_whatever_the_keys_are() {
    let key = "a\nb".repeat(100_000);
    let change = rollout(json!({&key: "\n".repeat(1000), "name": "c"}));
    let namespace = rollout(json!({"bareHosts": {&key: ["\u{7f}\n"]}}));
    let parsed = parse(document(1, &[change, namespace]).as_bytes()).unwrap();
    assert_eq!(parsed.left_out.len(), 2);
    for left_out in parsed.left_out {
        let text = left_out.to_string();
        assert!(text.chars().count() < 600 && !text.contains('\n'), "{text}");
    }
}

#[test]
fn long_hosts_and_paths_are_decided_too() {
    let paths = json!(["/", format!("/{}", "a/".repeat(PathPrefix::MAX_LEN / 2 - 2) + "a")]);
    let compiled = compiled(json!({"hosts": ["*.example.com"], "paths": paths}));
    let long_host = "a.".repeat(30_000) + "example.com";
    let long_path = "/a".repeat(30_000);
    let nowhere = "a.".repeat(30_000);
    let started = std::time::Instant::now();
    assert!(compiled.decide(&Headers::new(&long_host, &long_path, &[])).first.rollout.is_some());
    assert!(compiled.decide(&Headers::new(&nowhere, &long_path, &[])).first.rollout.is_none());
    // Milliseconds, as only so much is looked at as the known names are long; minutes if every
    // label and segment were looked up with all that follows.
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn thousands_of_rollouts_are_read_and_found() {
    let rollouts: Vec<_> = (0..5_000)
        .map(|i| {
            rollout(json!({"name": format!("shop/r{i}"), "hosts": [format!("r{i}.example.com")]}))
        })
        .collect();
    let parsed = parse(document(1, &rollouts).as_bytes()).unwrap();
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    // Two of so many names may share a metric id, and the later one is left out then.
    assert_eq!(compiled.rollouts().len() + compiled.left_out().len(), 5_000);
    assert!(compiled.left_out().len() < 5);
    let found =
        compiled.decide(&Headers::new("r4321.example.com", "/", &[])).first.rollout.unwrap();
    assert_eq!(found.rollout.name().as_str(), "shop/r4321");
}
