//! Pod templates: what a Deployment runs, and how stable takes over what the canary runs.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use serin_rollout::Version;

use super::kinds::{annotation, at, condition, count, generation};

/// Where stable's earlier template is kept from the write that replaces it on.
pub(super) const EARLIER: &str = "serin.dev/earlier-template";

/// Where stable keeps which version it was promoted to, and the name of the template that this is.
pub(super) const PROMOTED: &str = "serin.dev/promoted";

/// How many digits of a template's hash name a version: as many as the Deployment controller uses.
const DIGITS: usize = 10;

/// Names what a Deployment is told to run. Another template has another name.
pub(super) fn version(deployment: &DynamicObject) -> Option<Version> {
    name(at(deployment, &["spec", "template"])?)
}

fn name(template: &Value) -> Option<Version> {
    let text = serde_json::to_vec(template).ok()?;
    let hash = murmur3::murmur3_x64_128(&mut text.as_slice(), 0).ok()?;
    Some(Version(format!("{hash:032x}").chars().take(DIGITS).collect()))
}

/// The template that makes `stable` run what `canary` runs. Stable keeps its labels, by which its
/// own selector and others' subsets find its pods.
pub(super) fn promoted(stable: &DynamicObject, canary: &DynamicObject) -> Option<Value> {
    let (from, to) = (at(canary, &["spec", "template"])?, at(stable, &["spec", "template"])?);
    let mut metadata = from.get("metadata").cloned().unwrap_or_else(|| json!({}));
    let labels = to.get("metadata").and_then(|metadata| metadata.get("labels"));
    if let Some(fields) = metadata.as_object_mut() {
        match labels {
            Some(labels) => fields.insert("labels".to_owned(), labels.clone()),
            None => fields.remove("labels"),
        };
    }
    Some(json!({ "metadata": metadata, "spec": from.get("spec")? }))
}

/// Whether a Deployment is still told to run what a version names, be it with a word of its owner's
/// before it.
pub(super) fn runs(deployment: &DynamicObject, wanted: &Version) -> bool {
    version(deployment).is_some_and(|version| wanted.names(&version))
}

/// What [`PROMOTED`] says once `version` is promoted by this template.
pub(super) fn promotion(version: &Version, template: &Value) -> Option<String> {
    Some(format!("{version} {}", name(&plain(template))?))
}

/// Whether stable is told to run the template by which `version` was promoted, whatever the canary is
/// told to run by now.
pub(super) fn is_promoted(stable: &DynamicObject, version: &Version) -> bool {
    let template = at(stable, &["spec", "template"]);
    let said = template.and_then(|template| promotion(version, template));
    said.is_some_and(|said| annotation(stable, PROMOTED) == Some(said.as_str()))
}

/// Whether a Deployment's template is this one.
pub(super) fn is(deployment: &DynamicObject, template: &Value) -> bool {
    at(deployment, &["spec", "template"]).is_some_and(|own| plain(own) == plain(template))
}

/// A template without fields that say nothing (`creationTimestamp: null`).
fn plain(template: &Value) -> Value {
    match template {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        Value::Array(values) => values.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// The template that stable ran before it was promoted, as the object itself keeps it.
pub(super) fn earlier(stable: &DynamicObject) -> Option<Value> {
    serde_json::from_str(annotation(stable, EARLIER)?).ok()
}

/// Whether all pods that a Deployment asks for run its present template and are available.
pub(super) fn is_rolled_out(deployment: &DynamicObject) -> bool {
    let status = |field| count(deployment, &["status", field]).unwrap_or(0);
    let wanted = replicas(deployment);
    status("observedGeneration") >= generation(deployment)
        && status("updatedReplicas") == wanted
        && status("replicas") == wanted
        && status("availableReplicas") >= wanted
}

/// Whether a Deployment's pods do not get ready in the time that its owner gave them.
pub(super) fn is_stuck(deployment: &DynamicObject) -> bool {
    count(deployment, &["status", "observedGeneration"]).unwrap_or(0) >= generation(deployment)
        && condition(deployment, "Progressing", "reason") == Some("ProgressDeadlineExceeded")
}

/// Whether no pod of an earlier template is left.
pub(super) fn is_of_one_template(deployment: &DynamicObject) -> bool {
    let status = |field| count(deployment, &["status", field]).unwrap_or(0);
    status("observedGeneration") >= generation(deployment)
        && status("updatedReplicas") == status("replicas")
}

/// The pods that a Deployment asks for; 1 where it does not say.
pub(super) fn replicas(deployment: &DynamicObject) -> u64 {
    count(deployment, &["spec", "replicas"]).unwrap_or(1)
}

/// The pods that have been ready for as long as the Deployment asks.
pub(super) fn available(deployment: &DynamicObject) -> u64 {
    count(deployment, &["status", "availableReplicas"]).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn deployment(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn running(labels: &Value, image: &str) -> DynamicObject {
        deployment(json!({
            "metadata": {"name": "web", "generation": 3},
            "spec": {"replicas": 2, "template": {
                "metadata": {"labels": labels, "annotations": {"team": "shop"}, "creationTimestamp": null},
                "spec": {"containers": [{"name": "web", "image": image}]}}},
            "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
        }))
    }

    #[test]
    fn another_template_is_another_version_and_its_status_is_none() {
        let first = running(&json!({"app": "web"}), "shop:1.0");
        let mut same = first.clone();
        same.data["status"]["availableReplicas"] = json!(0);
        same.data["spec"]["replicas"] = json!(7);
        assert_eq!(version(&first), version(&same));
        assert_ne!(version(&first), version(&running(&json!({"app": "web"}), "shop:1.1")));
        assert_eq!(version(&first).unwrap().0.len(), DIGITS);
    }

    #[test]
    fn stable_takes_over_what_the_canary_runs_and_keeps_its_labels() {
        let stable = running(&json!({"app": "web", "track": "stable"}), "shop:1.0");
        let canary = running(&json!({"app": "web", "track": "canary"}), "shop:1.1");
        let template = promoted(&stable, &canary).unwrap();
        assert_eq!(template["metadata"]["labels"]["track"], "stable");
        assert_eq!(template["metadata"]["annotations"]["team"], "shop");
        assert_eq!(template["spec"]["containers"][0]["image"], "shop:1.1");
        assert!(!is(&stable, &template));
        let mut after = stable.clone();
        after.data["spec"]["template"] = template.clone();
        assert!(is(&after, &template));
        assert_eq!(promoted(&after, &canary), Some(template));
    }

    #[test]
    fn it_is_rolled_out_when_every_pod_is_new_and_available() {
        let done = running(&json!({}), "shop:1.0");
        assert!(is_rolled_out(&done));
        for (field, value) in [
            ("observedGeneration", 2),
            ("updatedReplicas", 1),
            ("replicas", 3),
            ("availableReplicas", 1),
        ] {
            let mut under_way = done.clone();
            under_way.data["status"][field] = json!(value);
            assert!(!is_rolled_out(&under_way), "{field}");
        }
    }
}
