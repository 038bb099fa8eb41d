//! The tables of fields.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use serin_tests::readme;
use serin_tests::scratch::Scratch;

use super::{first_column, serin, tables};

/// A field that there is nowhere, and that resembles none: asked for, it brings up the list of all.
const UNKNOWN: &str = "zzzzzz";

#[test]
fn every_table_of_fields_is_whole() -> Result<()> {
    let (text, scratch) = (readme::text()?, Scratch::new()?);
    let mut checked = 0;
    for (marker, table) in tables(&text, "fields") {
        let expected = fields(&scratch, marker).with_context(|| marker.to_owned())?;
        ensure!(
            first_column(table) == expected,
            "{marker}: {:?}, not {expected:?}",
            first_column(table)
        );
        checked += 1;
    }
    // Those of the release file, and plugin, source and rollout.
    ensure!(checked >= 10, "{checked} tables only");
    Ok(())
}

/// The fields that `serin check` names when it finds one that there is not.
fn fields(scratch: &Scratch, marker: &str) -> Result<BTreeSet<String>> {
    let (name, content) = match marker.split_once(' ') {
        Some(("release", path)) => ("unknown.yaml", with_unknown(release(), path)?),
        Some(("document", "plugin")) => ("unknown.json", with_unknown(polled(), ".")?),
        Some(("document", "key")) => ("unknown.json", with_unknown(polled(), "testerKeys[0]")?),
        Some(("document", "source")) => ("unknown.json", with_unknown(polled(), "source")?),
        Some(("document", "rollout")) => ("unknown.json", with_unknown(inline(), "rollouts[0]")?),
        _ => bail!("unknown marker"),
    };
    // JSON is YAML as well.
    let file = scratch.write(name, content.to_string())?;
    let output = serin(&["check", &file.to_string_lossy()])?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    let line = said.lines().find(|line| line.contains(UNKNOWN)).context(said.clone())?;
    let (_, names) = line.split_once("no such field; there are ").context(said.clone())?;
    let names = names.replace(" and either ", " ").replace(" and ", " ").replace(" or ", " ");
    Ok(names.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Adds the unknown field at a path such as `spec.steps[0]`; `.` is the whole.
fn with_unknown(mut document: Value, path: &str) -> Result<Value> {
    let path = path.trim_matches('.').replace('[', "/").replace(']', "").replace('.', "/");
    let pointer = if path.is_empty() { path.clone() } else { format!("/{path}") };
    let at = document.pointer_mut(&pointer).and_then(Value::as_object_mut);
    at.with_context(|| format!("no object at {path}"))?.insert(UNKNOWN.to_owned(), json!(1));
    Ok(document)
}

/// A release with every object that a table may be about.
fn release() -> Value {
    json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": "shop"},
        "spec": {
            "version": "v2",
            "target": {"stable": "a", "canary": "b"},
            "traffic": {"hosts": ["a.example.com"], "entries": {"rest": "r"}, "file": {"template": "t", "path": "p"}, "stable": {"cluster": "a"}, "canary": {"cluster": "b"}},
            "assignment": {
                "plugin": {"name": "serin"},
                "identity": [
                    {"header": "x-user-id"},
                    {"jwt": {"claim": "sub", "metadata": "payload"}},
                    {"address": {"ipv4": 32}},
                    {"generated": {"cookie": "serin-id"}},
                ],
                "testers": [{"header": "x-serin-opt-in"}],
            },
            "mirror": {"share": "10%", "for": "5m", "gates": ["g"]},
            "metrics": {
                "prometheus": {
                    "address": "http://127.0.0.1:9090", "basicAuth": {"username": "u", "passwordFile": "f"}
                },
                "targets": {"dns": [{"name": "envoy", "port": 9901}]},
            },
            "steps": [{"weight": "5%", "bake": "1m"}],
            "evidence": {"alpha": "0.01"},
            "tripwire": {"lasts": "1m"},
            "gates": [{"name": "errors", "kind": "errorRate", "counts": {"preset": "filter"}}],
            "policy": {"noDataAlertAfter": "2m"},
        },
    })
}

fn polled() -> Value {
    let key = json!({"id": "2026-11", "key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="});
    json!({"formatVersion": "1.0", "source": {"cluster": "serin"}, "testerKeys": [key]})
}

fn inline() -> Value {
    json!({"formatVersion": "1.0", "revision": 1, "rollouts": [{
        "name": "shop/checkout", "revision": 1, "hosts": ["a.example.com"], "salt": "s",
        "weight": "5%", "canaryServes": true, "identity": [{"header": "x-user-id"}],
    }]})
}
