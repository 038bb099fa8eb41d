//! The lookup against a second, slow and obvious one.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_document::{Compiled, Environment};

use crate::support::{Headers, parsed, rollout};

/// The host patterns and prefixes of rollouts in force, and which of them takes a request.
struct Slow(Vec<(Vec<String>, Vec<String>)>);

impl Slow {
    fn find(&self, authority: &str, path: &str) -> Option<usize> {
        let lower = authority.to_ascii_lowercase();
        let host = match lower.rsplit_once(':') {
            Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
            _ => &lower,
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        let takes_host = |pattern: &str| match pattern.strip_prefix('*') {
            Some(suffix) => {
                host.ends_with(suffix) && (suffix.is_empty() || host.len() > suffix.len())
            }
            None => host == pattern,
        };
        let exactness = |pattern: &str| (!pattern.starts_with('*'), pattern.len());
        let all_hosts = self.0.iter().flat_map(|(hosts, _)| hosts);
        let best_host = all_hosts.filter(|h| takes_host(h)).max_by_key(|h| exactness(h))?;

        let path = path.split(['?', '#']).next().unwrap_or_default();
        let takes_path = |prefix: &str| {
            let segments = prefix.strip_suffix('/').unwrap_or(prefix);
            (path == segments && prefix != "/") || path.starts_with(&format!("{segments}/"))
        };
        let candidates =
            self.0.iter().enumerate().filter(|(_, (hosts, _))| hosts.contains(best_host));
        candidates
            .flat_map(|(index, (_, paths))| paths.iter().map(move |prefix| (index, prefix)))
            .filter(|(_, prefix)| takes_path(prefix))
            .max_by_key(|(_, prefix)| prefix.len())
            .map(|(index, _)| index)
    }
}

/// Few labels and segments, so that rollouts and requests meet.
fn host() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "com"]), 1..4)
        .prop_map(|l| l.join("."))
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![4 => host(), 3 => host().prop_map(|h| format!("*.{h}")), 1 => Just("*".to_owned())]
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["x", "y", "xy", "z"]), 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn authority() -> impl Strategy<Value = String> {
    let ends = prop::sample::select(vec!["", ".", ":80", ".:80", ":", "..", ":x"]);
    let starts = prop::sample::select(vec!["", "", "", ".", "A.", "B."]);
    (starts, host(), ends).prop_map(|(start, host, end)| format!("{start}{host}{end}"))
}

fn target() -> impl Strategy<Value = String> {
    let ends = prop::sample::select(vec!["", "/", "?user=/x", "#x", "//", "/?x#y", "x"]);
    prop_oneof![9 => (path(), ends).prop_map(|(p, e)| p + e), 1 => Just("*".to_owned()), 1 => Just(String::new())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_quick_lookup_finds_what_the_slow_one_does(
        claims in prop::collection::vec(
            (prop::collection::vec(pattern(), 1..4), prop::collection::vec(path(), 1..4)),
            0..12,
        ),
        requests in prop::collection::vec((authority(), target()), 1..40),
    ) {
        let wire: Vec<Value> = claims
            .iter()
            .enumerate()
            .map(|(i, (hosts, paths))| rollout(json!({"name": format!("r{i}"), "hosts": hosts, "paths": paths})))
            .collect();
        let compiled = Compiled::compile(parsed(&wire), None, &Environment::default());
        let held = compiled.rollouts().iter().map(|r| {
            let r = r.rollout();
            let hosts = r.hosts.iter().map(ToString::to_string).collect();
            (hosts, r.paths.iter().map(ToString::to_string).collect())
        });
        let slow = Slow(held.collect());
        for (authority, target) in requests {
            let found = compiled.decide(&Headers::new(&authority, &target, &[])).first.rollout;
            let expected = slow.find(&authority, &target);
            prop_assert_eq!(found.map(|f| f.index), expected, "{} {}", authority, target);
        }
    }
}

#[test]
fn hosts_and_paths_are_found_by_the_stated_rules() {
    let claim = |name: &str, host: &str, path: &str| {
        rollout(json!({"name": name, "hosts": [host], "paths": [path]}))
    };
    let rollouts = [
        claim("exact", "shop.example.com", "/"),
        claim("exact-cart", "shop.example.com", "/cart"),
        claim("only-cart", "cart.example.com", "/cart"),
        claim("wild", "*.example.com", "/"),
        claim("wilder", "*.com", "/"),
        claim("long", "*.eu.example.com", "/"),
    ];
    let compiled = Compiled::compile(parsed(&rollouts), None, &Environment::default());
    for (authority, path, name) in [
        ("shop.example.com", "/", Some("exact")),
        ("SHOP.example.com.:8080", "/", Some("exact")),
        ("shop.example.com", "/cart", Some("exact-cart")),
        ("shop.example.com", "/cart/", Some("exact-cart")),
        ("shop.example.com", "/cart?x=1", Some("exact-cart")),
        ("shop.example.com", "/cart#x", Some("exact-cart")),
        ("shop.example.com", "/carts", Some("exact")),
        ("shop.example.com", "/Cart", Some("exact")),
        ("shop.example.com", "/a?x=/cart", Some("exact")),
        ("shop.example.com", "*", None),
        ("shop.example.com", "", None),
        ("cart.example.com", "/cart", Some("only-cart")),
        ("cart.example.com", "/", None),
        ("a.example.com", "/cart", Some("wild")),
        ("a.b.example.com", "/", Some("wild")),
        ("a.eu.example.com", "/", Some("long")),
        ("eu.example.com", "/", Some("wild")),
        ("example.com", "/", Some("wilder")),
        (".com", "/", None),
        ("com", "/", None),
        ("shop.example.org", "/", None),
        ("", "/", None),
    ] {
        let found = compiled.decide(&Headers::new(authority, path, &[])).first.rollout;
        assert_eq!(found.map(|f| f.rollout.name().as_str()), name, "{authority} {path}");
    }
}

#[test]
fn a_star_takes_requests_without_a_host_too() {
    let any = crate::support::compiled(json!({"hosts": ["*"]}));
    for authority in ["", "a", "a.b:1", "\u{fc}"] {
        assert!(
            any.decide(&Headers::new(authority, "/", &[])).first.rollout.is_some(),
            "{authority}"
        );
    }
    let without = Headers::default().with(":path", b"/");
    assert!(any.decide(&without).first.rollout.is_some());
}
