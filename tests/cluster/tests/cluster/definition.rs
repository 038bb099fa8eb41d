//! What the API server makes of releases: it refuses early, and in the words of `serin check`.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_tests::artifacts;

/// Every kind of field that a schema could get wrong: recursion, numbers and texts in one field,
/// maps.
fn release(name: &str) -> Value {
    json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": name},
        "spec": {
            "target": {"stable": "web", "canary": "web-canary"},
            "traffic": {
                "virtualService": "web",
                "stable": {"host": "web", "subset": "stable", "port": 80},
                "canary": {"host": "web", "subset": "canary", "port": 80},
            },
            "assignment": {
                "identity": [
                    {"header": "x-user-id"},
                    {"jwt": {"claim": ["user", "id"], "metadata": "payload"}},
                    {"jwt": {"claim": "sub", "metadata": "payload"}},
                ],
                "exclude": [{"any": [{"all": [{"header": "a", "is": "b"}]}]}],
                "eligible": {"not": {"header": "x-bot", "present": true}},
                "users": {"salt": "s", "canary": ["8ef0a83dd7f131c3056c4757d873b7b9"]},
                "segments": [{
                    "name": "staff", "when": {"cookie": "staff", "is": "yes"}, "variant": "canary",
                }],
            },
            "metrics": {"prometheus": {"address": "http://prometheus:9090", "headers": {"a": "b"}}},
            "evidence": {"alpha": 0.01},
            "steps": [
                {"weight": "0.25%", "bake": "10m", "minRequests": 500},
                {"weight": "9%", "detect": "2x", "atMost": "2h"},
                {"weight": "100%", "bake": "10m", "approval": "manual"},
            ],
            "gates": [
                {"name": "errors", "kind": "errorRate", "margin": 1.2, "weight": 2},
                {"name": "load", "kind": "threshold", "query": "up", "max": "0.8"},
            ],
        },
    })
}

async fn namespace(name: &str) -> Result<Namespace> {
    let namespace = Cluster::shared().await?.namespace(name).await?;
    let file = artifacts::root()?.join("istio/crd.yaml");
    let kubectl = namespace.kubectl();
    // Another test may be about the same at the same moment.
    let apply = ["apply", "--server-side", "--force-conflicts", "--filename"];
    kubectl.run(&[&apply[..], &[&file.to_string_lossy()]].concat()).await?;
    kubectl.run(&["wait", "--for=condition=Established", "crd/canaryreleases.serin.dev"]).await?;
    Ok(namespace)
}

/// What is said of a release with such a change.
async fn refused(namespace: &Namespace, change: impl FnOnce(&mut Value)) -> Result<String> {
    let mut object = release("refused");
    change(&mut object);
    match namespace.apply(&object.to_string()).await {
        Ok(()) => anyhow::bail!("accepted: {object:#}"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

#[tokio::test]
async fn a_release_is_kept_as_it_is_written() -> Result<()> {
    let namespace = namespace("definition-good").await?;
    let object = release("web");
    namespace.apply(&object.to_string()).await?;
    let stored = namespace.get("crel", "web").await?;
    ensure!(stored["spec"] == object["spec"], "{:#}", stored["spec"]);
    Ok(())
}

#[tokio::test]
async fn a_release_that_breaks_a_rule_is_refused_in_our_words() -> Result<()> {
    let namespace = namespace("definition-bad").await?;
    for (path, value, told) in [
        (
            "/target",
            json!(null),
            "spec.target: Invalid value: \"object\": missing: the Deployments",
        ),
        ("/target/canary", json!("web"), "another one than stable's"),
        ("/target/capacity", json!("auto"), "supported values: \"scale\", \"ignore\""),
        ("/traffic/virtualService", json!(null), "missing: the name of the object whose weights"),
        ("/traffic/hosts", json!(["a"]), "they are those of the object whose weights"),
        ("/traffic/httpRoute", json!("web"), "one object whose weights are moved"),
        ("/traffic/entries", json!({"only": "a", "rest": "b"}), "in place of the other three"),
        ("/traffic/canary/subset", json!("stable"), "the canary's destination is another one"),
        ("/traffic/canary/host", json!(null), "missing: the destination's host"),
        ("/traffic/canary/port", json!(null), "missing: the service's port"),
        ("/steps", json!([]), "at least 1 item"),
        ("/steps/0/weight", json!("5"), "a weight is a percentage from 0% to 100%"),
        ("/steps/2/weight", json!("100.5%"), "a weight is a percentage from 0% to 100%"),
        ("/steps/0/weight", json!("0%"), "weights are above 0% and rise from step to step"),
        ("/steps/1/weight", json!("0.25%"), "weights are above 0% and rise from step to step"),
        // As texts 10% is before 9%.
        ("/steps/0/weight", json!("10%"), "weights are above 0% and rise from step to step"),
        ("/steps/0/detect", json!("2x"), "a step lasts for a `bake` time"),
        ("/steps/0/atMost", json!("2h"), "a step with `detect`, and no other"),
        ("/metrics/targets", json!({"urls": ["http://a/"]}), "either prometheus, or targets"),
        ("/gates/1/name", json!("errors"), "Duplicate value"),
        ("/gates/0/kind", json!("errors"), "Unsupported value"),
        ("/steps/0/weigth", json!("5%"), "unknown field \"spec.steps[0].weigth\""),
    ] {
        let said = refused(&namespace, |object| put(&mut object["spec"], path, value)).await?;
        ensure!(said.contains(told), "{path}: {said}");
    }
    let kept = |object: &mut Value| {
        put(&mut object["spec"], "/onSuccess", json!("keep"));
        put(&mut object["spec"], "/steps/2/weight", json!("99.5%"));
    };
    for (kind, told) in [
        ("/traffic/httpRoute", "subsets are those of a VirtualService"),
        ("/traffic/traefikService", "missing: a release takes at least one host"),
        ("/traffic/ingress", "only a VirtualService and an HTTPRoute have entries"),
    ] {
        let moved = |object: &mut Value| {
            put(&mut object["spec"], "/traffic/virtualService", json!(null));
            put(&mut object["spec"], "/traffic/entries", json!({}));
            put(&mut object["spec"], kind, json!("web"));
        };
        let said = refused(&namespace, moved).await?;
        ensure!(said.contains(told), "{kind}: {said}");
    }
    let said = refused(&namespace, kept).await?;
    ensure!(said.contains("with `keep` the last step has 100%"), "{said}");
    let said = refused(&namespace, |object| object["metadata"]["name"] = json!("a.b")).await?;
    ensure!(said.contains("metadata.name: a name is 1 to 63"), "{said}");
    Ok(())
}

/// Puts a value at a path, or takes away what is there.
fn put(object: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(fields) = object.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    if value.is_null() {
        fields.remove(name);
    } else {
        fields.insert(name.to_owned(), value);
    }
}

#[tokio::test]
async fn target_and_traffic_are_frozen_while_a_rollout_is_under_way() -> Result<()> {
    let namespace = namespace("definition-frozen").await?;
    namespace.apply(&release("web").to_string()).await?;
    let kubectl = namespace.kubectl();
    let set = async |spec: Value| {
        kubectl.patch(&["crel", "web"], &json!({"spec": spec})).await.map_err(|e| format!("{e:#}"))
    };
    for phase in ["Pending", "Progressing", "Promoting", "RollingBack", "Succeeded", "RolledBack"] {
        let frozen = matches!(phase, "Progressing" | "Promoting" | "RollingBack");
        let status = json!({"status": {"phase": phase}});
        kubectl.patch(&["crel", "web", "--subresource", "status"], &status).await?;
        for change in [
            json!({"target": {"canary": format!("other-{}", phase.to_lowercase())}}),
            json!({"traffic": {"paths": [format!("/{phase}")]}}),
            json!({"traffic": {"canary": {"subset": phase.to_lowercase()}}}),
        ] {
            match set(change.clone()).await {
                Ok(()) => ensure!(!frozen, "{phase}: {change} was taken"),
                Err(said) => {
                    ensure!(frozen, "{phase}: {change}: {said}");
                    ensure!(said.contains("frozen while a rollout is under way"), "{said}");
                }
            }
        }
        // A plan may change at any time.
        let minutes = format!("{}m", phase.len());
        set(json!({"steps": [{"weight": "100%", "bake": minutes}]}))
            .await
            .map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

#[tokio::test]
async fn people_see_and_wait_for_the_status() -> Result<()> {
    let namespace = namespace("definition-status").await?;
    namespace.apply(&release("web").to_string()).await?;
    let status = json!({
        "observedGeneration": 1, "phase": "Succeeded", "step": 3, "steps": 3, "weight": "100%",
        "version": "5d4f8c", "reason": "Succeeded", "message": "v2 serves", "revision": 12,
        "observedShare": "24.8%", "trippedProxies": 1, "canaryServes": true, "servingDeployment": "web", "salt": "s",
        "paused": "person", "record": "{\"a\":1}", "warnings": ["w"],
        "conditions": [{
            "type": "Succeeded", "status": "True", "observedGeneration": 1, "reason": "Succeeded",
            "lastTransitionTime": "2026-11-23T19:00:00Z", "message": "v2 serves",
        }],
        "gates": [{
            "name": "errors", "verdict": "pass", "detail": "d", "at": "2026-11-23T19:00:00Z",
            "measure": "errorRate", "canaryRequests": 1, "canaryEvents": 1, "stableRequests": 1,
            "stableEvents": 1, "ratio": "1.50", "ratioLow": "0.50", "ratioHigh": "inf",
            "logE": "0.25",
        }],
        "alerts": [{"name": "NotLive", "since": "2026-11-23T19:00:00Z"}],
        "decisions": [{
            "at": "2026-11-23T19:00:00Z", "reason": "Advanced", "message": "m", "step": 2,
            "weight": "25%",
        }],
        "commands": [{
            "id": "1", "command": "pause", "by": "ann", "at": "2026-11-23T19:00:00Z",
            "outcome": "Done", "message": "m", "time": "2026-11-23T19:00:00Z",
        }],
    });
    let kubectl = namespace.kubectl();
    let what = ["crel", "web", "--subresource", "status"];
    kubectl.patch(&what, &json!({"status": status})).await?;
    let stored = namespace.get("crel", "web").await?;
    ensure!(stored["status"] == status, "{:#}", stored["status"]);
    kubectl.run(&["wait", "--for=condition=Succeeded", "crel/web", "--timeout=10s"]).await?;
    let shown = kubectl.run(&["get", "crel"]).await?;
    let line = shown.lines().nth(1).context("no line")?;
    let fields: Vec<&str> = line.split_whitespace().take(6).collect();
    ensure!(fields == ["web", "Succeeded", "3", "3", "100%", "Succeeded"], "{shown}");
    Ok(())
}
