//! What decides before the hash does, and the release's part of the users.

use serin_assignment::{Variant, Weight};
use serin_document::{Compiled, Document, Environment};

use super::*;

/// Puts fields into the release's assignment.
fn with(fields: &str) -> String {
    SHOP.replace("  assignment:\n", &format!("  assignment:\n{fields}"))
}

fn traffic(weight: &str) -> Traffic {
    Traffic::new(weight.parse().unwrap(), true, 7)
}

#[test]
fn rules_reach_the_document_with_what_they_require() {
    let text = with(
        "    exclude:
      - {path: {oneOf: [/healthz, /readyz]}}
      - {header: user-agent, prefix: kube-probe/}
    eligible: {not: {header: x-region, is: asia}}
    users:
      salt: team
      canary: [8ef0a83dd7f131c3056c4757d873b7b9]
      stable: [4358d02676cc29640a67cd33f6c87072]
    segments:
      - {name: employees, when: {cookie: employee, present: true}, variant: canary}
",
    );
    let release = parse(&text).unwrap();
    let rollout = release.rollout(&traffic("5%"), &BTreeMap::new());
    assert_eq!(rollout.rules, release.assignment.rules);
    assert_eq!(rollout.rules.exclude.len(), 2);
    assert_eq!(rollout.rules.users.as_ref().unwrap().counts(), (1, 1));
    assert_eq!(rollout.rules.segments[0].variant, Variant::Canary);
    assert_eq!(rollout.requires, ["eligible", "exclude", "users"]);
    let json = Document::new(rollout.revision, vec![rollout]).to_json();
    let parsed = serin_document::parse(json.as_bytes()).unwrap();
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    assert_eq!(compiled.left_out(), []);
    assert!(!compiled.rollouts()[0].requires_unknown());
    let plain = parse(SHOP).unwrap().rollout(&traffic("5%"), &BTreeMap::new());
    assert!(plain.requires.is_empty());
}

#[test]
fn every_faulty_rule_is_told_with_its_line() {
    let told = parse(&with(
        "    exclude:
      - {path: {is: /healthz}}
      - {header: user-agent}
    eligible: {any: [{header: x, is: 5}]}
    users: {salt: team, canary: [alice]}
    segments:
      - {name: employees, when: {cookie: employee, present: true}, variant: Canary}
    buckets: [30%, 0%]
",
    ));
    let told = told.unwrap_err().to_string();
    let lines: Vec<&str> = told.lines().collect();
    let expected = [
        "13:9: spec.assignment.exclude[1]: no test: exactly one of is, oneOf",
        "14:38: spec.assignment.eligible.any[0].is: 5: this is text, in quotes",
        "15:34: spec.assignment.users.canary[0]: \"alice\": a listed user is 32 hexadecimal digits",
        "17:77: spec.assignment.segments[0].variant: \"Canary\": a segment is on",
        "18:14: spec.assignment.buckets: \"30%, 0%\": a range of buckets is two percentages",
    ];
    for (number, expected) in expected.iter().enumerate() {
        assert!(told.contains(expected), "{number}: {expected}\n{told}");
    }
    assert!(told.contains("spec.assignment.salt: missing: releases with `buckets`"), "{told}");
    assert_eq!(lines.len(), 6, "{told}");
}

#[test]
fn a_part_of_the_users_ends_the_steps_at_its_width() {
    let part = "    salt: shop-2026-11\n    buckets: [30%, 60%]\n";
    let ending = |last: &str| with(part).replace("weight: 100%", &format!("weight: {last}"));
    let release = parse(&ending("30%")).unwrap();
    assert_eq!(release.plan.steps.full(), Weight::from_basis_points(3_000).unwrap());
    assert!(release.warnings().is_empty(), "{:?}", release.warnings());
    let rollout = release.rollout(&traffic("5%"), &BTreeMap::new());
    assert_eq!(
        (rollout.buckets.width(), rollout.requires),
        (release.plan.steps.full(), vec!["buckets".to_owned()])
    );

    let told = parse(&ending("30.01%")).unwrap_err().to_string();
    assert!(told.contains("spec.steps[1].weight") && told.contains("hold 30%"), "{told}");
    let warnings = parse(&ending("20%")).unwrap().warnings();
    assert!(warnings[0].message.starts_with("the last step is not 30%"), "{warnings:?}");
    let detecting =
        ending("30%").replace("bake: 10m, approval", "detect: 2x, atMost: 1h, approval");
    let told = parse(&detecting).unwrap_err().to_string();
    assert!(told.contains("at 30% there is no other side"), "{told}");
}

#[test]
fn a_condition_on_the_mark_is_told_where_it_stands() {
    let told = parse(&with("    eligible: {header: x-serin-variant, present: true}\n"));
    let told = told.unwrap_err().to_string();
    assert!(told.contains("nothing that a rule goes by"), "{told}");
}
