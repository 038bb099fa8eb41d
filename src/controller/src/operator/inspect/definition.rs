//! Whether the API server knows `CanaryRelease`, in the shape that this program reads.

use kube::api::DynamicObject;
use serde_json::Value;

use super::super::kinds::{at, condition};
use super::Finding;
use super::cluster::Looked;
use crate::crd;

const CHECK: &str = "definition";

/// By its name in the cluster.
pub(super) fn name() -> String {
    format!("{}.{}", crd::PLURAL, crd::GROUP)
}

pub(super) fn look(found: &Looked) -> Finding {
    let name = name();
    let apply = "serin crd | kubectl apply --server-side --filename -";
    let definition = match found {
        Ok(Some(definition)) => definition,
        Ok(None) => return Finding::bad(CHECK, format!("there is no {name}")).mend(apply),
        Err(why) => return Finding::unknown(CHECK, why),
    };
    if condition(definition, "Established", "status") != Some("True") {
        return Finding::bad(CHECK, format!("{name} is not established"))
            .mend(format!("kubectl describe crd {name}"));
    }
    match crd::definition() {
        Ok(own) => match difference(&own, definition) {
            None => Finding::good(CHECK, format!("{name} is as this version has it")),
            Some(place) => {
                Finding::doubtful(CHECK, format!("{name} is of another version: {place} differs"))
                    .mend(apply)
            }
        },
        Err(error) => Finding::unknown(CHECK, error.to_string()),
    }
}

/// Where the cluster's schema lacks something of ours or says it otherwise.
fn difference(own: &Value, definition: &DynamicObject) -> Option<String> {
    let own = own.pointer("/spec/versions/0/schema")?;
    let schema = at(definition, &["spec", "versions"])
        .and_then(Value::as_array)
        .and_then(|versions| {
            let ours = |version: &&Value| {
                version.get("name").and_then(Value::as_str) == Some(crd::VERSION)
            };
            versions.iter().find(ours)
        })
        .and_then(|version| version.get("schema"));
    match schema {
        None => Some(format!("version {}", crd::VERSION)),
        Some(schema) => lacks(own, schema, "schema"),
    }
}

/// The first place at which `there` is without what `own` has. What the API server added is its own.
fn lacks(own: &Value, there: &Value, place: &str) -> Option<String> {
    match (own, there) {
        (Value::Object(own), Value::Object(there)) => own.iter().find_map(|(name, value)| {
            let place = format!("{place}.{name}");
            match there.get(name) {
                Some(there) => lacks(value, there, &place),
                None => Some(place),
            }
        }),
        (Value::Array(own), Value::Array(there)) if own.len() == there.len() => own
            .iter()
            .zip(there)
            .enumerate()
            .find_map(|(index, (own, there))| lacks(own, there, &format!("{place}[{index}]"))),
        _ => (own != there).then(|| place.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Outcome;
    use super::*;

    fn found(change: impl FnOnce(&mut Value)) -> Finding {
        let mut definition = crd::definition().unwrap();
        definition["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
        change(&mut definition);
        look(&Ok(Some(serde_json::from_value(definition).unwrap())))
    }

    #[test]
    fn our_own_is_good_whatever_the_server_added() {
        assert_eq!(found(|_| {}).outcome, Outcome::Good);
        let added = |it: &mut Value| it["spec"]["versions"][0]["schema"]["added"] = json!(true);
        assert_eq!(found(added).outcome, Outcome::Good);
    }

    #[test]
    fn one_of_another_version_is_told_by_the_place() {
        let changed = found(|it| {
            it["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["type"] =
                json!("string");
        });
        assert_eq!(changed.outcome, Outcome::Doubtful);
        assert!(changed.message.contains("properties.spec.type"), "{}", changed.message);
        let renamed = found(|it| it["spec"]["versions"][0]["name"] = json!("v2"));
        assert!(renamed.message.contains("v1alpha1"), "{}", renamed.message);
    }

    #[test]
    fn none_or_one_that_is_not_served_is_bad() {
        assert_eq!(found(|it| it["status"] = json!({})).outcome, Outcome::Bad);
        assert_eq!(look(&Ok(None)).outcome, Outcome::Bad);
        assert_eq!(look(&Err("you may not".to_owned())).outcome, Outcome::Unknown);
    }
}
