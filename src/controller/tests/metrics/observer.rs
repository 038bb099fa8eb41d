//! The observer on the real Prometheus.

use std::collections::BTreeMap;
use std::path::Path;

use serin_controller::engine::{Part, Question};
use serin_controller::observe::{Observer, WeightUnknown};
use serin_controller::release::Release;
use serin_rollout::{
    CanaryTraffic, Endpoints, Proof, Served, State, StepClock, Traffic, Trips, Verdict, Version,
};
use tokio::sync::mpsc::unbounded_channel;

use crate::history::History;
use crate::prometheus::Prometheus;

/// Sixty scrapes of five seconds. At the 20th the traffic was published and the clock started; the
/// canary has had requests from then to the 50th.
const SCRAPES: u64 = 60;
const PUBLISHED: u64 = 20;
const EMPTY: u64 = 50;
const REVISION: u64 = 1_795_445_683_700;

const RELEASE: &str = "
apiVersion: serin.dev/v1alpha1
kind: CanaryRelease
metadata: {name: check-out, namespace: shop}
spec:
  version: v2
  traffic: {hosts: ['*'], stable: {cluster: 'outbound|80||web'}, canary: {cluster: 'ns::canary'}}
  assignment: {identity: [{header: x-user-id}]}
  metrics: {prometheus: {address: ADDRESS, scrapeInterval: 5s}}
  steps: [{weight: 5%, bake: 10m}, {weight: 100%, bake: 20m}]
  gates: [{name: load, kind: threshold, query: vector(0), max: 1}]
";

fn history(id: &str) -> History {
    let mut history = History::new();
    let tags = format!("id=\"{id}\",rollout=\"shop/check-out\"");
    let flat =
        |base: &str, rest: &str| format!("{base}_id___{id}___rollout___shop_check_out___{rest}");
    let served = |scrape: u64| scrape.clamp(PUBLISHED, EMPTY) - PUBLISHED;
    let revision = |scrape: u64| Some((REVISION - u64::from(scrape < PUBLISHED)) as f64);
    let weight = |scrape: u64| Some(if scrape < EMPTY { 500.0 } else { 0.0 });
    // Proxy a extracts tags, proxy b was not told to; c belongs to another rollout.
    let a = format!("instance=\"a\",{tags}");
    history.add("serin_rollout_revision", &a, SCRAPES, revision);
    history.add(&flat("serin_rollout_revision", ""), "instance=\"b\"", SCRAPES, revision);
    history.add("serin_rollout_revision", "instance=\"c\",id=\"00000000\"", SCRAPES, |_| Some(1.0));
    // b's tripwire tripped at the rise, and a's never.
    let tripped = |scrape: u64| Some(f64::from(u8::from((PUBLISHED..EMPTY + 1).contains(&scrape))));
    history.add("serin_tripped", &a, SCRAPES, |_| Some(0.0));
    history.add(&flat("serin_tripped", ""), "instance=\"b\"", SCRAPES, tripped);
    history.add("serin_rollout_weight", &a, SCRAPES, weight);
    history.add(&flat("serin_rollout_weight", ""), "instance=\"b\"", SCRAPES, weight);
    for (variant, reason, each) in [
        ("canary", "hash", 1),
        ("stable", "hash", 19),
        ("canary", "opt-in", 7),
        ("stable", "anonymous", 5),
    ] {
        // The canary's counter is born with its first request.
        let count = move |scrape| Some((served(scrape) * each) as f64).filter(|count| *count > 0.0);
        let labels = format!("{a},variant=\"{variant}\",reason=\"{reason}\"");
        history.add("serin_assignments", &labels, SCRAPES, count);
        let reason = reason.replace('-', "_");
        let name =
            flat("serin_assignments", &format!("variant___{variant}___reason___{reason}___"));
        history.add(&name, "instance=\"b\"", SCRAPES, count);
    }
    for proxy in ["a", "b"] {
        // Envoy writes `_` for `:` in names.
        let canary = format!("instance=\"{proxy}\",envoy_cluster_name=\"ns__canary\"");
        let stable = format!("instance=\"{proxy}\",envoy_cluster_name=\"outbound|80||web\"");
        history.add("envoy_cluster_upstream_rq_total", &canary, SCRAPES, |scrape| {
            Some((served(scrape) * 8) as f64)
        });
        // A request that found no connection, four scrapes after the last that did.
        history.add(
            "envoy_cluster_upstream_rq_pending_failure_eject",
            &canary,
            SCRAPES,
            |scrape| Some(if scrape < EMPTY + 4 { 0.0 } else { 1.0 }),
        );
        history.add("envoy_cluster_membership_healthy", &canary, SCRAPES, |_| Some(0.0));
        let healthy = if proxy == "a" { 0.0 } else { 3.0 };
        // A single scrape may fall into a moment without endpoints.
        history.add("envoy_cluster_membership_healthy", &stable, SCRAPES, |scrape| {
            Some(if scrape == EMPTY { 0.0 } else { healthy })
        });
    }
    history
}

fn state(history: &History, revision: u64) -> State {
    let published_ms = history.scrape_ms(PUBLISHED);
    let mut state = State::fresh(Version("v2".to_owned()), None, published_ms);
    state.traffic = Traffic::new("5%".parse().expect("a weight"), true, revision);
    state.traffic_since_ms = published_ms;
    state.exposed_since_ms = Some(published_ms);
    state.clock = Some(StepClock { started_ms: published_ms, baked_ms: 0 });
    state
}

async fn seen(observer: &Observer, state: &State, at_ms: u64) -> Vec<Part> {
    let (tell, mut heard) = unbounded_channel();
    let question =
        Question { state: state.clone(), cuts: BTreeMap::new(), bounds: BTreeMap::new() };
    observer.observe_at(&question, at_ms, &tell).await;
    drop(tell);
    let mut parts = Vec::new();
    while let Some(part) = heard.recv().await {
        parts.push(part);
    }
    parts
}

#[tokio::test]
async fn an_observer_sees_proxies_with_and_without_extracted_tags() {
    let release = |address: &str| {
        let text = RELEASE.replace("ADDRESS", address);
        Release::parse(&text, Path::new("release.yaml")).expect("a release")
    };
    let id = release("http://127.0.0.1:9").subject().metric_id;
    let history = history(&id);
    let mut prometheus = Prometheus::with_history(&history.text()).await;
    let observer = Observer::new(&release(&prometheus.address)).await.expect("no certificates");

    let halfway_ms = history.scrape_ms(EMPTY) + 1000;
    let parts = seen(&observer, &state(&history, REVISION), halfway_ms).await;
    assert!(parts.contains(&Part::Proof(Proof::Live { proxies: 2 })), "{parts:?}");
    assert!(parts.contains(&Part::CanaryRequests(Some(60))), "{parts:?}");
    assert!(parts.contains(&Part::ObservedShare(Some(0.05))), "{parts:?}");
    assert!(parts.contains(&Part::CanaryTraffic(CanaryTraffic::Flowing)), "{parts:?}");
    assert!(parts.contains(&Part::Canary(Endpoints::NotReady)), "{parts:?}");
    assert!(parts.contains(&Part::Stable(Endpoints::Ready)), "{parts:?}");
    assert_eq!(parts.len(), 10, "{parts:?}");
    let trips = Trips::Tripped { tripped: 1, watching: 2 };
    assert!(parts.contains(&Part::Trips(trips)), "{parts:?}");
    // What a rollback took back a moment ago is in force no more.
    for (scrape, weight) in [(EMPTY - 1, "5%"), (EMPTY, "0%")] {
        let in_force = observer.weight_in_force_at(history.scrape_ms(scrape) + 1000).await;
        assert_eq!(in_force, Ok(Some(weight.parse().expect("a weight"))), "{scrape}");
    }

    // A later revision is not live, and the canary stands still at the end.
    let end_ms = history.scrape_ms(SCRAPES - 1) + 1000;
    let parts = seen(&observer, &state(&history, REVISION + 1), end_ms).await;
    assert!(parts.contains(&Part::Trips(Trips::None { watching: 2 })), "{parts:?}");
    let behind = Proof::Behind { proxies: 2, behind: 2, smallest: REVISION };
    assert!(parts.contains(&Part::Proof(behind)), "{parts:?}");
    let still = CanaryTraffic::Still { scrapes: 5 };
    assert!(parts.contains(&Part::CanaryTraffic(still)), "{parts:?}");

    // Long after the last scrape nobody can tell.
    let parts = seen(&observer, &state(&history, REVISION), end_ms + 600_000).await;
    assert!(parts.contains(&Part::Stable(Endpoints::Unknown)), "{parts:?}");
    assert!(parts.contains(&Part::CanaryTraffic(CanaryTraffic::Unknown)), "{parts:?}");
    assert!(parts.contains(&Part::Proof(Proof::Unseen)), "{parts:?}");
    let weight = observer.weight_in_force_at(end_ms + 600_000).await;
    assert!(matches!(weight, Err(WeightUnknown::NoProxy { .. })), "{weight:?}");

    // A release that is new to proxies which are seen.
    let text =
        RELEASE.replace("ADDRESS", &prometheus.address).replace("name: check-out", "name: other");
    let other = Release::parse(&text, Path::new("release.yaml")).expect("a release");
    let new = Observer::new(&other).await.expect("no certificates");
    assert_eq!(new.weight_in_force_at(halfway_ms).await, Ok(None));

    prometheus.stop();
    let parts = seen(&observer, &state(&history, REVISION), end_ms).await;
    for part in &parts {
        let unknown = match part {
            Part::Proof(proof) => matches!(proof, Proof::Unknown { .. }),
            Part::Gate(reading) => reading.verdict == Verdict::Broken,
            Part::CanaryRequests(count) => count.is_none(),
            Part::ObservedShare(share) => share.is_none(),
            Part::Canary(endpoints) | Part::Stable(endpoints) => *endpoints == Endpoints::Unknown,
            Part::CanaryTraffic(traffic) => *traffic == CanaryTraffic::Unknown,
            Part::Served(served) => *served == Served::Unknown,
            Part::Trips(trips) => *trips == Trips::Unknown,
            Part::Counts(counts) => counts.counted.is_empty(),
            Part::Bounds(bounds) => bounds.is_err(),
            Part::EvidenceCapped(capped) => !capped,
            // Metrics know nothing of the cluster.
            Part::Route(_)
            | Part::Mirrors(_)
            | Part::Capacity(_)
            | Part::StableRuns(_)
            | Part::Templates(_) => false,
        };
        assert!(unknown, "{part:?}");
    }
    assert_eq!(parts.len(), 10);
    assert!(observer.weight_in_force_at(end_ms).await.is_err(), "not known is not none");
}
