//! README says what is so: its tables of fields and options against what `serin` itself names, its
//! examples against what `serin` makes of them, its links against the files that are there.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use serin_tests::artifacts;
use serin_tests::readme::{self, blocks};
use serin_tests::scratch::Scratch;

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

#[test]
fn every_table_of_options_is_whole() -> Result<()> {
    let text = readme::text()?;
    let mut checked = 0;
    for (command, table) in tables(&text, "options") {
        let help = help(command)?;
        let expected: BTreeSet<&str> = help
            .lines()
            .filter(|line| line.trim_start().starts_with("--"))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|option| *option != "--help")
            .collect();
        let named = first_column(table);
        ensure!(
            named.iter().map(String::as_str).eq(expected.iter().copied()),
            "{command}: {named:?}, not {expected:?}"
        );
        checked += 1;
    }
    ensure!(checked == 10, "{checked} tables");
    Ok(())
}

#[test]
fn every_default_of_an_option_is_the_one_that_help_names() -> Result<()> {
    let text = readme::text()?;
    for (command, table) in tables(&text, "options") {
        let help = help(command)?;
        for (option, told) in help.split("\n      --").skip(1).filter_map(default_of) {
            let row = table.lines().find(|row| row.starts_with(&format!("| `--{option}`")));
            let cell = row.and_then(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
            let cell =
                cell.with_context(|| format!("{command} --{option} has no row"))?.replace('`', "");
            ensure!(cell.trim().ends_with(told), "{command} --{option}: {cell:?}, not {told:?}");
        }
    }
    Ok(())
}

#[test]
fn the_releases_of_the_examples_are_accepted() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut releases = 0;
    for block in
        blocks(&readme::text()?, "yaml").filter(|block| block.contains("kind: CanaryRelease"))
    {
        let file = scratch.write("release.yaml", &block)?;
        let said = succeeds(&["check", &file.to_string_lossy()])?;
        ensure!(!said.contains("warning"), "{said}");
        releases += 1;
    }
    ensure!(releases == 2, "{releases} releases");
    Ok(())
}

/// Each stands in the place of the release's own.
#[test]
fn the_receivers_of_the_example_are_accepted() -> Result<()> {
    let scratch = Scratch::new()?;
    let text = readme::text()?;
    let example = blocks(&text, "yaml").find(|block| block.starts_with("receivers:"));
    let file = scratch.path().join("receivers.yaml");
    std::fs::write(&file, example.context("no receivers")?)?;
    let told = serin(&["notify", &file.to_string_lossy(), "--receiver", "nobody"])?;
    let said = String::from_utf8(told.stderr)?;
    // All but the name is accepted.
    ensure!(said.contains("there is no receiver \"nobody\""), "{said}");
    Ok(())
}

#[test]
fn every_other_assignment_is_accepted_in_the_release() -> Result<()> {
    let (text, scratch) = (readme::text()?, Scratch::new()?);
    let release = blocks(&text, "yaml").find(|block| block.contains("kind: CanaryRelease"));
    let release: Value = serde_saphyr::from_str(&release.context("no release")?)?;
    let mut assignments = 0;
    for block in blocks(&text, "yaml").filter(|block| block.starts_with("assignment:")) {
        let mut changed = release.clone();
        let mut assignment: Value = serde_saphyr::from_str(&block)?;
        let assignment = assignment["assignment"].take();
        // A part of the users is what the last step takes.
        if let Some(part) = assignment.get("buckets") {
            ensure!(part == &json!(["0%", "30%"]), "{part}");
            changed["spec"]["steps"] = json!([{"weight": "30%", "bake": "1h"}]);
        }
        changed["spec"]["assignment"] = assignment;
        let file = scratch.write("release.yaml", changed.to_string())?;
        let said = succeeds(&["check", &file.to_string_lossy()])?;
        ensure!(!said.contains("warning"), "{said}");
        assignments += 1;
    }
    ensure!(assignments >= 2, "{assignments} assignments");
    Ok(())
}

#[test]
fn the_mirror_of_the_example_is_accepted_in_the_release_of_kubernetes_objects() -> Result<()> {
    let (text, scratch) = (readme::text()?, Scratch::new()?);
    let mut releases = blocks(&text, "yaml").filter(|block| block.contains("kind: CanaryRelease"));
    let release = releases.find(|block| block.contains("virtualService:"));
    let mut release: Value = serde_saphyr::from_str(&release.context("no release")?)?;
    let example = blocks(&text, "yaml").find(|block| block.starts_with("mirror:"));
    let mut example: Value = serde_saphyr::from_str(&example.context("no mirror")?)?;
    for field in ["mirror", "gates"] {
        release["spec"][field] = example[field].take();
    }
    let file = scratch.write("release.yaml", release.to_string())?;
    let said = succeeds(&["check", &file.to_string_lossy()])?;
    ensure!(said.contains("10% of requests for 5m before the first step"), "{said}");
    Ok(())
}

#[test]
fn the_configurations_of_the_examples_are_accepted() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut configurations = 0;
    for block in blocks(&readme::text()?, "json").filter(|block| block.contains("formatVersion")) {
        let file = scratch.write("plugin.json", &block)?;
        let said = succeeds(&["check", &file.to_string_lossy()])?;
        ensure!(!said.contains("warning"), "{said}");
        configurations += 1;
    }
    ensure!(configurations >= 1);
    Ok(())
}

#[test]
fn every_example_of_an_id_is_accepted() -> Result<()> {
    let (text, scratch) = (readme::text()?, Scratch::new()?);
    let mut of_fields = tables(&text, "fields");
    let table = of_fields.find(|(marker, _)| marker.ends_with("assignment.identity[0]"));
    let rows = table.context("no table of ids")?.1.lines().skip(2);
    let examples: Vec<&str> = rows.filter_map(|row| row.rsplit('`').nth(1)).collect();
    ensure!(examples.len() == 7, "{examples:?}");
    let release = blocks(&text, "yaml").find(|block| block.contains("kind: CanaryRelease"));
    let release = release.context("no release")?;
    for example in examples {
        let other = release.replace(
            "identity: [{header: x-user-id}, {cookie: uid}]",
            &format!("identity: [{example}]"),
        );
        ensure!(other != release, "the release has another identity");
        let file = scratch.write("release.yaml", &other)?;
        succeeds(&["check", &file.to_string_lossy()]).context(example.to_owned())?;
    }
    Ok(())
}

/// The examples stand beside the release of the other one, `release.yaml`.
#[test]
fn every_console_example_prints_what_it_says() -> Result<()> {
    let (mut examples, scratch) = (0, Scratch::new()?);
    let release =
        blocks(&readme::text()?, "yaml").find(|block| block.contains("kind: CanaryRelease"));
    scratch.write("release.yaml", release.context("no release")?)?;
    for block in blocks(&readme::text()?, "console") {
        let (command, expected) = block.split_once('\n').context("a command without an answer")?;
        let said = if let Some(piped) = command.strip_prefix("$ echo '") {
            let (input, command) = piped.split_once("' | serin ").context("no pipe")?;
            fed(&command.split_whitespace().collect::<Vec<_>>(), input)?
        } else {
            let words: Vec<&str> = command.split_whitespace().collect();
            let ["$", "serin", arguments @ ..] = words.as_slice() else { bail!("{command}") };
            succeeds_in(scratch.path(), arguments)?
        };
        ensure!(is_told(&said, expected), "{command} prints\n{said}");
        examples += 1;
    }
    ensure!(examples >= 2);
    Ok(())
}

#[test]
fn every_link_within_the_repository_leads_somewhere() -> Result<()> {
    let (text, root) = (readme::text()?, artifacts::root()?);
    let mut links = 0;
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if target.contains("://") || target.starts_with('#') {
            continue;
        }
        let path = target.split('#').next().unwrap_or_default();
        ensure!(root.join(path).exists(), "{target} leads nowhere");
        links += 1;
    }
    ensure!(links >= 3, "{links} links only");
    Ok(())
}

/// The tables under `<!-- kind: what -->`, each with its `what`.
fn tables<'a>(text: &'a str, kind: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let start = format!("<!-- {kind}: ");
    let parts: Vec<&str> = text.split(start.as_str()).skip(1).collect();
    parts.into_iter().filter_map(|part| {
        let (marker, rest) = part.split_once(" -->\n")?;
        Some((marker, rest.split("\n\n").next()?))
    })
}

/// The names in a table's first column, below its heading.
fn first_column(table: &str) -> BTreeSet<String> {
    let rows = table.lines().skip(2);
    rows.filter_map(|row| row.split('`').nth(1)).map(str::to_owned).collect()
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

/// An option's name and default from its part of the help.
fn default_of(part: &str) -> Option<(&str, &str)> {
    let name = part.split_whitespace().next()?;
    let default = part.split_once("[default: ")?.1.split_once(']')?.0;
    // Longer ones are sentences, which README words in its own way.
    (!default.contains(' ')).then_some((name, default))
}

fn serin(arguments: &[&str]) -> Result<Output> {
    serin_in(Path::new("."), arguments)
}

fn serin_in(folder: &Path, arguments: &[&str]) -> Result<Output> {
    // Neither colours nor the caller's own controller.
    let mut command = Command::new(artifacts::serin()?);
    command.current_dir(folder).args(arguments).env("NO_COLOR", "1").env_remove("SERIN_SERVER");
    command.output().context("running serin")
}

/// Standard output of a command that reads a line.
fn fed(arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new(artifacts::serin()?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("starting serin")?;
    writeln!(child.stdin.take().context("no input")?, "{input}")?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "serin {arguments:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether README shows what is said: word for word but for what `…` stands for, or as JSON whose
/// numbers are rounded.
fn is_told(said: &str, shown: &str) -> bool {
    let mut rest = said.trim();
    let mut parts = shown.trim().split("\n…\n");
    let begins = parts.next().and_then(|first| rest.strip_prefix(first));
    if let Some(after) = begins {
        rest = after;
        let follows = parts.all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        });
        if follows && rest.is_empty() {
            return true;
        }
    }
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    let (Some(said), Some(shown)) = (object(said), object(shown)) else { return false };
    said.len() == shown.len()
        && said.iter().zip(&shown).all(|((name, said), (label, shown))| {
            let rounded = match (said.as_f64(), shown.as_f64()) {
                (Some(said), Some(shown)) => (said - shown).abs() <= 0.005,
                _ => said == shown,
            };
            name == label && rounded
        })
}

/// The help of a command, such as `token create`.
fn help(command: &str) -> Result<String> {
    let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
    succeeds(&words)
}

fn succeeds(arguments: &[&str]) -> Result<String> {
    succeeds_in(Path::new("."), arguments)
}

fn succeeds_in(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = serin_in(folder, arguments)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "serin {arguments:?}: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}
