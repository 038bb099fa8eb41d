//! Which of the proxy's clusters serve which side.

use alloc::vec::Vec;

use serde::Serialize;
use serin_assignment::Variant;

use crate::plugin::ClusterName;
use crate::reading::Reading;

/// Clusters per side: the cluster of every request is compared with each.
const MAX_CLUSTERS: usize = 8;

/// The clusters of each side, by which it is seen whether a mark has led where it should. None of
/// them is on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clusters {
    /// Those that serve stable.
    pub stable: Vec<ClusterName>,
    /// Those that serve the canary.
    pub canary: Vec<ClusterName>,
}

impl Clusters {
    /// The side that a cluster serves; none where it is neither's.
    #[must_use]
    pub fn side(&self, cluster: &[u8]) -> Option<Variant> {
        let is_in =
            |side: &[ClusterName]| side.iter().any(|one| one.as_str().as_bytes() == cluster);
        match (is_in(&self.canary), is_in(&self.stable)) {
            (true, _) => Some(Variant::Canary),
            (_, true) => Some(Variant::Stable),
            _ => None,
        }
    }
}

pub(crate) fn read(reading: &mut Reading<'_>) -> Option<Clusters> {
    reading.open();
    let mut named = |name| {
        reading.required(name, "the clusters of this side, such as [\"shop-stable\"]", |reading| {
            Some(side(reading))
        })
    };
    let (stable, canary) = (named("stable"), named("canary"));
    reading.close(&"stable, canary");
    let (stable, canary) = (stable?, canary?);
    if let Some(both) = canary.iter().find(|name| stable.contains(name)) {
        reading.wrong_at(
            &[],
            &format_args!("\"{both}\" twice"),
            &"a cluster serves one side: stable and canary have none in common",
        );
    }
    Some(Clusters { stable, canary })
}

fn side(reading: &mut Reading<'_>) -> Vec<ClusterName> {
    const PER_REQUEST: &str = "the cluster of every request is compared with each";
    let names = reading.list(MAX_CLUSTERS, PER_REQUEST, Reading::text);
    if names.is_empty() {
        reading.wrong(&"each side has at least one cluster");
    }
    names
}
