//! What an assignment document means, or a plugin's own configuration.

use core::fmt::Write as _;
use std::path::Path;

use anyhow::anyhow;
use serde_json::json;
use serin_document::plugin::PluginConfig;
use serin_document::{Compiled, Environment, Overrides, Parsed, duration};

use super::Meaning;
use crate::cli::{Exit, Failure};

/// What a source would answer.
pub(super) fn of_document(parsed: Parsed, file: &Path) -> Result<Meaning, Failure> {
    compiled("document", parsed, Overrides::default(), file)
}

pub(super) fn of_plugin(config: PluginConfig, file: &Path) -> Result<Meaning, Failure> {
    let source = match config {
        PluginConfig::Inline { parsed, overrides, .. } => {
            return compiled("plugin configuration", parsed, overrides, file);
        }
        PluginConfig::Source { source, .. } => source,
    };
    let (wait, stale) = (duration::format(source.wait), duration::format(source.stale_after));
    let (cluster, path, key) = (&source.cluster, &source.path, source.key_hash());
    let text = format!(
        "plugin configuration\n  asks cluster {cluster} for {path}, held for {wait}, stale after \
         {stale}; metrics tag source={key}\n"
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
    });
    Ok(Meaning { text, json, warnings: Vec::new() })
}

/// A rollout that would be left out makes the file invalid: its owner asked for it.
fn compiled(
    kind: &str,
    parsed: Parsed,
    overrides: Overrides,
    file: &Path,
) -> Result<Meaning, Failure> {
    let env = Environment { overrides, ..Environment::default() };
    let compiled = Compiled::compile(parsed, None, &env);
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
    Ok(Meaning { text, json, warnings: Vec::new() })
}
