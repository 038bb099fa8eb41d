//! `spec.traffic`.

use serin_document::plugin::ClusterName;
use serin_document::{HostPattern, PathPrefix};

use super::by_rule;
use crate::release::fault::Faults;
use crate::release::spec::{Side, Traffic};
use crate::release::{FieldPath, TrafficScope};

pub(super) fn read(spec: Traffic, at: &FieldPath, faults: &mut Faults) -> Option<TrafficScope> {
    let hosts = list(&spec.hosts, &at.field("hosts"), HostPattern::new, faults);
    if spec.hosts.is_empty() {
        faults.missing(
            at.field("hosts"),
            "a release takes at least one host, such as shop.example.com or *",
        );
    }
    let paths = match spec.paths {
        None => Some(vec![PathPrefix::root()]),
        Some(paths) if paths.is_empty() => {
            faults.missing(
                at.field("paths"),
                "at least one path prefix, such as /; leave `paths` out for all",
            );
            None
        }
        Some(paths) => list(&paths, &at.field("paths"), PathPrefix::new, faults),
    };
    let stable_cluster = cluster(&spec.stable, &at.field("stable"), faults);
    let canary_cluster = cluster(&spec.canary, &at.field("canary"), faults);
    let scope = TrafficScope {
        hosts: hosts?,
        paths: paths?,
        stable_cluster: stable_cluster?,
        canary_cluster: canary_cluster?,
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

fn cluster(side: &Side, at: &FieldPath, faults: &mut Faults) -> Option<ClusterName> {
    faults.parse(at.field("cluster"), &side.cluster, by_rule(ClusterName::new))
}
