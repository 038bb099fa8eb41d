//! Whether the controller's account may do what it has to. The list is the one that is installed:
//! `istio/rbac.yaml`.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use serde::Deserialize as _;
use serde_json::Value;

use super::Finding;
use super::controller::NAME;

const CHECK: &str = "rights";

/// What is installed.
const RBAC: &str = include_str!("../../../../../istio/rbac.yaml");

/// One thing that the account must be able to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) subresource: Option<String>,
    pub(super) verb: String,
    /// The one object that it is about; none where it is about all.
    pub(super) name: Option<String>,
    /// Whether it is needed in the controller's own namespace alone.
    pub(super) at_home: bool,
}

impl Right {
    /// The resource as people write it, such as `deployments/scale.apps`.
    fn what(&self) -> String {
        let Self { group, resource, subresource, .. } = self;
        let below = subresource.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        let dot = if group.is_empty() { "" } else { "." };
        format!("{resource}{below}{dot}{group}")
    }
}

/// Everything that the manifests grant.
///
/// # Errors
/// Where they cannot be read, which a test rules out.
pub(super) fn needed() -> Result<Vec<Right>, String> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(RBAC).map_err(|error| error.to_string())?;
    let mut rights = Vec::new();
    for document in documents {
        let rules = match document.get("kind").and_then(Value::as_str) {
            Some("ClusterRole") => ClusterRole::deserialize(&document)
                .map(|role| (role.rules.unwrap_or_default(), false)),
            Some("Role") => {
                Role::deserialize(&document).map(|role| (role.rules.unwrap_or_default(), true))
            }
            _ => continue,
        };
        let (rules, at_home) = rules.map_err(|error| error.to_string())?;
        rights.extend(rules.iter().flat_map(|rule| of(rule, at_home)));
    }
    Ok(rights)
}

fn of(rule: &PolicyRule, at_home: bool) -> Vec<Right> {
    let groups = rule.api_groups.iter().flatten();
    let resources = rule.resources.iter().flatten();
    let mut rights = Vec::new();
    for (group, resource) in groups.flat_map(|group| resources.clone().map(move |it| (group, it))) {
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub.to_owned())),
            None => (resource.as_str(), None),
        };
        rights.extend(rule.verbs.iter().map(|verb| Right {
            group: group.clone(),
            resource: resource.to_owned(),
            subresource: subresource.clone(),
            verb: verb.clone(),
            name: rule.resource_names.iter().flatten().next().cloned(),
            at_home,
        }));
    }
    rights
}

/// The account that the manifests make.
pub(super) fn account(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:{NAME}")
}

/// What the API server answered for each right: whether it is given.
pub(super) fn look(namespace: &str, answers: &[(Right, Result<bool, String>)]) -> Finding {
    let account = account(namespace);
    if let Some(why) = answers.iter().find_map(|(_, answer)| answer.as_ref().err()) {
        return Finding::unknown(CHECK, format!("what {account} may do is not told: {why}"));
    }
    let mut refused: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (right, answer) in answers {
        if *answer == Ok(false) {
            refused.entry(right.what()).or_default().push(&right.verb);
        }
    }
    if refused.is_empty() {
        let count = answers.len();
        return Finding::good(CHECK, format!("{account} has all {count} rights that it needs"));
    }
    let refused: Vec<String> =
        refused.into_iter().map(|(what, verbs)| format!("{} {what}", verbs.join(" or "))).collect();
    Finding::bad(CHECK, format!("{account} may not {}", refused.join(", ")))
        .mend("kubectl apply --kustomize istio/ (its roles are in istio/rbac.yaml)")
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    #[test]
    fn the_manifests_tell_what_is_needed() {
        let needed = needed().unwrap();
        let told = |verb: &str, what: &str| {
            needed.iter().find(|right| right.verb == verb && right.what() == what)
        };
        assert!(
            told("update", "virtualservices.networking.istio.io").is_some_and(|it| !it.at_home)
        );
        assert!(told("patch", "deployments/scale.apps").is_some());
        assert!(told("get", "namespaces").is_some());
        let lease = told("update", "leases.coordination.k8s.io").unwrap();
        assert_eq!((lease.at_home, lease.name.as_deref()), (true, Some("serin")));
    }

    #[test]
    fn each_right_that_is_missing_is_named() {
        let needed = needed().unwrap();
        let answers = |given: bool| -> Vec<_> {
            needed.iter().map(|right| (right.clone(), Ok(given || right.verb != "patch"))).collect()
        };
        assert_eq!(look("serin-system", &answers(true)).outcome, Outcome::Good);
        let refused = look("serin-system", &answers(false));
        assert_eq!(refused.outcome, Outcome::Bad);
        assert!(refused.message.contains("patch deployments/scale.apps"), "{}", refused.message);
        let mut unknown = answers(true);
        if let Some((_, answer)) = unknown.last_mut() {
            *answer = Err("forbidden".to_owned());
        }
        assert_eq!(look("serin-system", &unknown).outcome, Outcome::Unknown);
    }
}
