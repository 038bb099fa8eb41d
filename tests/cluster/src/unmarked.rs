//! Releases of objects with two weights, where nobody marks requests: what their tests have in common.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::namespace::Namespace;
use crate::released::{KIND, ROLLOUT, at, short_steps};

/// A release of the Deployments `web-stable` and `web-canary` with this traffic, judged by this gate.
#[must_use]
pub fn release(prometheus: &str, traffic: &Value, gate: &Value) -> Value {
    let mut release = json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": "shop"},
        "spec": {
            "target": {"stable": "web-stable", "canary": "web-canary"},
            "traffic": traffic,
            "assignment": {"anonymous": "route"},
            "metrics": {"prometheus": {
                "address": prometheus,
                "scrapeInterval": "1s",
                "timeout": "2s",
            }},
            "evidence": {"skip": "0s"},
            "gates": [gate],
        },
    });
    if let (Some(spec), Value::Object(steps)) =
        (release.get_mut("spec").and_then(Value::as_object_mut), short_steps())
    {
        spec.extend(steps);
    }
    release
}

/// Waits until the release is in this phase, and gives it.
///
/// # Errors
/// Where it is not in time.
pub async fn until_phase(namespace: &Namespace, phase: &str) -> Result<Value> {
    let wanted = |object: &Value| at(object, "/status/phase") == phase;
    namespace.until(KIND, "shop", ROLLOUT, wanted).await
}

/// Gives the canary an image.
///
/// # Errors
/// Where the API server refuses it.
pub async fn new_image(namespace: &Namespace, image: &str) -> Result<()> {
    let set = ["set", "image", "deployment/web-canary", &format!("app={image}")];
    namespace.kubectl().run(&set).await.map(drop)
}

/// Gives the canary an image, and waits until its rollout has begun.
///
/// # Errors
/// Where it does not begin in time.
pub async fn set_image(namespace: &Namespace, image: &str) -> Result<()> {
    new_image(namespace, image).await?;
    let begun = |object: &Value| at(object, "/status/phase") != "Succeeded";
    namespace.until(KIND, "shop", ROLLOUT, begun).await.map(drop)
}

/// Waits until the release is rolled back, which harm was the reason for, and which has ended once the
/// canary's counter stood still.
///
/// # Errors
/// Where it is not in time, or for another reason.
pub async fn rolled_back(namespace: &Namespace) -> Result<()> {
    let end = until_phase(namespace, "RolledBack").await?;
    ensure!(at(&end, "/status").to_string().contains("Harm"), "{end:#}");
    let last = at(&end, "/status/message").as_str().unwrap_or_default();
    ensure!(last.contains("no request to the canary in"), "{last}");
    Ok(())
}
