//! What is written of a rollout, and read again.

use serde::Serialize;
use serde_json::{Map, Value};
use serin_rollout::{Capacity, Observation, RouteSeen, Side, StableRuns, State};

use crate::world::{World, three_steps, version, weight};

/// What only a cluster brings.
const OF_A_CLUSTER: [&str; 11] = [
    "restoring",
    "capacityFor",
    "baseline",
    "idle",
    "plan",
    "again",
    "settledMs",
    "route",
    "capacity",
    "stableRuns",
    "templates",
];

fn written(value: &impl Serialize) -> Map<String, Value> {
    serde_json::to_value(value).unwrap().as_object().unwrap().clone()
}

fn names_a_cluster(written: &Map<String, Value>) -> usize {
    OF_A_CLUSTER.iter().filter(|field| written.contains_key(**field)).count()
}

#[test]
fn a_release_of_files_writes_and_reads_what_it_did_before_there_were_clusters() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.gates.clear();
    let (state, seen) = (written(&world.state), written(&world.seen));
    assert_eq!((names_a_cluster(&state), names_a_cluster(&seen)), (0, 0), "{state:?} {seen:?}");
    assert_eq!(serde_json::from_value::<State>(state.into()).unwrap(), world.state);
    assert_eq!(serde_json::from_value::<Observation>(seen.into()).unwrap(), world.seen);
}

#[test]
fn what_a_cluster_brings_is_written_and_read_again() {
    let mut world = World::at(three_steps(), "50%");
    world.state.restoring = true;
    world.state.capacity_for = Some(weight("0%"));
    world.seen.route = RouteSeen::Lowered { weight: weight("0.01%") };
    world.seen.capacity = Capacity::Short { why: "2 of 5 are ready".to_owned() };
    world.seen.stable_runs = StableRuns::Between;
    world.state.baseline = Some(version("v0"));
    world.state.idle = Some(version("v0"));
    world.state.plan = Some("5d4f8c".to_owned());
    world.state.again = true;
    world.state.settled_ms = 1;
    world.state.traffic.serving = Side::Second;
    world.state.traffic.everyone = true;
    world.runs("v1", "v0");
    let (state, seen) = (written(&world.state), written(&world.seen));
    assert_eq!((names_a_cluster(&state), names_a_cluster(&seen)), (7, 4), "{state:?} {seen:?}");
    assert_eq!(serde_json::from_value::<State>(state.into()).unwrap(), world.state);
    assert_eq!(serde_json::from_value::<Observation>(seen.into()).unwrap(), world.seen);
}
