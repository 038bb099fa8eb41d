//! From objects to releases: what a release leaves to its `VirtualService` and its Deployments, and
//! which of two releases has an object that both name.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::Value;
use serin_rollout::{Side, Version};
use serin_routes::virtual_service;

use super::cache::{Caches, Objects};
use super::kinds::{Key, at, generation};
use super::refused::NotRun;
use super::template;
use crate::release::{self, Release};

/// What a release is read from, beside its own object.
#[derive(Debug)]
pub(super) struct Sources {
    route: Arc<DynamicObject>,
    /// The Deployment of the side that is not stable's.
    canary: Arc<DynamicObject>,
    serving: Side,
}

/// Changes with everything that a release is read from: the generations of its object, its route and
/// its canary's Deployment, who they are, and the roles of its sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([(Option<String>, u64); 3], Side);

/// The sources of each object, in their order, or what is missing. `serving` tells which side of a
/// release is stable's.
pub(super) fn all(
    objects: &[Arc<DynamicObject>],
    caches: &Caches,
    serving: impl Fn(&DynamicObject) -> Side,
) -> Vec<Result<Sources, NotRun>> {
    let owners = owners(objects);
    objects.iter().map(|object| one(object, &owners, caches, serving(object))).collect()
}

fn one(
    object: &DynamicObject,
    owners: &BTreeMap<(Kind, Key), Key>,
    caches: &Caches,
    serving: Side,
) -> Result<Sources, NotRun> {
    let key = Key::of(object);
    let of = |name: &str| Key { namespace: key.namespace.clone(), name: name.to_owned() };
    for (kind, named) in claims(object) {
        if let Some(owner) = owners.get(&(kind, named.clone())).filter(|owner| **owner != key) {
            let name = &named.name;
            let why = format!("{kind:?} {name} is the older release {owner}'s");
            return Err(NotRun::Conflict(why));
        }
    }
    let named = |path: &[&str], objects: &Objects, kind: &str| {
        let name = at(object, path).and_then(Value::as_str).ok_or_else(|| {
            format!("{} is missing: the release names no objects of the cluster", path.join("."))
        })?;
        objects.get(&of(name)).ok_or_else(|| format!("there is no {kind} {}", of(name)))
    };
    let route = ["spec", "traffic", "virtualService"];
    let canary = match serving {
        Side::First => "canary",
        Side::Second => "stable",
    };
    Ok(Sources {
        route: named(&route, &caches.virtual_services, "VirtualService")?,
        canary: named(&["spec", "target", canary], &caches.deployments, "Deployment")?,
        serving,
    })
}

impl Sources {
    pub(super) fn fingerprint(&self, object: &DynamicObject) -> Fingerprint {
        let of = |object: &DynamicObject| (object.metadata.uid.clone(), generation(object));
        Fingerprint([of(object), of(&self.route), of(&self.canary)], self.serving)
    }

    /// Reads the release.
    ///
    /// # Errors
    /// Why it cannot be run.
    pub(super) fn release(&self, object: &DynamicObject) -> Result<Release, String> {
        read(object, &self.route, &self.canary, self.serving)
    }
}

/// Which side of a release is stable's, as its status shows it to people.
pub(crate) fn shown_serving(object: &DynamicObject) -> Side {
    let text = |path: &[&str]| at(object, path).and_then(Value::as_str);
    match text(&["status", "servingDeployment"]) {
        Some(serving) if text(&["spec", "target", "canary"]) == Some(serving) => Side::Second,
        _ => Side::First,
    }
}

/// Reads a release with what its `VirtualService` and its canary's Deployment say of it, with this
/// side as stable's.
///
/// # Errors
/// Why it cannot be run.
pub(super) fn read(
    object: &DynamicObject,
    route: &DynamicObject,
    canary: &DynamicObject,
    serving: Side,
) -> Result<Release, String> {
    let version: Version = template::version(canary)
        .ok_or_else(|| format!("Deployment {} has no pod template", Key::of(canary)))?;
    let hosts = virtual_service::hosts(&route.data);
    let object = serde_json::to_value(object).map_err(|error| error.to_string())?;
    let cluster = release::Resolved { serving, version, hosts };
    release::from_object(&object, &cluster).map_err(|refused| refused.to_string())
}

/// What two releases may not share: each would undo what the other does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    VirtualService,
    Deployment,
}

/// The objects that a release has for itself.
fn claims(object: &DynamicObject) -> Vec<(Kind, Key)> {
    let namespace = Key::of(object).namespace;
    let named = |kind, path: &[&str]| {
        let name = at(object, path).and_then(Value::as_str)?.to_owned();
        Some((kind, Key { namespace: namespace.clone(), name }))
    };
    let claims = [
        named(Kind::VirtualService, &["spec", "traffic", "virtualService"]),
        named(Kind::Deployment, &["spec", "target", "stable"]),
        named(Kind::Deployment, &["spec", "target", "canary"]),
    ];
    claims.into_iter().flatten().collect()
}

/// Which release has each object: the oldest of those that name it.
fn owners(objects: &[Arc<DynamicObject>]) -> BTreeMap<(Kind, Key), Key> {
    let mut oldest: BTreeMap<(Kind, Key), (Option<jiff::Timestamp>, Key)> = BTreeMap::new();
    for object in objects {
        let made = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let claim = (made, Key::of(object));
        for named in claims(object) {
            let owner = oldest.entry(named).or_insert_with(|| claim.clone());
            if claim < *owner {
                owner.clone_from(&claim);
            }
        }
    }
    oldest.into_iter().map(|(named, (_, release))| (named, release)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_older_release_has_what_two_name_and_names_break_a_tie() {
        let object = |name: &str, made: &str, route: &str, canary: &str| {
            let object = json!({
                "metadata": {"namespace": "shop", "name": name, "creationTimestamp": made},
                "spec": {"traffic": {"virtualService": route},
                    "target": {"stable": format!("{route}-stable"), "canary": canary}},
            });
            Arc::new(serde_json::from_value::<DynamicObject>(object).unwrap())
        };
        let objects = [
            object("newer", "2026-11-26T01:00:02Z", "web", "x"),
            object("older", "2026-11-26T01:00:01Z", "web", "y"),
            object("b", "2026-11-26T01:00:01Z", "api", "z"),
            object("a", "2026-11-26T01:00:01Z", "api", "w"),
            object("guest", "2026-11-26T01:00:03Z", "own", "y"),
        ];
        let owners = owners(&objects);
        let key = |name: &str| Key { namespace: "shop".to_owned(), name: name.to_owned() };
        let owner = |kind, name| owners.get(&(kind, key(name))).cloned();
        assert_eq!(owner(Kind::VirtualService, "web"), Some(key("older")));
        assert_eq!(owner(Kind::VirtualService, "api"), Some(key("a")));
        // With a route of its own it would take the pods away from under another's users.
        assert_eq!(owner(Kind::Deployment, "y"), Some(key("older")));
    }
}
