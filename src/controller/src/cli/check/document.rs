//! What an assignment document means, or a plugin's own configuration.

use core::fmt::Write as _;
use std::path::Path;

use anyhow::anyhow;
use serde_json::json;
use serin_document::plugin::PluginConfig;
use serin_document::token::KEYS_VARIABLE;
use serin_document::{Compiled, Environment, Parsed, TesterKeys, duration};

use super::Meaning;
use crate::cli::{Exit, Failure};

/// What a source would answer.
pub(super) fn of_document(parsed: Parsed, file: &Path) -> Result<Meaning, Failure> {
    // Keys are the proxies' own, so that none is missing here.
    compiled("document", parsed, &Environment::default(), file).map(|(meaning, _)| meaning)
}

pub(super) fn of_plugin(config: PluginConfig, file: &Path) -> Result<Meaning, Failure> {
    let (source, keys) = match config {
        PluginConfig::Inline { parsed, overrides, keys } => {
            let keys = keys.unwrap_or_default();
            let ids = ids(&keys);
            let env = Environment { overrides, keys, ..Environment::default() };
            let (mut meaning, lacking) = compiled("plugin configuration", parsed, &env, file)?;
            meaning.text.push_str(&told(&ids));
            if let Some(fields) = meaning.json.as_object_mut() {
                fields.insert("testerKeys".to_owned(), json!(ids));
            }
            if !lacking.is_empty() {
                meaning.warnings.push(format!(
                    "testers of {} need a signed token, and there is no testerKeys: without keys in \
                     {KEYS_VARIABLE} in the VM's environment nobody can opt in",
                    lacking.join(", ")
                ));
            }
            return Ok(meaning);
        }
        PluginConfig::Source { source, keys, .. } => (source, ids(&keys.unwrap_or_default())),
    };
    let (wait, stale) = (duration::format(source.wait), duration::format(source.stale_after));
    let (cluster, path, key) = (&source.cluster, &source.path, source.key_hash());
    let text = format!(
        "plugin configuration\n  asks cluster {cluster} for {path}, held for {wait}, stale after \
         {stale}; metrics tag source={key}\n{}",
        told(&keys)
    );
    let json = json!({
        "kind": "plugin configuration",
        "source": {
            "cluster": cluster,
            "authority": source.authority,
            "path": path,
            "wait": wait,
            "staleAfter": stale,
            "tag": key,
        },
        "testerKeys": keys,
    });
    Ok(Meaning { text, json, warnings: Vec::new() })
}

/// The ids of keys, which are all that is told of them.
fn ids(keys: &TesterKeys) -> Vec<String> {
    keys.iter().map(|key| key.id().to_string()).collect()
}

fn told(keys: &[String]) -> String {
    if keys.is_empty() { String::new() } else { format!("  tester keys {}\n", keys.join(", ")) }
}

/// What a document means, and its rollouts that have no key for their testers' tokens.
///
/// A rollout that would be left out makes the file invalid: its owner asked for it.
fn compiled(
    kind: &str,
    parsed: Parsed,
    env: &Environment,
    file: &Path,
) -> Result<(Meaning, Vec<String>), Failure> {
    let compiled = Compiled::compile(parsed, None, env);
    if !compiled.left_out().is_empty() {
        let lines: Vec<String> = compiled
            .left_out()
            .iter()
            .map(|left_out| format!("{}: {left_out}", file.display()))
            .collect();
        return Err(Failure::new(Exit::Failed, anyhow!("{}", lines.join("\n"))));
    }
    let mut text = kind.to_owned();
    if let Some(revision) = compiled.revision() {
        // Writing to a string cannot fail.
        let _ = write!(text, ", revision {revision}");
    }
    text.push('\n');
    let mut rollouts = Vec::new();
    for rollout in compiled.rollouts() {
        let (name, weight, serves) = (rollout.name(), rollout.weight(), rollout.canary_serves());
        let hosts: Vec<String> = rollout.rollout().hosts.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "  {name}: {weight} on {}{}",
            hosts.join(", "),
            if serves { "" } else { ", and the canary does not serve" }
        );
        rollouts.push(json!({
            "name": name,
            "revision": rollout.revision(),
            "weight": weight,
            "canaryServes": serves,
            "hosts": hosts,
            "metricId": rollout.metric_id(),
        }));
    }
    let json = json!({ "kind": kind, "revision": compiled.revision(), "rollouts": rollouts });
    let lacking = compiled.rollouts().iter().filter(|rollout| rollout.lacks_keys());
    let lacking = lacking.map(|rollout| rollout.name().to_string()).collect();
    Ok((Meaning { text, json, warnings: Vec::new() }, lacking))
}
