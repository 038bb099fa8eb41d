//! What the alert rules and the dashboard ask for, and the names that the controller has for it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serin_rollout::{Alert, Phase, Reason, Verdict};
use serin_tests::artifacts;
use serin_tests::manifests;

const RULES: &str = "components/alerts/rules.yaml";

/// The panels that show trouble alone, which is there where this stands in place of that.
const QUIET: [(&str, &str, &str); 2] =
    [("Alerts", "== 1", "== 0"), ("Proxies that are behind", "< on", ">= on")];

/// The rules.
pub(super) fn rules() -> Result<Vec<Value>> {
    let object = manifests::object(RULES, "PrometheusRule", "serin")?;
    let rules = object.pointer("/spec/groups/0/rules").and_then(Value::as_array).cloned();
    rules.context("no rules")
}

fn board() -> Result<Value> {
    let file = artifacts::root()?.join("istio/dashboard.json");
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// A panel's questions, by its title.
fn panels() -> Result<Vec<(String, String)>> {
    let board = board()?;
    let mut all = Vec::new();
    let panels = board.get("panels").and_then(Value::as_array);
    for panel in panels.context("no panels")? {
        let title = panel["title"].as_str().context("a panel without a title")?;
        let targets = panel["targets"].as_array().context("a panel without a question")?;
        for target in targets {
            let expression = target["expr"].as_str().context("no expression")?;
            all.push((title.to_owned(), expression.to_owned()));
        }
    }
    Ok(all)
}

/// All that is asked, with the questions by which Grafana fills its variables.
pub(super) fn expressions() -> Result<Vec<String>> {
    let rules = rules()?;
    let of_rules = rules.iter().filter_map(|rule| rule["expr"].as_str().map(str::to_owned));
    let of_panels = panels()?.into_iter().map(|(_, expression)| expression);
    Ok(of_rules.chain(of_panels).chain(variables()?).collect())
}

/// What Grafana asks for the values of its variables, each as Prometheus is asked for it.
pub(super) fn variables() -> Result<Vec<String>> {
    let board = board()?;
    let list = board.pointer("/templating/list").and_then(Value::as_array);
    let queries =
        list.context("no variables")?.iter().filter(|variable| variable["type"] == "query");
    queries
        .map(|variable| {
            let query = variable["query"].as_str().context("no query")?;
            let inner = query.strip_prefix("label_values(").and_then(|it| it.strip_suffix(')'));
            let (series, label) = inner.and_then(|it| it.rsplit_once(", ")).context("another")?;
            Ok(format!("count by ({label}) ({series})"))
        })
        .collect()
}

/// A question for each panel that is answered while a rollout is on its way.
pub(super) fn pictures() -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (title, expression) in panels()? {
        let quiet = QUIET.iter().find(|(panel, ..)| *panel == title);
        let asked = quiet
            .map_or_else(|| expression.clone(), |(_, one, other)| expression.replace(one, other));
        ensure!(quiet.is_none() || asked != expression, "{title}: {expression}");
        all.push(filled(&asked));
    }
    Ok(all)
}

/// What Grafana puts in for its variables.
pub(super) fn filled(expression: &str) -> String {
    expression.replace("$namespace", ".*").replace("$name", ".*").replace("$__rate_interval", "1m")
}

/// The names of our metrics in an expression.
pub(super) fn metrics(expression: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let names = expression.split(word).filter(|name| name.starts_with("serin_"));
    names.map(str::to_owned).collect()
}

/// A label that an expression asks for, with one of its values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) metric: String,
    pub(super) label: String,
    pub(super) value: String,
    /// Whether it is asked for, or for all others.
    pub(super) is: bool,
}

/// The labels that an expression asks for by value, those of a list one by one.
pub(super) fn labels(expression: &str) -> Vec<Asked> {
    let mut all = Vec::new();
    for (before, inner) in expression
        .match_indices('{')
        .filter_map(|(at, _)| Some((expression.get(..at)?, expression.get(at + 1..)?)))
    {
        let Some((inner, _)) = inner.split_once('}') else { continue };
        let other = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let metric = before.rsplit(other).next().unwrap_or_default();
        for matcher in inner.split(',') {
            let Some((label, value)) = matcher.split_once(['=', '!']) else { continue };
            let is = !matcher.contains("!=") && !matcher.contains("!~");
            let values = value.trim_start_matches(['=', '~']).trim_matches('"');
            for value in values.split('|').filter(|value| !value.contains('$')) {
                all.push(Asked {
                    metric: metric.to_owned(),
                    label: label.trim().to_owned(),
                    value: value.to_owned(),
                    is,
                });
            }
        }
    }
    all
}

/// The names of an enum's variants, as the controller writes them in labels. They are in the words
/// with which it refuses any other name.
pub(super) fn names<T: DeserializeOwned>() -> BTreeSet<String> {
    let refused = serde_json::from_str::<T>("\"?\"").err();
    let refused = refused.map(|error| error.to_string()).unwrap_or_default();
    let named = refused.split('`').skip(3).step_by(2);
    let capital = |name: &str| match name.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    named.map(capital).collect()
}

/// The values that a label may have; `None` of one whose values are not the controller's to name.
fn known(label: &str) -> Option<BTreeSet<String>> {
    match label {
        "alert" => Some(names::<Alert>()),
        "phase" => Some(names::<Phase>()),
        "verdict" => Some(names::<Verdict>()),
        _ => None,
    }
}

#[test]
fn the_names_of_the_controllers_words_are_found() {
    assert_eq!(names::<Phase>().len(), 6);
    assert!(names::<Alert>().contains(&format!("{:?}", Alert::RollbackNotEffective)));
    assert!(names::<Verdict>().contains(&format!("{:?}", Verdict::NoComparison)));
    assert!(names::<Reason>().contains(&format!("{:?}", Reason::Harm)));
}

#[test]
fn every_value_that_a_rule_or_a_panel_asks_for_is_a_word_of_the_controllers() -> Result<()> {
    let mut checked = 0;
    for expression in expressions()? {
        for asked in labels(&expression) {
            let of_a_release = asked.metric.starts_with("serin_release_");
            let Some(known) = known(&asked.label).filter(|_| of_a_release) else { continue };
            ensure!(known.contains(&asked.value), "{asked:?} in {expression}: {known:?}");
            checked += 1;
        }
    }
    ensure!(checked >= 10, "{checked} values only");
    Ok(())
}

/// So that a new alert is no figure that nobody looks at.
#[test]
fn every_alert_of_the_controllers_has_a_rule_that_fires_for_it() -> Result<()> {
    let rules = rules()?;
    for alert in names::<Alert>() {
        let fires = rules.iter().filter_map(|rule| rule["expr"].as_str()).any(|expression| {
            let asked: Vec<Asked> = labels(expression)
                .into_iter()
                .filter(|it| it.metric == "serin_release_alert" && it.label == "alert")
                .collect();
            let named = asked.iter().find(|it| it.value == alert);
            // A list of others stands for all that it does not name.
            named.map_or_else(|| asked.iter().any(|it| !it.is), |named| named.is)
        });
        ensure!(fires, "no rule fires for {alert}");
    }
    Ok(())
}
