//! `spec.target`, and what else names Kubernetes objects.

use serin_document::MarkName;
use serin_routes::{Destination, Entries, Kind, Reference};

use super::Origin;
use crate::release::fault::Faults;
use crate::release::spec::{self, Plugin, Side, Spec};
use crate::release::{CapacityRule, FieldPath, Kubernetes, PluginRef, RouteRef, Target};

/// The longest name of an object in Kubernetes.
const LONGEST_NAME: usize = 253;

/// `names`: the release's namespace and mark. The outer `None` is a fault.
#[expect(clippy::option_option, reason = "a fault and a release without objects are two things")]
pub(super) fn read(
    spec: &Spec,
    names: Option<(&str, &MarkName)>,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Option<Kubernetes>> {
    let at_traffic = at.field("traffic");
    let mut routes = spec.traffic.routes();
    let (target, (kind, name)) = match (&spec.target, routes.next()) {
        (Some(target), Some(route)) => (target, route),
        (None, None) if matches!(origin, Origin::File { .. }) => {
            return none(spec, at, faults).then_some(None);
        }
        (None, _) => {
            let rule =
                "the Deployments of the two sides, such as {stable: web, canary: web-canary}";
            faults.missing(at.field("target"), rule);
            return None;
        }
        (Some(_), None) => {
            let rule = "the name of the object whose weights are moved, such as web; or one as \
                        httpRoute, traefikService or ingress";
            faults.missing(at_traffic.field("virtualService"), rule);
            return None;
        }
    };
    let at_route = at_traffic.field(RouteRef::field(kind));
    if let Some((other, _)) = routes.next() {
        let rule = format!("one object whose weights are moved, and not {other} as well");
        faults.value(at_route, name, rule);
        return None;
    }
    let target = read_target(target, &at.field("target"), faults);
    let name = faults.parse(at_route, name, object_name);
    let entries =
        entries(spec.traffic.entries.as_ref(), kind, &at_traffic.field("entries"), faults);
    let stable = destination(&spec.traffic.stable, kind, &at_traffic.field("stable"), faults);
    let canary = destination(&spec.traffic.canary, kind, &at_traffic.field("canary"), faults);
    if let (Some(stable), Some(canary)) = (&stable, &canary)
        && (&stable.host, &stable.subset) == (&canary.host, &canary.subset)
    {
        let rule = "the canary's destination is another one than stable's";
        faults.value(at_traffic.field("canary").field("host"), &canary.to_string(), rule);
    }
    let (namespace, mark) = names?;
    let plugin = match &spec.assignment.plugin {
        None => Some(None),
        Some(spec) => {
            plugin(spec, namespace, &at.field("assignment").field("plugin"), faults).map(Some)
        }
    };
    Some(Some(Kubernetes {
        target: target?,
        route: RouteRef { kind, name: name? },
        reference: Reference {
            entries: entries?,
            mark: mark.to_string(),
            stable: stable?,
            canary: canary?,
        },
        plugin: plugin?,
        stated_version: spec.version.clone(),
    }))
}

/// Whether nothing is said that only has a meaning with Kubernetes objects.
fn none(spec: &Spec, at: &FieldPath, faults: &mut Faults) -> bool {
    let traffic = at.field("traffic");
    let side = |side: &Side, at: &FieldPath| {
        [
            (at.field("host"), side.host.is_some()),
            (at.field("subset"), side.subset.is_some()),
            (at.field("port"), side.port.is_some()),
        ]
    };
    let given = [
        (traffic.field("entries"), spec.traffic.entries.is_some()),
        (at.field("assignment").field("plugin"), spec.assignment.plugin.is_some()),
    ];
    let given = given
        .into_iter()
        .chain(side(&spec.traffic.stable, &traffic.field("stable")))
        .chain(side(&spec.traffic.canary, &traffic.field("canary")));
    let mut none = true;
    for (field, _) in given.filter(|(_, given)| *given) {
        none = false;
        faults.value(
            field,
            "…",
            "this goes with `target` and an object whose weights are moved, such as \
                                        `traffic.virtualService`",
        );
    }
    none
}

fn read_target(spec: &spec::Target, at: &FieldPath, faults: &mut Faults) -> Option<Target> {
    let stable = faults.parse(at.field("stable"), &spec.stable, object_name);
    let canary = faults.parse(at.field("canary"), &spec.canary, object_name);
    if spec.stable == spec.canary {
        let rule = "the canary's Deployment is another one than stable's";
        faults.value(at.field("canary"), &spec.canary, rule);
    }
    let capacity = match spec.capacity.as_deref() {
        None | Some("scale") => Some(CapacityRule::Scale),
        Some("ignore") => Some(CapacityRule::Ignore),
        Some(other) => {
            let rule = "the canary's pods before a rise: `scale` has them made, `ignore` leaves \
                        them to their owner";
            faults.value(at.field("capacity"), other, rule);
            None
        }
    };
    Some(Target { stable: stable?, canary: canary?, capacity: capacity? })
}

fn entries(
    spec: Option<&spec::Entries>,
    kind: Kind,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Entries> {
    let Some(spec) = spec else {
        return Some(if kind.has_entries() { Entries::default() } else { Entries::Whole });
    };
    if !kind.has_entries() {
        faults.value(at.clone(), "…", format!("objects of kind {kind} have no entries"));
        return None;
    }
    let named =
        |name: &Option<String>, default: &str| name.as_deref().unwrap_or(default).to_owned();
    let (canary, stable, rest) = match spec {
        spec::Entries { canary: None, stable: None, rest: None, only: Some(only) } => {
            if only.is_empty() {
                faults.value(at.field("only"), only, "the name of an entry, such as serin-rest");
                return None;
            }
            return Some(Entries::One(only.clone()));
        }
        spec::Entries { only: Some(only), .. } => {
            let rule = "the one entry that takes all requests, in place of the other three";
            faults.value(at.field("only"), only, rule);
            return None;
        }
        spec::Entries { canary, stable, rest, only: None } => (
            &named(canary, Entries::CANARY),
            &named(stable, Entries::STABLE),
            &named(rest, Entries::REST),
        ),
    };
    for (field, name, others) in
        [("canary", canary, [stable, rest]), ("stable", stable, [canary, rest])]
    {
        if name.is_empty() || others.contains(&name) {
            faults.value(at.field(field), name, "each of the three entries has a name of its own");
            return None;
        }
    }
    Some(Entries::ByMark { canary: canary.clone(), stable: stable.clone(), rest: rest.clone() })
}

fn destination(
    side: &Side,
    kind: Kind,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Destination> {
    let Some(host) = &side.host else {
        let rule = "the destination's host, as the VirtualService spells it, or the service, such \
                    as web";
        faults.missing(at.field("host"), rule);
        return None;
    };
    let fits =
        |text: &str| (1..=253).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if !fits(host) {
        faults.value(at.field("host"), host, "a host such as web or web.shop.svc.cluster.local");
        return None;
    }
    if let Some(subset) = side.subset.as_ref().filter(|_| kind != Kind::VirtualService) {
        faults.value(at.field("subset"), subset, "subsets are those of a VirtualService");
        return None;
    }
    if let Some(subset) = side.subset.as_ref().filter(|subset| !fits(subset)) {
        faults.value(at.field("subset"), subset, "a subset of the DestinationRule, such as v2");
        return None;
    }
    if side.port == Some(0) {
        faults.value(at.field("port"), "0", "a port is 1 to 65535");
        return None;
    }
    Some(Destination { host: host.clone(), subset: side.subset.clone(), port: side.port })
}

fn plugin(
    spec: &Plugin,
    namespace: &str,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<PluginRef> {
    let namespace = spec.namespace.as_deref().unwrap_or(namespace);
    let name = faults.parse(at.field("name"), &spec.name, object_name);
    let namespace = faults.parse(at.field("namespace"), namespace, super::dns_label);
    Some(PluginRef { namespace: namespace?, name: name? })
}

/// Labels with dots between them.
fn object_name(text: &str) -> Result<String, String> {
    let fits =
        text.len() <= LONGEST_NAME && text.split('.').all(|label| super::dns_label(label).is_ok());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("the name of an object in Kubernetes, such as web".to_owned())
    }
}
