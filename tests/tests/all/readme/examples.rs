//! The examples, which are run.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use serin_tests::readme::{self, blocks};
use serin_tests::scratch::Scratch;
use serin_tests::{artifacts, manifests};

use super::{serin, succeeds, succeeds_in, tables};

#[test]
fn the_releases_of_the_examples_are_accepted() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut releases = 0;
    for block in
        blocks(&readme::text()?, "yaml").filter(|block| block.contains("kind: CanaryRelease"))
    {
        let file = scratch.write("release.yaml", &block)?;
        warned_of_business_alone(&file)?;
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
    fs::write(&file, example.context("no receivers")?)?;
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
        warned_of_business_alone(&file)?;
        assignments += 1;
    }
    ensure!(assignments >= 2, "{assignments} assignments");
    Ok(())
}

#[test]
fn the_gates_of_business_metrics_are_accepted_in_the_first_release() -> Result<()> {
    let scratch = Scratch::new()?;
    let release = with_every_gate(&readme::text()?)?;
    let kinds: Vec<&Value> = release["spec"]["gates"].as_array().into_iter().flatten().collect();
    let kinds: Vec<&str> = kinds.iter().filter_map(|gate| gate["kind"].as_str()).collect();
    ensure!(kinds == ["errorRate", "latency", "conversion"], "{kinds:?}");
    let file = scratch.write("release.yaml", release.to_string())?;
    let warned = warnings(&file)?;
    ensure!(warned.is_empty(), "{warned:?}");
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
        let warned = warnings(&file)?;
        ensure!(warned.is_empty(), "{warned:?}");
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

/// The examples stand beside the first release with the gates of the chapter on business metrics,
/// `release.yaml`.
#[test]
fn every_console_example_prints_what_it_says() -> Result<()> {
    let (mut examples, scratch) = (0, Scratch::new()?);
    scratch.write("release.yaml", with_every_gate(&readme::text()?)?.to_string())?;
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

/// Of the install and its end on Kubernetes.
#[test]
fn the_commands_name_what_the_example_of_kubernetes_has() -> Result<()> {
    let text = readme::text()?;
    let image = "kubectl -n shop set image deployment/web-canary web=";
    ensure!(text.matches(image).count() == 2, "a first and a second rollout");
    let canary = manifests::object("examples/shop/workloads.yaml", "Deployment", "web-canary")?;
    ensure!(canary["metadata"]["namespace"] == "shop");
    ensure!(canary["spec"]["template"]["spec"]["containers"][0]["name"] == "web");
    let release = manifests::object("examples/shop/release.yaml", "CanaryRelease", "web")?;
    ensure!(release["metadata"]["namespace"] == "shop");
    let mut plugins = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("kubectl delete wasmplugin ")) {
        let words: Vec<&str> = line.split_whitespace().take(3).collect();
        let [name, "-n", namespace] = words.as_slice() else { bail!("{line}") };
        let plugin = manifests::object("examples/shop/plugins.yaml", "WasmPlugin", name)?;
        ensure!(plugin["metadata"]["namespace"] == *namespace, "{line}");
        plugins += 1;
    }
    ensure!(plugins == 2, "{plugins} of two plugins are deleted");
    Ok(())
}

#[test]
fn the_overlay_of_the_install_leads_to_what_is_there() -> Result<()> {
    let text = readme::text()?;
    let overlay = blocks(&text, "yaml").find(|block| block.contains("kind: Kustomization"));
    let overlay: Value = serde_saphyr::from_str(&overlay.context("no overlay")?)?;
    let parts = ["resources", "components"].map(|field| overlay[field].as_array());
    let mut folders = 0;
    for part in parts.into_iter().flatten().flatten().filter_map(Value::as_str) {
        // The overlay is a folder of the repository.
        let folder = part.strip_prefix("../").with_context(|| part.to_owned())?;
        ensure!(artifacts::root()?.join(folder).join("kustomization.yaml").exists(), "{part}");
        folders += 1;
    }
    ensure!(folders == 3, "{folders} folders");
    let base = &manifests::documents("kustomization.yaml")?[0];
    ensure!(overlay["images"][0]["name"] == base["images"][0]["newName"], "{overlay}");
    Ok(())
}

#[test]
fn prometheus_takes_the_configuration_of_the_example() -> Result<()> {
    let (text, scratch) = (readme::text()?, Scratch::new()?);
    let example = blocks(&text, "yaml").find(|block| block.contains("scrape_configs:"));
    scratch.write("prometheus.yml", example.context("no prometheus.yml")?)?;
    promtool(&scratch, &["check", "config", "prometheus.yml"])
}

/// Of two pods one has 8 errors a minute and one 4: `(2^2 + 2^2) / 6` over one degree of freedom, as
/// the judge's own estimate has it. With a third that has none it is `(4^2 + 0 + 4^2) / 4` over two.
#[test]
fn the_rules_for_dispersion_give_the_variance_over_the_mean() -> Result<()> {
    let (text, scratch) = (readme::text()?, Scratch::new()?);
    let rules = blocks(&text, "yaml").find(|block| block.contains("web:dispersion:1h"));
    scratch.write("rules.yml", rules.context("no rules")?)?;
    let series = |pod: &str, code: u16, step: u32| {
        let of = r#"reporter="destination",destination_workload="web""#;
        let name = format!("istio_requests_total{{{of},response_code=\"{code}\",pod=\"{pod}\"}}");
        json!({"series": name, "values": format!("0+{step}x300")})
    };
    let (one, two) = (series("a", 500, 2), series("b", 503, 1));
    let none = series("c", 200, 9);
    let tests = [(vec![one.clone(), two.clone()], 1.33), (vec![one, two, none], 4.0)];
    let tests: Vec<Value> = tests
        .iter()
        .map(|(series, phi)| {
            let expected = json!({"labels": "{}", "value": phi});
            json!({
                "interval": "15s",
                "input_series": series,
                "promql_expr_test": [{
                    "expr": "round(web:dispersion:1h, 0.01)",
                    "eval_time": "70m",
                    "exp_samples": [expected],
                }],
            })
        })
        .collect();
    let tests = json!({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests});
    scratch.write("tests.yml", tests.to_string())?;
    promtool(&scratch, &["test", "rules", "tests.yml"])
}

/// That a valid release has no gate of what the business counts, as README says of its first one.
fn warned_of_business_alone(file: &Path) -> Result<()> {
    let warned = warnings(file)?;
    let [warning] = warned.as_slice() else { bail!("{warned:?}") };
    ensure!(warning.contains("no business gate"), "{warning}");
    Ok(())
}

/// What `serin check` warns of in a valid file.
fn warnings(file: &Path) -> Result<Vec<String>> {
    let told = serin(&["check", &file.to_string_lossy()])?;
    let said = String::from_utf8(told.stderr)?;
    ensure!(told.status.success(), "{}: {said}", file.display());
    Ok(said.lines().map(str::to_owned).collect())
}

/// Runs Prometheus' tool on what lies in the folder.
fn promtool(scratch: &Scratch, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(artifacts::Setup::load()?.promtool);
    let told = command.current_dir(scratch.path()).args(arguments).output()?;
    ensure!(told.status.success(), "promtool {arguments:?}: {told:?}");
    Ok(())
}

/// The first release, with the gates of the chapter on business metrics.
fn with_every_gate(text: &str) -> Result<Value> {
    let release = blocks(text, "yaml").find(|block| block.contains("kind: CanaryRelease"));
    let mut release: Value = serde_saphyr::from_str(&release.context("no release")?)?;
    let gates = blocks(text, "yaml").find(|block| block.starts_with("gates:"));
    let example: Value = serde_saphyr::from_str(&gates.context("no gates")?)?;
    let of_release = release.pointer_mut("/spec/gates").context("a release without gates")?;
    *of_release = example.get("gates").context("no gates")?.clone();
    Ok(release)
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
