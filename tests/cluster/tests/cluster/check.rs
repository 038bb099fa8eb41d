//! `kubectl serin check` on an installation that is whole, and on one that is not.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_cluster::namespace::Namespace;
use serin_cluster::released::Released;
use serin_cluster::shop::LIMIT;
use tokio::time::sleep;

/// What was found of one thing, each time that it was looked at.
pub(crate) fn outcomes<'a>(found: &'a Value, check: &str) -> Vec<&'a str> {
    let sections = found["sections"].as_array().into_iter().flatten();
    let findings = sections.filter_map(|section| section["findings"].as_array()).flatten();
    let of_check = findings.filter(|finding| finding["check"] == check);
    of_check.filter_map(|finding| finding["outcome"].as_str()).collect()
}

/// The exit code and what was printed.
pub(crate) async fn check(namespace: &Namespace, args: &[&str]) -> Result<(i32, Value)> {
    let args = [&["check", "--output=json"], args].concat();
    let asked = namespace.ask_serin(&args).await?;
    let said = String::from_utf8_lossy(&asked.stderr);
    let code = asked.status.code().context("ended by a signal")?;
    let printed = serde_json::from_slice(&asked.stdout);
    Ok((code, printed.with_context(|| format!("exit code {code}: {said}"))?))
}

#[tokio::test]
async fn an_installation_is_looked_at_and_what_is_wrong_is_told() -> Result<()> {
    let released = Released::start("check").await?;
    let namespace = &released.shop.namespace;
    let here = format!("--controller-namespace={}", namespace.name());

    // The rollout has to be scraped first.
    let until = Instant::now() + LIMIT;
    let found = loop {
        let (_, found) = check(namespace, &[&here]).await?;
        if outcomes(&found, "proxies") == ["good"] || Instant::now() > until {
            break found;
        }
        sleep(Duration::from_millis(500)).await;
    };
    for good in ["definition", "leader", "release", "route", "plugin", "proxies"] {
        ensure!(outcomes(&found, good) == ["good"], "{good}: {found:#}");
    }
    ensure!(outcomes(&found, "capacity") == ["good", "good"], "{found:#}");
    ensure!(outcomes(&found, "subset").is_empty(), "{found:#}");
    // Its account is not in this namespace.
    ensure!(outcomes(&found, "rights") == ["bad"], "{found:#}");
    let (_, found) = check(namespace, &[]).await?;
    ensure!(outcomes(&found, "rights") == ["good"], "{found:#}");

    let unreachable = ["--prometheus=http://127.0.0.1:1", &here];
    let (_, found) = check(namespace, &unreachable).await?;
    ensure!(outcomes(&found, "proxies") == ["unknown"], "{found:#}");

    ensure!(outcomes(&found, "mirror").is_empty(), "{found:#}");
    let canary = json!({"host": "web", "subset": "canary", "port": {"number": 80}});
    let copy = json!([{"op": "add", "path": "/spec/http/2/mirror", "value": canary}]).to_string();
    let to_copy = ["patch", "virtualservice", "web", "--type=json", "--patch", &copy];
    namespace.kubectl().run(&to_copy).await?;
    let (_, found) = check(namespace, &[&here]).await?;
    ensure!(outcomes(&found, "mirror") == ["doubtful"], "{found:#}");

    let rest = json!([{"op": "remove", "path": "/spec/http/2"}]).to_string();
    let take_out = ["patch", "virtualservice", "web", "--type=json", "--patch", &rest];
    namespace.kubectl().run(&take_out).await?;
    namespace.kubectl().run(&["delete", "wasmplugin", "serin"]).await?;
    namespace.kubectl().run(&["delete", "destinationrule", "web"]).await?;
    let (code, found) = check(namespace, &[&here]).await?;
    ensure!(code == 1, "exit code {code}: {found:#}");
    ensure!(outcomes(&found, "route") == ["bad"], "{found:#}");
    ensure!(outcomes(&found, "plugin") == ["bad"], "{found:#}");
    ensure!(outcomes(&found, "subset") == ["doubtful", "doubtful"], "{found:#}");
    Ok(())
}
