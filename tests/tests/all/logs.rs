//! Access logs and traces say what was decided and why, by the examples that users copy.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::artifacts;
use serin_tests::collector::Collector;
use serin_tests::configuration::Configuration;
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::site::{CANARY, STABLE, see};
use serin_tests::webapp::{Behaviour, WebApp};
use tokio::time::{sleep, timeout};

const HOST: &str = "shop.example.com";
/// Envoy writes logs and sends spans within seconds.
const LIMIT: Duration = Duration::from_secs(20);
/// Where spans go in the example.
const COLLECTOR: u16 = 9_411;
/// What is to be told of a tester, and of somebody without an id.
const TOLD: [&str; 2] = [
    "rollout=demo/shop variant=canary reason=opt-in",
    "rollout=demo/shop variant=stable reason=anonymous",
];

#[tokio::test]
async fn logs_and_traces_say_what_was_decided_and_why() -> Result<()> {
    decisions_are_told(|example| example).await
}

/// The same with a changed example.
pub(crate) async fn decisions_are_told(
    change: impl FnOnce(Configuration) -> Configuration,
) -> Result<()> {
    let collector = Collector::start().await?;
    let example = Configuration::example("logs.yaml")?
        .replace("random_sampling: {value: 1}", "random_sampling: {value: 100}")?
        .port(COLLECTOR, collector.port())?;
    let Logged { lines: log, .. } = &logged(change(example)).await?;
    for (told, side) in TOLD.into_iter().zip(["canary", "stable"]) {
        let line = log.iter().find(|line| line["serin"] == told);
        let line = line.with_context(|| format!("no {told} in {log:?}"))?;
        ensure!(line["variant"] == side && line["cluster"] == format!("shop-{side}"), "{line}");
        ensure!(line["status"] == 200, "{line}");
        collector.has(&format!(r#""serin.assignment":"{told}""#), LIMIT).await?;
        collector.has(&format!(r#""serin.variant":"{side}""#), LIMIT).await?;
    }
    Ok(())
}

/// The fields that Istio's proxies are given, in Envoy's own form of the same format.
#[tokio::test]
async fn istios_format_says_the_same() -> Result<()> {
    let mesh = istio("mesh-config.yaml")?;
    let providers = mesh["meshConfig"]["extensionProviders"].as_array().context("providers")?;
    let named = |name: &Value| providers.iter().find(|provider| provider["name"] == *name);
    let telemetry = istio("telemetry.yaml")?;
    ensure!(telemetry["apiVersion"] == "telemetry.istio.io/v1" && telemetry["kind"] == "Telemetry");
    for what in ["accessLogging", "tracing"] {
        for entry in telemetry["spec"][what].as_array().context(what)? {
            let name = &entry["providers"][0]["name"];
            named(name).with_context(|| format!("{what} names {name}"))?;
        }
    }
    let tags = &telemetry["spec"]["tracing"][0]["customTags"];
    ensure!(tags["serin.variant"]["header"]["name"] == "x-serin-variant", "{tags}");
    let why = &tags["serin.assignment"]["formatter"]["value"];
    ensure!(why == "%FILTER_STATE(wasm.serin:PLAIN)%", "{tags}");
    let log = named(&Value::from("serin-access-log")).context("no serin-access-log")?;
    let labels = &log["envoyFileAccessLog"]["logFormat"]["labels"];

    let example = fs::read_to_string(artifacts::example("logs.yaml")?)?;
    let from = example.find("json_format:").context("no json_format")?;
    let to = example.find("          tracing:").context("no tracing")?;
    let format = example.get(from..to).context("tracing stands before json_format")?;
    let of_istio = format!("json_format: {labels}\n");
    let expression = &telemetry["spec"]["accessLogging"][0]["filter"]["expression"];
    let filter = json!({"extension_filter": {"name": "cel", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": expression,
    }}});
    let logger = "- name: envoy.access_loggers.stdout\n";
    let example = Configuration::example("logs.yaml")?
        .replace(format, &of_istio)?
        .replace(logger, &format!("{logger}            filter: {filter}\n"))?
        .replace(r#""hosts": ["*"]"#, &format!(r#""hosts": ["{HOST}"]"#))?;
    let log = logged(example).await?.lines;
    ensure!(log.len() == TOLD.len(), "more than what was decided: {log:?}");
    for told in TOLD {
        ensure!(log.iter().any(|line| line["serin"] == told), "no {told} in {log:?}");
    }
    Ok(())
}

fn istio(name: &str) -> Result<Value> {
    let file = artifacts::root()?.join("istio").join(name);
    let text = fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("{}", file.display()))
}

/// What is logged, by an Envoy that still runs.
struct Logged {
    lines: Vec<Value>,
    _envoy: Envoy,
    _applications: [WebApp; 2],
    _scratch: Scratch,
}

/// Runs an example for a request to another host, a tester and somebody without an id.
async fn logged(example: Configuration) -> Result<Logged> {
    let scratch = Scratch::new()?;
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
    let example = example.port(STABLE, stable.port())?.port(CANARY, canary.port())?;
    let mut envoy = Envoy::start("envoy", &example, &scratch).await?;
    see(envoy.port(), "other.example.com", "/", &[]).await?;
    see(envoy.port(), HOST, "/", &[("x-serin-opt-in", b"canary")]).await?;
    see(envoy.port(), HOST, "/", &[]).await?;
    let wait = async {
        loop {
            let log = envoy.process().log();
            let lines = log.lines().filter(|line| line.starts_with('{'));
            let lines: Vec<Value> = lines.filter_map(|it| serde_json::from_str(it).ok()).collect();
            if TOLD.iter().all(|told| lines.iter().any(|line| line["serin"] == *told)) {
                return lines;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let lines = timeout(LIMIT, wait).await;
    let lines = lines.with_context(|| format!("lines are missing:\n{}", envoy.process().tail()))?;
    Ok(Logged { lines, _envoy: envoy, _applications: [stable, canary], _scratch: scratch })
}
