//! From objects to releases: what a release leaves to its route and its Deployments, and which of two
//! releases has an object that both name.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::Value;
use serin_rollout::{Side, Version};
use serin_routes::Kind as RouteKind;

use super::cache::Caches;
use super::kept::Kept;
use super::kinds::{self, Key, at};
use super::refused::NotRun;
use super::template;
use crate::release::{self, Release, RouteRef};

/// What a release is read from, beside its own object.
#[derive(Debug)]
pub(super) struct Sources {
    kind: RouteKind,
    route: Arc<Kept>,
    /// The Deployment of the side that is not stable's.
    canary: Arc<Kept>,
    /// Stable's, from which nothing is read: a release at rest is to look when somebody changes it.
    stable: Option<Arc<Kept>>,
    serving: Side,
}

/// Changes with everything that a release is read from, or is to look at once it changes: the
/// generations of its object, its route and its Deployments, who they are, and the roles of its sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([Option<(Option<String>, u64)>; 4], Side);

/// The objects of the cluster that a release names.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) route: Option<RouteRef>,
    stable: Option<Box<str>>,
    canary: Option<Box<str>>,
}

impl Names {
    pub(super) fn of(object: &DynamicObject) -> Self {
        let named = |path: &[&str]| at(object, path).and_then(Value::as_str).map(Box::from);
        Self {
            route: kinds::route_of(object),
            stable: named(&["spec", "target", "stable"]),
            canary: named(&["spec", "target", "canary"]),
        }
    }
}

/// The sources of each object, in their order, or what is missing. `serving` tells which side of a
/// release is stable's.
pub(super) fn all(
    objects: &[Arc<Kept>],
    caches: &Caches,
    serving: impl Fn(&Key) -> Side,
) -> Vec<Result<Sources, NotRun>> {
    let owners = owners(objects);
    objects.iter().map(|object| one(object, &owners, caches, serving(object.key()))).collect()
}

fn one(
    object: &Kept,
    owners: &BTreeMap<(Kind, Key), Key>,
    caches: &Caches,
    serving: Side,
) -> Result<Sources, NotRun> {
    for (kind, named) in claims(object) {
        if let Some(owner) = owners.get(&(kind, named.clone())).filter(|it| *it != object.key()) {
            let name = &named.name;
            let why = format!("{kind} {name} is the older release {owner}'s");
            return Err(NotRun::Conflict(why));
        }
    }
    let missing =
        |field: &str| format!("{field} is missing: the release names no objects of the cluster");
    let Names { route, stable, canary } = object.names();
    let (first, second) = ((stable, "spec.target.stable"), (canary, "spec.target.canary"));
    let (stable, canary) = match serving {
        Side::First => (first, second),
        Side::Second => (second, first),
    };
    let deployment = |(name, field): (&Option<Box<str>>, &str)| {
        let key = beside(object, name.as_deref().ok_or_else(|| missing(field))?);
        caches.deployments.kept(&key).ok_or_else(|| format!("there is no Deployment {key}"))
    };
    let route = route
        .as_ref()
        .ok_or_else(|| missing("the object of spec.traffic whose weights are moved"))?;
    Ok(Sources {
        kind: route.kind,
        route: caches.routes.named(&object.key().namespace, route)?,
        canary: deployment(canary)?,
        stable: deployment(stable).ok(),
        serving,
    })
}

/// The name of an object in the release's namespace.
fn beside(release: &Kept, name: &str) -> Key {
    Key { namespace: release.key().namespace.clone(), name: name.to_owned() }
}

impl Sources {
    pub(super) fn fingerprint(&self, object: &Kept) -> Fingerprint {
        let own = object.identity();
        let others = [Some(&self.route), Some(&self.canary), self.stable.as_ref()];
        let [route, canary, stable] = others.map(|kept| kept.map(|kept| kept.identity()));
        Fingerprint([Some(own), route, canary, stable], self.serving)
    }

    /// Reads the release.
    ///
    /// # Errors
    /// Why it cannot be run.
    pub(super) fn release(&self, object: &Kept) -> Result<Release, String> {
        let whole = |kept: &Kept| kept.read().ok_or("an object of the release cannot be read");
        let object = object.head().ok_or("the release's object cannot be read")?;
        let route = whole(&self.route)?;
        read(&object, (self.kind, &route), &whole(&self.canary)?, self.serving)
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

/// Reads a release with what its route and its canary's Deployment say of it, with this side as
/// stable's.
///
/// # Errors
/// Why it cannot be run.
pub(super) fn read(
    object: &DynamicObject,
    (kind, route): (RouteKind, &DynamicObject),
    canary: &DynamicObject,
    serving: Side,
) -> Result<Release, String> {
    let version: Version = template::version(canary)
        .ok_or_else(|| format!("Deployment {} has no pod template", Key::of(canary)))?;
    let hosts = kind.router().hosts(&route.data);
    let object = serde_json::to_value(object).map_err(|error| error.to_string())?;
    let cluster = release::Resolved { serving, version, hosts };
    release::from_object(&object, &cluster).map_err(|refused| refused.to_string())
}

/// What two releases may not share: each would undo what the other does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Route(RouteKind),
    Deployment,
}

impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Route(kind) => kind.fmt(f),
            Self::Deployment => f.write_str("Deployment"),
        }
    }
}

/// The objects that a release has for itself.
fn claims(release: &Kept) -> impl Iterator<Item = (Kind, Key)> {
    let Names { route, stable, canary } = release.names();
    let route = route.as_ref().map(|route| (Kind::Route(route.kind), route.name.as_str()));
    let deployments = [stable, canary].into_iter().flatten();
    let named = route.into_iter().chain(deployments.map(|name| (Kind::Deployment, &**name)));
    named.map(|(kind, name)| (kind, beside(release, name)))
}

/// Which release has each object: the oldest of those that name it.
fn owners(objects: &[Arc<Kept>]) -> BTreeMap<(Kind, Key), Key> {
    let mut oldest: BTreeMap<(Kind, Key), (Option<jiff::Timestamp>, &Key)> = BTreeMap::new();
    for object in objects {
        let claim = (object.made(), object.key());
        for named in claims(object) {
            let owner = oldest.entry(named).or_insert(claim);
            *owner = claim.min(*owner);
        }
    }
    oldest.into_iter().map(|(named, (_, release))| (named, release.clone())).collect()
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
            Arc::new(Kept::of(serde_json::from_value(object).unwrap()).unwrap())
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
        assert_eq!(owner(Kind::Route(RouteKind::VirtualService), "web"), Some(key("older")));
        assert_eq!(owner(Kind::Route(RouteKind::VirtualService), "api"), Some(key("a")));
        // With a route of its own it would take the pods away from under another's users.
        assert_eq!(owner(Kind::Deployment, "y"), Some(key("older")));
    }
}
