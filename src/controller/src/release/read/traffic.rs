//! `spec.traffic`.

use std::collections::BTreeMap;

use serin_document::plugin::ClusterName;
use serin_document::{Host, HostPattern, PathPrefix};
use serin_routes::Kind;

use super::{Origin, by_rule, file, hosts};
use crate::release::fault::Faults;
use crate::release::spec::{Side, Traffic};
use crate::release::{FieldPath, MOST_PATHS, RouteRef, TrafficScope};

/// Whose requests.
struct Hosts {
    everywhere: Vec<HostPattern>,
    bare: BTreeMap<String, Vec<Host>>,
}

/// `namespace` is the release's.
pub(super) fn read(
    spec: &Traffic,
    namespace: Option<&str>,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<TrafficScope> {
    let route = spec.routes().next().map(|(kind, _)| kind);
    let hosts = match route {
        Some(kind) if kind.has_hosts() => of_route(spec, kind, namespace, origin, at, faults),
        Some(_) | None => stated(spec.hosts.as_deref(), &at.field("hosts"), faults),
    };
    let paths = match &spec.paths {
        None => Some(vec![PathPrefix::root()]),
        Some(paths) if paths.is_empty() => {
            faults.missing(
                at.field("paths"),
                "at least one path prefix, such as /; leave `paths` out for all",
            );
            None
        }
        Some(paths) if paths.len() > MOST_PATHS => {
            let rule = format!("at most {MOST_PATHS} path prefixes");
            faults.value(at.field("paths"), &format!("{} of them", paths.len()), rule);
            None
        }
        Some(paths) => list(paths, &at.field("paths"), PathPrefix::new, faults),
    };
    let file = file::read(spec.file.as_ref(), route.is_some(), origin, &at.field("file"), faults);
    let mut cluster = |side: &Side, name: &str| {
        let route = match route {
            Some(kind) => Some((kind, namespace?)),
            None => None,
        };
        cluster(side, route, &at.field(name), faults)
    };
    let stable_cluster = cluster(&spec.stable, "stable");
    let canary_cluster = cluster(&spec.canary, "canary");
    let Hosts { everywhere, bare } = hosts?;
    let scope = TrafficScope {
        hosts: everywhere,
        bare_hosts: bare,
        paths: paths?,
        stable_cluster: stable_cluster?,
        canary_cluster: canary_cluster?,
        file: file?,
    };
    if scope.stable_cluster == scope.canary_cluster {
        faults.value(
            at.field("canary").field("cluster"),
            scope.canary_cluster.as_str(),
            "the canary's cluster is another one than stable's: gates tell the sides apart by it",
        );
        return None;
    }
    Some(scope)
}

fn stated(hosts: Option<&[String]>, at: &FieldPath, faults: &mut Faults) -> Option<Hosts> {
    let hosts = hosts.unwrap_or_default();
    if hosts.is_empty() {
        faults.missing(
            at.clone(),
            "a release takes at least one host, such as shop.example.com or *",
        );
    }
    let everywhere = list(hosts, at, HostPattern::new, faults)?;
    Some(Hosts { everywhere, bare: BTreeMap::new() })
}

/// The hosts of the object whose weights are moved under all their names; none while nobody has asked
/// it.
fn of_route(
    spec: &Traffic,
    kind: Kind,
    namespace: Option<&str>,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Hosts> {
    if spec.hosts.is_some() {
        faults.value(at.field("hosts"), "…", format!("they are those of the {kind}"));
        return None;
    }
    let mut all = Hosts { everywhere: Vec::new(), bare: BTreeMap::new() };
    let Origin::Object { cluster, .. } = origin else { return Some(all) };
    let at = at.field(RouteRef::field(kind));
    if cluster.hosts.is_empty() {
        faults.missing(at, format!("the {kind} has no hosts"));
        return None;
    }
    for host in &cluster.hosts {
        match hosts::names(host, namespace?) {
            Err(invalid) => faults.value(at.clone(), host, format!("its host: {}", invalid.rule)),
            Ok(names) => all.add(names),
        }
    }
    Some(all)
}

impl Hosts {
    /// The same service may stand there under two of its names.
    fn add(&mut self, names: hosts::Names) {
        for name in names.everywhere {
            if !self.everywhere.contains(&name) {
                self.everywhere.push(name);
            }
        }
        if let Some((namespace, host)) = names.bare {
            let there = self.bare.entry(namespace).or_default();
            if !there.contains(&host) {
                there.push(host);
            }
        }
    }
}

fn list<T>(
    texts: &[String],
    at: &FieldPath,
    parse: impl Fn(&str) -> Result<T, serin_document::Invalid>,
    faults: &mut Faults,
) -> Option<Vec<T>> {
    let parse = by_rule(parse);
    let read: Vec<Option<T>> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| faults.parse(at.index(index), text, &parse))
        .collect();
    read.into_iter().collect()
}

/// The cluster that is named, or, where an object of this kind and namespace names destinations, the
/// one that its router makes of the destination.
fn cluster(
    side: &Side,
    route: Option<(Kind, &str)>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<ClusterName> {
    let name = match (&side.cluster, route) {
        (Some(name), _) => name.clone(),
        (None, None) => {
            faults.missing(at.field("cluster"), "Envoy's name of the cluster, such as shop-canary");
            return None;
        }
        (None, Some((kind, namespace))) => {
            // A host that is missing has its own fault.
            let host = side.host.as_deref()?;
            let Some(port) = side.port else {
                let rule = "the service's port, such as 80, which is a part of the name of Envoy's \
                            cluster; or that name as `cluster`";
                faults.missing(at.field("port"), rule);
                return None;
            };
            match kind {
                Kind::TraefikService => hosts::traefiks(host, namespace, port),
                Kind::VirtualService | Kind::HttpRoute | Kind::Ingress => {
                    let (subset, host) = (side.subset.as_deref(), hosts::in_full(host, namespace));
                    format!("outbound|{port}|{}|{host}", subset.unwrap_or_default())
                }
            }
        }
    };
    faults.parse(at.field("cluster"), &name, by_rule(ClusterName::new))
}
