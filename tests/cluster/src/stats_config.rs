//! What Istio's agent, which is not here, has a proxy do with its metrics: by the template of its own
//! images, so that what `istio/mesh-config.yaml` asks for meets Istio's own patterns.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Where the section begins in the template.
const SECTION: &str = "\"stats_config\": ";
/// What the agent always includes (`pkg/bootstrap/config.go`). The filter's metrics begin with
/// `wasmcustom`.
const PREFIXES: [&str; 5] =
    ["cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm"];
const SUFFIXES: [&str; 4] = ["rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied"];
const EXPRESSIONS: [&str; 1] = [r"vhost\..*\.route\..*"];

/// The section of Istio's template for a mesh with these `extraStatTags`.
///
/// `include` are the prefixes of metrics that the proxy shows besides, as the annotation
/// `sidecar.istio.io/statsInclusionPrefixes` of its pod has it.
pub(crate) fn stats_config(template: &Path, tags: &[String], include: &[&str]) -> Result<Value> {
    let text =
        fs::read_to_string(template).with_context(|| format!("reading {}", template.display()))?;
    let section = section(&text).context("the template has no stats_config")?;
    let filled = fill(section, tags, include)?;
    serde_json::from_str(&filled).with_context(|| format!("Istio's stats_config: {filled}"))
}

/// The section's braces and what is between them. Those of the template's own language come in pairs.
fn section(text: &str) -> Option<&str> {
    let (_, from) = text.split_once(SECTION)?;
    let mut open = 0_u32;
    for (index, character) in from.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open = open.checked_sub(1)?,
            _ => {}
        }
        if open == 0 {
            return from.get(..=index);
        }
    }
    None
}

/// Does what the template's language says, as far as the section uses it: a list is written out, and
/// what stands under a condition is left out, since nothing of the kind is configured.
fn fill(section: &str, tags: &[String], include: &[&str]) -> Result<String> {
    let mut filled = String::new();
    let mut rest = section;
    while let Some((before, block)) = rest.split_once("{{- ") {
        let (head, block) = block.split_once("}}").context("no end of a directive")?;
        let (body, after) = block.split_once("{{- end }}").context("no end of a block")?;
        filled.push_str(before);
        rest = after;
        if head.starts_with("if ") {
            continue;
        }
        let (names, list) = head.split_once(" := .").context("no list")?;
        let name = names.rsplit(' ').next().unwrap_or_default();
        let values: Vec<&str> = match list.trim() {
            "extraStatTags" => tags.iter().map(String::as_str).collect(),
            "inclusionPrefix" => [&PREFIXES, include].concat(),
            "inclusionSuffix" => SUFFIXES.to_vec(),
            "inclusionRegexps" => EXPRESSIONS.to_vec(),
            other => bail!("nobody knows the list {other}"),
        };
        for value in values {
            let quoted = value.replace('\\', r"\\");
            let plain = [format!("{{{{ {name} }}}}"), format!("{{{{{name}}}}}")];
            let one = plain.iter().fold(body.to_owned(), |body, place| body.replace(place, value));
            filled.push_str(&one.replace(&format!("{{{{js {name}}}}}"), &quoted));
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::{fill, section};

    #[test]
    fn lists_are_written_out_and_conditions_left_out() {
        let text = r#"{"node": {}, "stats_config": {"tags": [
            {{- range $a, $tag := .extraStatTags }}
            {"regex": "({{ $tag }}=\\.=)"},
            {{- end }}
            {{- if .more }}"{{.more}}",{{- end }}
            {{- range $a, $s := .inclusionRegexps }}"{{js $s}}",{{- end }}
            "last"]}, "admin": {}}"#;
        let tags = ["id".to_owned(), "class".to_owned()];
        let filled = fill(section(text).unwrap(), &tags, &[]).unwrap();
        let value: serde_json::Value = serde_json::from_str(&filled).unwrap();
        let expected = serde_json::json!({"tags": [
            {"regex": r"(id=\.=)"}, {"regex": r"(class=\.=)"}, r"vhost\..*\.route\..*", "last"]});
        assert_eq!(value, expected);
    }
}
