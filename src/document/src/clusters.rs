//! Which of the proxy's clusters serve which side.

use alloc::vec::Vec;

use serde::Serialize;
use serin_assignment::Variant;

use crate::plugin::ClusterName;
use crate::{
    Fault,
    node::{self, Node},
};

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

pub(crate) fn read(node: Node<'_>) -> Result<Clusters, Fault> {
    let at = node.at();
    let mut fields = node.fields()?;
    let mut side = |name| {
        fields.required(name, "the clusters of this side, such as [\"shop-stable\"]", |node| {
            let (at, names) = (
                node.at(),
                node.list(
                    MAX_CLUSTERS,
                    "the cluster of every request is compared with each",
                    node::text::<ClusterName>,
                )?,
            );
            if names.is_empty() {
                return Err(Fault::new(at, "[]", "each side has at least one cluster"));
            }
            Ok(names)
        })
    };
    let (stable, canary) = (side("stable"), side("canary"));
    fields.close("stable, canary")?;
    let (Some(stable), Some(canary)) = (stable, canary) else { return Err(fields.fault()) };
    if let Some(both) = canary.iter().find(|name| stable.contains(name)) {
        return Err(Fault::new(
            at,
            format_args!("\"{both}\" twice"),
            "a cluster serves one side: stable and canary have none in common",
        ));
    }
    Ok(Clusters { stable, canary })
}
