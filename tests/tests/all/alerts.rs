//! The alert rules and the dashboard: everything that they ask for is exported, Prometheus takes every
//! question, and each alert fires when it should and not before.

mod asked;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_rollout::{Alert, Phase, Verdict};
use serin_tests::artifacts::Setup;
use serin_tests::controller::Status;
use serin_tests::prometheus::{Prometheus, RULES as RULE_FILE, Target};
use serin_tests::scratch::Scratch;
use serin_tests::shop::{RELEASE, Shop};

use asked::{expressions, filled, metrics, names, pictures, rules, variables};

/// A scrape, a pass and a tick take seconds; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_mins(1);

/// The rules whose alerts are brought about on the real Prometheus without their waiting times, which
/// are tried on its clock below.
const AT_ONCE: [&str; 2] = ["SerinMetricsMissing", "SerinControllerDown"];

/// A rollout that waits for a person, and tells at once of what nobody plans to wait for.
const STEPS: &str = "[{weight: 50%, bake: 1s, approval: manual}, {weight: 100%, bake: 1h}]\n  \
                     policy: {heldAlertAfter: 1s}";

/// A system that nobody reaches.
const NOBODY: &str =
    "{name: board, kind: webhook, before: rise, url: 'http://127.0.0.1:1/', timeout: 1s}";

/// A query that gives more than one number.
const SEVERAL: &str = "{name: several, kind: threshold, min: 0, window: 4s, query: 'up'}";

/// The rules as they are on the real Prometheus.
fn rules_at_once() -> Result<Vec<Value>> {
    let mut rules = rules()?;
    for rule in &mut rules {
        let at_once = rule["alert"].as_str().is_some_and(|name| AT_ONCE.contains(&name));
        if let Some(rule) = rule.as_object_mut().filter(|_| at_once) {
            rule.remove("for").context("it fires at once anyway")?;
        }
    }
    Ok(rules)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_alerts_and_dashboard_ask_for_is_exported() -> Result<()> {
    let mut shop = Shop::start_with_tripwire(STEPS).await?;
    let targets = [Target::envoy(shop.envoy.admin().port()), Target::metrics("serin", shop.port())];
    let scratch = Scratch::named(&shop.scratch.folder("board")?)?;
    scratch.write(RULE_FILE, rule_file(&rules_at_once()?))?;
    let prometheus = Prometheus::start(&targets, &scratch).await?;
    let mut controller = shop.control().await?;
    let api = controller.api();

    let asked: BTreeSet<String> = expressions()?.iter().flat_map(|it| metrics(it)).collect();
    ensure!(asked.len() >= 10, "{asked:?}");
    for metric in &asked {
        prometheus.answers(metric, LIMIT).await?;
    }
    for expression in expressions()? {
        prometheus.query(&filled(&expression)).await.context(expression)?;
    }
    // Each word that the controller has is a series, so that a rule that names it may fire.
    let words = [
        ("serin_release_alert", "alert", names::<Alert>()),
        ("serin_release_phase", "phase", names::<Phase>()),
        ("serin_release_gate", "verdict", names::<Verdict>()),
    ];
    for (metric, label, word) in
        words.iter().flat_map(|(metric, label, all)| all.iter().map(move |it| (metric, label, it)))
    {
        prometheus.answers(&format!("{metric}{{{label}=\"{word}\"}}"), LIMIT).await?;
    }

    // Nothing fires while all is well. Before its first scrape the controller was truly not there, which
    // is over with the next evaluation of the rules.
    let fires = |alert: &str| format!("ALERTS{{alertstate=\"firing\",alertname=\"{alert}\"}}");
    let waits = |s: &Status| s.reason.as_deref() == Some("WaitingForApproval");
    api.until(RELEASE, LIMIT, waits).await?;
    prometheus.answers(&format!("absent({})", fires("SerinControllerDown")), LIMIT).await?;
    let firing = "ALERTS{alertstate=\"firing\"}";
    ensure!(prometheus.query(firing).await?.is_empty(), "{:?}", prometheus.query(firing).await?);
    for variable in variables()? {
        prometheus.answers(&filled(&variable), LIMIT).await?;
    }

    shop.gate(NOBODY)?;
    controller.reload()?;
    api.command(RELEASE, "approve").await?;
    prometheus.answers(&fires("SerinHeld"), LIMIT).await?;
    shop.gate(SEVERAL)?;
    controller.reload()?;
    prometheus.answers(&fires("SerinMetricsMissing"), LIMIT).await?;
    shop.fail_canary(0.5);
    prometheus.answers(&fires("SerinRolledBack"), LIMIT).await?;
    // By now there are errors to be seen.
    for picture in pictures()? {
        prometheus.answers(&picture, LIMIT).await?;
    }
    controller.process().kill()?;
    prometheus.answers(&fires("SerinControllerDown"), LIMIT).await
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
            alert: "SerinHeld",
            series: &[
                UP,
                (series!("alert", "alert=\"Held\""), "0x4 1x95"),
                (series!("phase", "phase=\"Progressing\""), "1x100"),
            ],
            quiet: "4m",
            loud: "6m",
            labels: of(json!({"alert": "Held"})),
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
