//! From objects to releases: what a release leaves to its `VirtualService` and its Deployments, and
//! which of two releases has a route.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::Value;
use serin_rollout::Version;
use serin_routes::virtual_service;

use super::cache::{Caches, Objects};
use super::kinds::{Key, at, generation};
use super::template;
use crate::release::{self, Release};

/// What a release is read from, beside its own object.
#[derive(Debug)]
pub(super) struct Sources {
    route: Arc<DynamicObject>,
    canary: Arc<DynamicObject>,
}

/// Changes with everything that a release is read from: the generations of its object, its route and
/// its canary's Deployment, and who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([(Option<String>, u64); 3]);

/// The sources of each object, in their order, or what is missing.
pub(super) fn all(objects: &[Arc<DynamicObject>], caches: &Caches) -> Vec<Result<Sources, String>> {
    let owners = owners(objects);
    objects.iter().map(|object| one(object, &owners, caches)).collect()
}

fn one(
    object: &DynamicObject,
    owners: &BTreeMap<Key, Key>,
    caches: &Caches,
) -> Result<Sources, String> {
    let key = Key::of(object);
    let of = |name: &str| Key { namespace: key.namespace.clone(), name: name.to_owned() };
    if let Some(route) = route(object)
        && let Some(owner) = owners.get(&of(route))
        && *owner != key
    {
        return Err(format!("Conflict: VirtualService {route} is the older release {owner}'s"));
    }
    let named = |path: &[&str], objects: &Objects, kind: &str| {
        let name = at(object, path).and_then(Value::as_str).ok_or_else(|| {
            format!("{} is missing: the release names no objects of the cluster", path.join("."))
        })?;
        objects.get(&of(name)).ok_or_else(|| format!("there is no {kind} {}", of(name)))
    };
    let route = ["spec", "traffic", "virtualService"];
    Ok(Sources {
        route: named(&route, &caches.virtual_services, "VirtualService")?,
        canary: named(&["spec", "target", "canary"], &caches.deployments, "Deployment")?,
    })
}

impl Sources {
    pub(super) fn fingerprint(&self, object: &DynamicObject) -> Fingerprint {
        let of = |object: &DynamicObject| (object.metadata.uid.clone(), generation(object));
        Fingerprint([of(object), of(&self.route), of(&self.canary)])
    }

    /// Reads the release.
    ///
    /// # Errors
    /// Why it cannot be run.
    pub(super) fn release(&self, object: &DynamicObject) -> Result<Release, String> {
        let version: Version = template::version(&self.canary)
            .ok_or_else(|| format!("Deployment {} has no pod template", Key::of(&self.canary)))?;
        let hosts = virtual_service::hosts(&self.route.data);
        let object = serde_json::to_value(object).map_err(|error| error.to_string())?;
        let cluster = release::Resolved { version, hosts };
        release::from_object(&object, &cluster).map_err(|refused| refused.to_string())
    }
}

fn route(object: &DynamicObject) -> Option<&str> {
    at(object, &["spec", "traffic", "virtualService"]).and_then(Value::as_str)
}

/// Which release has each route: the oldest of those that name it.
fn owners(objects: &[Arc<DynamicObject>]) -> BTreeMap<Key, Key> {
    let mut oldest: BTreeMap<Key, (Option<jiff::Timestamp>, Key)> = BTreeMap::new();
    for object in objects {
        let Some(name) = route(object) else { continue };
        let key = Key::of(object);
        let route = Key { namespace: key.namespace.clone(), name: name.to_owned() };
        let made = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let claim = (made, key);
        let owner = oldest.entry(route).or_insert_with(|| claim.clone());
        if claim < *owner {
            *owner = claim;
        }
    }
    oldest.into_iter().map(|(route, (_, release))| (route, release)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_older_release_has_the_route_and_names_break_a_tie() {
        let object = |name: &str, made: &str, route: &str| {
            let object = json!({
                "metadata": {"namespace": "shop", "name": name, "creationTimestamp": made},
                "spec": {"traffic": {"virtualService": route}},
            });
            Arc::new(serde_json::from_value::<DynamicObject>(object).unwrap())
        };
        let objects = [
            object("newer", "2026-11-26T01:00:02Z", "web"),
            object("older", "2026-11-26T01:00:01Z", "web"),
            object("b", "2026-11-26T01:00:01Z", "api"),
            object("a", "2026-11-26T01:00:01Z", "api"),
        ];
        let owners = owners(&objects);
        let key = |name: &str| Key { namespace: "shop".to_owned(), name: name.to_owned() };
        assert_eq!(owners.get(&key("web")), Some(&key("older")));
        assert_eq!(owners.get(&key("api")), Some(&key("a")));
    }
}
