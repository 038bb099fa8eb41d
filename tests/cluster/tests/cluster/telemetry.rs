//! `istio/mesh-config.yaml` and `istio/telemetry.yaml`, as the real istiod makes proxies' configuration of
//! them: what is asked for, and what Envoy then logs and sends.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::shop::{Door, LIMIT, Shop};
use serin_tests::collector::Collector;
use serin_tests::{artifacts, http};
use tokio::time::{sleep, timeout};

const WHY: &str = "%FILTER_STATE(wasm.serin:PLAIN)%";

#[tokio::test]
async fn gateway_and_sidecar_log_and_trace_what_was_decided_and_why() -> Result<()> {
    let shop = Shop::start(Cluster::shared().await?, "telemetry", 100).await?;
    let collector = Collector::start().await?;
    shop.namespace.apply(&zipkin(collector.port()).to_string()).await?;
    shop.namespace.apply(&telemetry(&shop.namespace)?.to_string()).await?;
    let (revision, mut plugin) = shop.plugin(100)?;
    let config = plugin.pointer_mut("/spec/pluginConfig").and_then(Value::as_object_mut);
    config.context("no pluginConfig")?.insert("filterState".to_owned(), json!(true));
    shop.namespace.apply(&plugin.to_string()).await?;
    shop.applied(revision).await?;

    let told = format!("rollout={} variant=canary reason=hash", shop.rollout());
    for door in shop.doors() {
        configured(door).await?;
        door.side(&mut door.connect().await?, Some("anybody")).await?;
        logged(door, &told).await?;
    }
    collector.has(&format!(r#""serin.assignment":"{told}"#), LIMIT).await?;
    collector.has(r#""serin.variant":"canary""#, LIMIT).await
}

/// The collector under the name at which the provider looks for it.
fn zipkin(port: u16) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "zipkin"},
        "spec": {
            "hosts": ["zipkin.istio-system.svc.cluster.local"],
            "ports": [{"number": 9411, "name": "http", "protocol": "HTTP"}],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "endpoints": [{"address": "127.0.0.1", "ports": {"http": port}}],
        },
    })
}

/// The Telemetry as it stands in the repository, for this namespace alone, with every request traced.
fn telemetry(namespace: &Namespace) -> Result<Value> {
    let file = artifacts::root()?.join("istio/telemetry.yaml");
    let mut telemetry: Value = serde_saphyr::from_str(&fs::read_to_string(file)?)?;
    for (field, value) in [
        ("/metadata/namespace", json!(namespace.name())),
        ("/spec/tracing/0/randomSamplingPercentage", json!(100)),
    ] {
        *telemetry.pointer_mut(field).with_context(|| format!("no {field}"))? = value;
    }
    Ok(telemetry)
}

/// Waits until the proxy has a listener with the access log, its filter and both tags.
async fn configured(door: Door<'_>) -> Result<()> {
    let mut last = Value::Null;
    let wait = async {
        loop {
            let dump = http::get(door.proxy.admin().port(), "/config_dump").await?;
            let dump: Value = serde_json::from_str(&dump.text())?;
            let mut found = Vec::new();
            connection_managers(&dump, &mut found);
            if found.iter().any(|manager| is_told(manager)) {
                return anyhow::Ok(());
            }
            last = json!(found);
            sleep(Duration::from_millis(100)).await;
        }
    };
    let waited = timeout(LIMIT, wait).await;
    waited.unwrap_or_else(|_| Err(anyhow::anyhow!("{} has no such listener: {last:#}", door.host)))
}

/// All of them, wherever they stand.
fn connection_managers<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    let kind = value.get("@type").and_then(Value::as_str).unwrap_or_default();
    if kind.ends_with(".HttpConnectionManager") {
        found.push(value);
    }
    let below: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(values) => Box::new(values.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    };
    for value in below {
        connection_managers(value, found);
    }
}

fn is_told(manager: &Value) -> bool {
    let all = |pointer: &str| {
        manager.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let tagged = |name: &str, what: &str, wanted: &Value| {
        all("/tracing/custom_tags").iter().any(|it| it["tag"] == name && it[what] == *wanted)
    };
    let header = json!({"name": "x-serin-variant", "default_value": "none"});
    let logs = all("/access_log").iter().any(|log| {
        let fields = log.pointer("/typed_config/log_format/json_format").unwrap_or(&Value::Null);
        let filter = log.get("filter").unwrap_or(&Value::Null).to_string();
        fields["serin"] == WHY
            && fields["variant"] == "%REQ(x-serin-variant)%"
            && filter.contains("'x-serin-variant' in request.headers")
    });
    logs && tagged("serin.variant", "request_header", &header)
        && tagged("serin.assignment", "value", &json!(WHY))
}

/// Waits for a line of the access log.
async fn logged(door: Door<'_>, told: &str) -> Result<()> {
    let is_it = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
        text("variant") == "canary" && text("serin").starts_with(told)
    };
    let wait = async {
        while !door.proxy.log().lines().any(is_it) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let waited = timeout(LIMIT, wait).await;
    waited.with_context(|| format!("{} has logged no {told}:\n{}", door.host, door.proxy.log()))
}
