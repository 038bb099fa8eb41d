//! The plugin's own configuration.

use core::time::Duration;

use serde_json::{Value, json};
use serin_document::plugin::{PluginConfig, SourceConfig, WhenStale, parse};
use serin_document::{Incoming, MarkName, Overrides, Refused, Revision};

use crate::support::{only, rollout};

fn source(block: &Value) -> Result<SourceConfig, Refused> {
    let json = json!({"formatVersion": "1.0", "source": block}).to_string();
    match parse(json.as_bytes())? {
        PluginConfig::Source { source, .. } => Ok(source),
        PluginConfig::Inline { .. } => panic!("a source"),
    }
}

#[test]
fn a_source_needs_a_cluster_and_has_defaults() {
    let source = source(&json!({"cluster": "serin"})).unwrap();
    assert_eq!(source.cluster.as_str(), "serin");
    assert_eq!(source.authority.as_str(), "serin");
    assert_eq!(source.path.as_str(), "/v1/assignment");
    assert_eq!(source.wait, Duration::from_secs(25));
    assert_eq!(source.min_interval, Duration::from_secs(1));
    assert_eq!(source.jitter_percent, 20);
    assert_eq!(source.stale_after, Duration::from_mins(5));
    assert_eq!(source.when_stale, WhenStale::Keep);
}

#[test]
fn all_of_a_source_can_be_said() {
    let source = source(&json!({
        "cluster": "outbound|7316||serin.serin-system.svc.cluster.local",
        "authority": "serin.serin-system.svc:7316", "path": "/v2/mine", "wait": "0s",
        "minInterval": "100ms", "jitter": "0%", "staleAfter": "1s", "whenStale": "unmarked",
    }))
    .unwrap();
    assert_eq!(source.authority.as_str(), "serin.serin-system.svc:7316");
    assert_eq!(source.path.as_str(), "/v2/mine");
    assert_eq!((source.wait, source.min_interval), (Duration::ZERO, Duration::from_millis(100)));
    assert_eq!((source.jitter_percent, source.stale_after), (0, Duration::from_secs(1)));
    assert_eq!(source.when_stale, WhenStale::Unmarked);
}

#[test]
fn a_source_that_breaks_a_rule_names_the_field() {
    for (field, value, word) in [
        ("cluster", json!(""), "cluster's name"),
        ("cluster", json!(null), "in quotes"),
        ("authority", json!("a/b"), "authority"),
        ("path", json!("v1"), "starts with '/'"),
        ("path", json!("/v1?wait=1s"), "'?'"),
        ("wait", json!("61s"), "0s to 60s"),
        ("wait", json!("25"), "unit"),
        ("wait", json!(25), "in quotes"),
        ("minInterval", json!("99ms"), "100ms"),
        ("minInterval", json!("18446744073709551615ms"), "staleAfter: missing"),
        ("jitter", json!("101%"), "0% to 100%"),
        ("jitter", json!("+5%"), "0% to 100%"),
        ("jitter", json!("0.2"), "0% to 100%"),
        ("staleAfter", json!("26s"), "longer than wait"),
        ("whenStale", json!("stable"), "unmarked"),
        ("every", json!("1s"), "no such field"),
    ] {
        let mut block = json!({"cluster": "serin"});
        block[field] = value;
        let refused = source(&block).unwrap_err();
        assert!(refused.is_json());
        assert!(refused.to_string().contains(word), "{block}: {refused}");
        let Refused::Field(fault) = &refused else { panic!("{refused}") };
        assert!(fault.field.starts_with("source."), "{refused}");
    }
    assert!(source(&json!({})).unwrap_err().to_string().starts_with("source.cluster: missing: "));
    assert!(source(&json!("serin")).is_err());
}

#[test]
fn a_sources_hash_is_that_of_where_it_is() {
    let hash = |block: Value| source(&block).unwrap().key_hash();
    let plain = hash(json!({"cluster": "serin"}));
    assert_eq!(plain.len(), 8);
    let spelt_out = json!({"cluster": "serin", "authority": "serin", "path": "/v1/assignment"});
    assert_eq!(hash(spelt_out), plain);
    assert_eq!(hash(json!({"cluster": "serin", "wait": "5s"})), plain, "the same document");
    for other in [
        json!({"cluster": "serin2"}),
        json!({"cluster": "serin", "authority": "serin2"}),
        json!({"cluster": "serin", "path": "/v1/assignment2"}),
    ] {
        assert_ne!(hash(other), plain);
    }
}

#[test]
fn an_inline_document_needs_no_revisions() {
    let json = json!({"formatVersion": "1.0", "rollouts": [rollout(json!({"revision": null})), 5]});
    let PluginConfig::Inline { parsed, overrides, .. } =
        parse(json.to_string().as_bytes()).unwrap()
    else {
        panic!("inline");
    };
    assert_eq!(parsed.document.revision, Revision::new(0));
    assert_eq!(parsed.document.rollouts[0].revision, Revision::new(0));
    assert_eq!(only(&parsed.left_out).field, "rollouts[1]");
    assert_eq!(overrides, Overrides::default());
}

#[test]
fn overrides_stand_beside_either() {
    for what in [("source", json!({"cluster": "serin"})), ("rollouts", json!([]))] {
        let mut json = json!({"formatVersion": "1.0", "incoming": "keep", "count": false, "mark": "X-Side", "filterState": true});
        json[what.0] = what.1;
        let (PluginConfig::Inline { overrides, .. } | PluginConfig::Source { overrides, .. }) =
            parse(json.to_string().as_bytes()).unwrap();
        let expected = Overrides {
            incoming: Some(Incoming::Keep),
            count: Some(false),
            mark: Some(MarkName::new("x-side").unwrap()),
            filter_state: true,
        };
        assert_eq!(overrides, expected);
    }
}

#[test]
fn either_a_source_or_rollouts_never_both() {
    for (json, field) in [
        (r#"{"formatVersion": "1.0"}"#, "source"),
        (r#"{"formatVersion": "1.0", "source": {"cluster": "a"}, "rollouts": []}"#, "source"),
        (r#"{"formatVersion": "1.0", "source": {"cluster": "a"}, "revision": 1}"#, "revision"),
        (r#"{"formatVersion": "1.0", "rollouts": [], "mode": 1}"#, "mode"),
        (r#"{"formatVersion": "1.0", "rollouts": [], "incoming": "trust"}"#, "incoming"),
    ] {
        let refused = parse(json.as_bytes()).unwrap_err();
        let Refused::Field(fault) = &refused else { panic!("{json}: {refused}") };
        assert_eq!(fault.field, field, "{json}: {refused}");
    }
}

#[test]
fn anything_but_json_is_told_apart_from_json_that_is_no_configuration() {
    for bytes in [&b""[..], b"source: {cluster: serin}", b"{", b"\xff"] {
        assert!(!parse(bytes).unwrap_err().is_json());
    }
    for json in ["null", "[]", "{}", "5", "\"\"", r#"{"formatVersion": "2.0"}"#, "1e999"] {
        assert!(parse(json.as_bytes()).unwrap_err().is_json(), "{json}");
    }
}

#[test]
fn a_newer_minor_version_may_hold_more() {
    let json = r#"{"formatVersion": "1.3", "new": 1, "source": {"cluster": "serin", "newer": 2}}"#;
    assert!(matches!(parse(json.as_bytes()), Ok(PluginConfig::Source { .. })));
}

#[test]
fn testers_keys_stand_in_a_plugins_own_configuration_alone() {
    let secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
    let keys = json!([{"id": "2026-11", "key": secret}]);
    for what in [("source", json!({"cluster": "serin"})), ("rollouts", json!([]))] {
        let mut json = json!({"formatVersion": "1.0", "testerKeys": keys});
        json[what.0] = what.1;
        let (PluginConfig::Inline { keys, .. } | PluginConfig::Source { keys, .. }) =
            parse(json.to_string().as_bytes()).unwrap();
        assert!(keys.unwrap().find("2026-11").is_some());
    }
    for (json, field) in [
        (json!({"testerKeys": secret, "rollouts": []}), "testerKeys"),
        (
            json!({"testerKeys": [{"id": "a", "key": &secret[8..]}], "rollouts": []}),
            "testerKeys[0].key",
        ),
        (json!({"testerkeys": keys, "rollouts": []}), "testerkeys"),
    ] {
        let mut json = json;
        json["formatVersion"] = json!("1.0");
        let refused = parse(json.to_string().as_bytes()).unwrap_err();
        let Refused::Field(fault) = &refused else { panic!("{refused}") };
        assert_eq!(fault.field, field, "{refused}");
        assert!(!format!("{refused} {refused:?}").contains(&secret[8..20]), "{refused}");
    }
    // Whatever the version of a source's answer.
    for version in ["1.0", "1.9"] {
        let json = json!({
            "formatVersion": version, "revision": 1, "rollouts": [], "testerKeys": keys,
        });
        let refused = serin_document::parse(json.to_string().as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with("testerKeys: (not shown): keys stand in"), "{refused}");
    }
}
