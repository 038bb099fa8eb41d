//! README's recipes for Argo CD and Flux name what is in the example. That the tools do with them what
//! README says is seen by `make test-gitops`.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::manifests;
use serin_tests::readme::{self, blocks};

/// The example with this field.
fn recipe(field: &str) -> Result<Value> {
    let text = readme::text()?;
    let block = blocks(&text, "yaml").find(|block| block.contains(field));
    Ok(serde_saphyr::from_str(&block.context("no recipe")?)?)
}

#[test]
fn the_recipe_for_flux_names_each_weight_of_the_examples_route_and_stables_template() -> Result<()>
{
    let recipe = recipe("\n  ignore:\n")?;
    let rules = recipe["spec"]["ignore"].as_array().context("no rules")?;
    let paths = |kind: &str, name: &str, group: &str| {
        let target = json!({"group": group, "kind": kind, "name": name});
        let mut rules = rules.iter().filter(move |rule| rule["target"] == target);
        let paths = rules.next().and_then(|rule| rule["paths"].as_array()).into_iter().flatten();
        paths.filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<String>>()
    };
    ensure!(paths("Deployment", "web", "apps") == BTreeSet::from(["/spec/template".to_owned()]));
    let route = manifests::object("examples/shop/routes.yaml", "VirtualService", "web")?;
    let mut weights = BTreeSet::new();
    for (entry, http) in route["spec"]["http"].as_array().context("no entries")?.iter().enumerate()
    {
        for (side, _) in http["route"].as_array().context("no route")?.iter().enumerate() {
            weights.insert(format!("/spec/http/{entry}/route/{side}/weight"));
        }
    }
    let named = paths("VirtualService", "web", "networking.istio.io");
    ensure!(named == weights, "{named:?}, not {weights:?}");
    stable_exists()
}

#[test]
fn the_recipe_for_argo_cd_names_the_weights_of_the_examples_route_and_stables_template()
-> Result<()> {
    let recipe = recipe("ignoreDifferences:")?;
    let expected = json!([
        {
            "group": "networking.istio.io", "kind": "VirtualService", "name": "web",
            "jqPathExpressions": [".spec.http[].route[].weight"],
        },
        {"group": "apps", "kind": "Deployment", "name": "web", "jsonPointers": ["/spec/template"]},
    ]);
    ensure!(recipe["spec"]["ignoreDifferences"] == expected, "{recipe:#}");
    let options = &recipe["spec"]["syncPolicy"]["syncOptions"];
    ensure!(options == &json!(["RespectIgnoreDifferences=true"]), "{options}");
    stable_exists()
}

/// The Deployment that both name is the example's stable side.
fn stable_exists() -> Result<()> {
    let release = manifests::object("examples/shop/release.yaml", "CanaryRelease", "web")?;
    let stable = release.pointer("/spec/target/stable").and_then(Value::as_str);
    ensure!(stable == Some("web"), "{stable:?}");
    manifests::object("examples/shop/workloads.yaml", "Deployment", "web").map(drop)
}
