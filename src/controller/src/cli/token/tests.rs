use clap::Parser;
use jiff::Timestamp;
use serde_json::Value;
use serin_document::TesterKeys;
use serin_document::token::Refusal;

use super::{create, key, verify};

/// Parses what stands behind `serin token …`.
#[derive(Parser)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

fn args<A: clap::Args>(line: &str) -> Result<A, String> {
    let words = std::iter::once("serin").chain(line.split_whitespace());
    Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

const NOW: i64 = 1_795_445_683;

fn keys(text: &str) -> TesterKeys {
    TesterKeys::read(text.as_bytes(), "keys").unwrap()
}

fn made_key(line: &str, others: &str, secret: u8) -> anyhow::Result<String> {
    let others = if others.is_empty() { TesterKeys::default() } else { keys(others) };
    key::made(&args(line).unwrap(), &others, &[secret; 32], at(NOW))
}

const CREATE: &str =
    "--rollout shop/checkout --variant canary --audience shop --expires 7d --key-file f";

fn created(more: &str, keys: &TesterKeys) -> anyhow::Result<String> {
    create::made(&args(&format!("{CREATE} {more}")).unwrap(), keys, at(NOW))
}

fn verified(line: &str, keys: &TesterKeys, now: i64) -> (String, Option<Refusal>) {
    let args: verify::Args = args(&format!("{line} --key-file f")).unwrap();
    let token = line.split_whitespace().next().unwrap();
    verify::checked(&args, token, keys, at(now))
}

#[test]
fn keys_are_added_in_front() {
    let one = made_key("", "", 1).unwrap();
    assert!(one.starts_with("[{\"id\":\"2026-11-23\",\"key\":\"AQEB"), "{one}");
    let two = made_key("--id next", &one, 2).unwrap();
    let ids: Vec<String> = keys(&two).iter().map(|key| key.id().to_string()).collect();
    assert_eq!(ids, ["next", "2026-11-23"]);
    let again = made_key("", &two, 3).unwrap_err().to_string();
    assert_eq!(again, "the file has a key 2026-11-23: say another --id");
}

#[test]
fn what_is_created_is_verified() {
    let both = keys(&made_key("--id new", &made_key("--id old", "", 1).unwrap(), 2).unwrap());
    for (more, key) in [("", "new"), ("--key-id old", "old"), ("--key-id new", "new")] {
        let token = created(more, &both).unwrap();
        let token = token.trim_end();
        assert!(token.starts_with(&format!("serin1~{key}~shop/checkout~canary~1796050483~shop~")));
        let (text, refusal) = verified(token, &both, NOW);
        assert_eq!(refusal, None);
        let until = "2026-11-30T14:54:43Z";
        assert_eq!(
            text,
            format!("valid until {until}: canary of shop/checkout for shop, key {key}\n")
        );
    }
    let error = created("--key-id other", &both).unwrap_err().to_string();
    assert_eq!(error, "f has no key other; it has new, old");
}

#[test]
fn a_refused_token_is_told_with_its_reason() {
    let one = keys(&made_key("--id k", "", 1).unwrap());
    let other = keys(&made_key("--id k", "", 2).unwrap());
    let unknown = keys(&made_key("--id u", "", 1).unwrap());
    let token = created("", &one).unwrap();
    let token = token.trim_end();
    for (line, keys, now, expected) in [
        ("x", &one, NOW, "malformed: it is no token of `serin token create`, or was cut"),
        (token, &unknown, NOW, "unknown-key: the file has no key k"),
        (token, &other, NOW, "bad-signature: the file's key k has not signed this"),
        (token, &one, NOW + 7 * 86_400, "expired: it ended at 2026-11-30T14:54:43Z"),
        (&format!("{token} --audience site"), &one, NOW, "other-audience: it is meant for shop"),
        (&format!("{token} --rollout a/b"), &one, NOW, "other-rollout: it is for shop/checkout"),
    ] {
        let (text, refusal) = verified(line, keys, now);
        assert!(text.starts_with(&format!("the token is refused: {expected}")), "{text}");
        let (json, _) = verified(&format!("{line} --output json"), keys, now);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["valid"], false);
        assert_eq!(json["reason"].as_str(), refusal.map(Refusal::as_str));
        // Only what a key has signed is repeated.
        let signed = !["malformed", "unknown-key", "bad-signature"]
            .contains(&json["reason"].as_str().unwrap());
        assert_eq!(json["says"].is_object(), signed, "{json}");
    }
}

#[test]
fn json_says_all_of_a_token() {
    let one = keys(&made_key("--id k", "", 1).unwrap());
    let made: Value = serde_json::from_str(&created("--output json", &one).unwrap()).unwrap();
    assert_eq!(made["expires"], "2026-11-30T14:54:43Z");
    let token = made["token"].as_str().unwrap();
    let (checked, _) = verified(&format!("{token} --output json"), &one, NOW);
    let checked: Value = serde_json::from_str(&checked).unwrap();
    assert_eq!(checked["valid"], true);
    for field in ["rollout", "variant", "audience", "expires", "key"] {
        assert_eq!(checked["says"][field], made[field], "{field}");
    }
}

#[test]
fn what_makes_no_token_is_told() {
    for (from, to, expected) in [
        ("7d", "367d", "a token holds from 1s to 366d"),
        ("7d", "1ms", "a token holds from 1s to 366d"),
        ("7d", "0s", "it is above 0s"),
        ("7d", "soon", "a duration is whole numbers with a unit"),
        ("canary", "both", "a variant is `stable` or `canary`"),
        ("--audience shop", "--audience sh~op", "an audience is 1 to 64"),
        ("shop/checkout", "shop~checkout", "a rollout's name is"),
        ("--key-file f", "", "--key-file"),
    ] {
        let error = args::<create::Args>(&CREATE.replace(from, to)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
