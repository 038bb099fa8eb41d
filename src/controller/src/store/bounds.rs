//! Latency bounds that were chosen from stable, stored as the release file writes them.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serin_document::duration;

/// Each gate's bounds, rising.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Vec<String>>", into = "BTreeMap<String, Vec<String>>")]
pub struct Bounds(pub BTreeMap<String, Vec<Duration>>);

impl From<Bounds> for BTreeMap<String, Vec<String>> {
    fn from(bounds: Bounds) -> Self {
        let written = |bounds: Vec<Duration>| bounds.into_iter().map(duration::format).collect();
        bounds.0.into_iter().map(|(gate, bounds)| (gate, written(bounds))).collect()
    }
}

impl TryFrom<BTreeMap<String, Vec<String>>> for Bounds {
    type Error = String;

    fn try_from(written: BTreeMap<String, Vec<String>>) -> Result<Self, Self::Error> {
        let read = |bounds: Vec<String>| -> Result<Vec<Duration>, Self::Error> {
            bounds
                .iter()
                .map(|bound| duration::parse(bound).map_err(|error| error.to_string()))
                .collect()
        };
        let all = written.into_iter().map(|(gate, bounds)| Ok((gate, read(bounds)?)));
        all.collect::<Result<_, _>>().map(Self)
    }
}
