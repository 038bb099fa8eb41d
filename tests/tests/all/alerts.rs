//! The alert rules and the dashboard: everything that they ask for is exported, Prometheus takes every
//! question, and each alert fires when it should and not before.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::artifacts::{self, Setup};
use serin_tests::manifests;
use serin_tests::prometheus::{Prometheus, RULES as RULE_FILE, Target};
use serin_tests::scratch::Scratch;
use serin_tests::shop::{RELEASE, Shop};

/// A scrape, a pass and a tick take seconds; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_mins(1);

const RULES: &str = "components/alerts/rules.yaml";

fn rules() -> Result<Vec<Value>> {
    let object = manifests::object(RULES, "PrometheusRule", "serin")?;
    let rules = object.pointer("/spec/groups/0/rules").and_then(Value::as_array).cloned();
    rules.context("no rules")
}

fn expressions() -> Result<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut all: Vec<String> = rules()?.iter().filter_map(|rule| text(&rule["expr"])).collect();
    let file = artifacts::root()?.join("istio/dashboard.json");
    let board: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let panels = board.get("panels").and_then(Value::as_array);
    for panel in panels.context("no panels")? {
        let targets = panel["targets"].as_array().context("a panel without a question")?;
        all.extend(targets.iter().filter_map(|target| text(&target["expr"])));
    }
    Ok(all)
}

/// What Grafana puts in for its variables.
fn filled(expression: &str) -> String {
    expression.replace("$namespace", ".*").replace("$name", ".*").replace("$__rate_interval", "1m")
}

/// The names of our metrics in an expression.
fn metrics(expression: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let names = expression.split(word).filter(|name| name.starts_with("serin_"));
    names.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_alerts_and_dashboard_ask_for_is_exported() -> Result<()> {
    let shop = Shop::start("[{weight: 50%, bake: 1h}]").await?;
    let targets = [Target::envoy(shop.envoy.admin().port()), Target::metrics("serin", shop.port())];
    let scratch = Scratch::named(&shop.scratch.folder("board")?)?;
    scratch.write(RULE_FILE, rule_file(&rules()?))?;
    let prometheus = Prometheus::start(&targets, &scratch).await?;
    let controller = shop.control().await?;

    let asked: BTreeSet<String> = expressions()?.iter().flat_map(|it| metrics(it)).collect();
    ensure!(asked.len() >= 10, "{asked:?}");
    for metric in &asked {
        prometheus.answers(metric, LIMIT).await?;
    }
    for expression in expressions()? {
        prometheus.query(&filled(&expression)).await.context(expression)?;
    }

    // Nothing fires while all is well, and a rollback does.
    let firing = "ALERTS{alertstate=\"firing\"}";
    ensure!(prometheus.query(firing).await?.is_empty(), "{:?}", prometheus.query(firing).await?);
    controller.api().until(RELEASE, LIMIT, |s| s.step_clock.is_some()).await?;
    shop.fail_canary(0.5);
    let rolled_back = "ALERTS{alertstate=\"firing\",alertname=\"SerinRolledBack\",name=\"shop\"}";
    prometheus.answers(rolled_back, LIMIT).await
}

fn rule_file(rules: &[Value]) -> String {
    json!({"groups": [{"name": "serin", "rules": rules}]}).to_string()
}

/// One alert: what is seen from the first minute on, when it must not fire yet, and when it must.
struct Case {
    alert: &'static str,
    series: &'static [(&'static str, &'static str)],
    quiet: &'static str,
    loud: &'static str,
    labels: Value,
}

fn cases() -> Vec<Case> {
    const UP: (&str, &str) = ("serin_build_info", "1x100");
    let of = |more: Value| {
        let mut labels = json!({"namespace": "shop", "name": "web"});
        if let (Some(labels), Some(more)) = (labels.as_object_mut(), more.as_object()) {
            labels.extend(more.clone());
        }
        labels
    };
    macro_rules! series {
        ($name:literal, $label:literal) => {
            concat!("serin_release_", $name, "{namespace=\"shop\",name=\"web\",", $label, "}")
        };
    }
    vec![
        Case {
            alert: "SerinRolledBack",
            series: &[
                UP,
                (series!("phase", "phase=\"Progressing\""), "1x4 0x96"),
                (series!("phase", "phase=\"RolledBack\""), "0x4 1x95"),
            ],
            quiet: "4m",
            loud: "6m",
            labels: of(json!({"phase": "RolledBack"})),
        },
        Case {
            alert: "SerinRollbackNotEffective",
            series: &[UP, (series!("alert", "alert=\"RollbackNotEffective\""), "0x4 1x95")],
            quiet: "4m",
            loud: "6m",
            labels: of(json!({"alert": "RollbackNotEffective"})),
        },
        Case {
            alert: "SerinNeedsAPerson",
            series: &[
                UP,
                (series!("alert", "alert=\"Frozen\""), "0x4 1x95"),
                (series!("alert", "alert=\"NotLive\""), "1x100"),
            ],
            quiet: "5m",
            loud: "7m",
            labels: of(json!({"alert": "Frozen"})),
        },
        Case {
            alert: "SerinStuck",
            series: &[
                UP,
                (series!("phase", "phase=\"Promoting\""), "1x100"),
                (series!("phase", "phase=\"Progressing\""), "1x100"),
            ],
            quiet: "29m",
            loud: "31m",
            labels: of(json!({"phase": "Promoting"})),
        },
        Case {
            alert: "SerinMetricsMissing",
            series: &[
                UP,
                (series!("gate", "gate=\"errors\",verdict=\"Broken\""), "0x4 1x95"),
                (series!("gate", "gate=\"errors\",verdict=\"Pass\""), "1x4 0x95"),
            ],
            quiet: "6m",
            loud: "8m",
            labels: of(json!({})),
        },
        Case {
            alert: "SerinDataPlaneDoesNotFollow",
            series: &[UP, (series!("alert", "alert=\"NotLive\""), "0x4 1x95")],
            quiet: "4m",
            loud: "6m",
            labels: of(json!({"alert": "NotLive"})),
        },
        Case {
            alert: "SerinSourceStale",
            series: &[UP, ("serin_source_state{instance=\"gateway\"}", "1x4 2x95")],
            quiet: "5m",
            loud: "7m",
            labels: json!({"instance": "gateway"}),
        },
        Case {
            alert: "SerinControllerDown",
            series: &[("serin_build_info", "1x4 stale")],
            quiet: "6m",
            loud: "8m",
            labels: json!({}),
        },
    ]
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() -> Result<()> {
    let scratch = Scratch::new()?;
    let promtool = |args: &[&str]| -> Result<()> {
        let said = Command::new(Setup::load()?.promtool).args(args).output()?;
        let (out, err) =
            (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        ensure!(said.status.success(), "promtool {args:?}: {out}{err}");
        Ok(())
    };
    let rules = rules()?;
    // With their texts, whose templates are checked here.
    let whole = scratch.write("whole.yaml", rule_file(&rules))?;
    promtool(&["check", "rules", &whole.to_string_lossy()])?;

    let mut severities = serde_json::Map::new();
    let mut bare = rules.clone();
    for rule in &mut bare {
        let rule = rule.as_object_mut().context("no rule")?;
        rule.remove("annotations").context("an alert without a text")?;
        let name = rule["alert"].as_str().context("no name")?.to_owned();
        severities.insert(name, rule["labels"]["severity"].clone());
    }
    scratch.write("rules.yaml", rule_file(&bare))?;
    let cases = cases();
    let tried: BTreeSet<&str> = cases.iter().map(|case| case.alert).collect();
    let named: BTreeSet<&str> = severities.keys().map(String::as_str).collect();
    ensure!(tried == named, "tried {tried:?}, there are {named:?}");
    let tests: Vec<Value> = cases
        .into_iter()
        .map(|case| {
            let Case { alert, series, quiet, loud, mut labels } = case;
            labels["severity"] = severities[alert].clone();
            let series: Vec<_> = series
                .iter()
                .map(|(series, values)| json!({"series": series, "values": values}))
                .collect();
            json!({"interval": "1m", "input_series": series, "alert_rule_test": [
                {"eval_time": quiet, "alertname": alert, "exp_alerts": []},
                {"eval_time": loud, "alertname": alert, "exp_alerts": [{"exp_labels": labels}]},
            ]})
        })
        .collect();
    let test = json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests});
    let test = scratch.write("test.yaml", test.to_string())?;
    promtool(&["test", "rules", &test.to_string_lossy()])
}
