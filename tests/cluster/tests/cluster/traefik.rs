//! The weights of a `TraefikService`, taken over by the real Traefik.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::Value;
use serin_assignment::{Variant, Weight};
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::records::none_failed;
use serin_cluster::shop::HOST;
use serin_cluster::traefik::{Traefik, side, weighted};
use serin_routes::{Destination, Entries, Kind, Reference, Wanted};
use serin_tests::load::Outcome;

/// How many weights are written.
const CHANGES: u16 = 100;
/// A weight is live in a tenth of a second, later on a busy machine.
const LIVE: Duration = Duration::from_secs(20);
/// How often Traefik is asked.
const POLL: Duration = Duration::from_millis(10);

#[tokio::test]
async fn a_hundred_weights_of_a_traefik_service_are_taken_over_without_a_failed_request()
-> Result<()> {
    let namespace = Cluster::shared().await?.namespace("traefik-weights").await?;
    let stable = side(&namespace, Variant::Stable).await?;
    let canary = side(&namespace, Variant::Canary).await?;
    let reference = Reference {
        entries: Entries::Whole,
        mark: "x-serin-variant".to_owned(),
        stable: destination("stable", stable.port()),
        canary: destination("canary", canary.port()),
    };
    for object in weighted(HOST, [stable.port(), canary.port()]) {
        namespace.apply(&object.to_string()).await?;
    }
    let traefik = Traefik::start(&namespace).await?;
    live(&traefik, &namespace, [100, 0]).await?;
    let load = traefik.load(HOST, 100, 100);
    let start = Instant::now();
    for change in 1..=CHANGES {
        // Up and down, in parts of a percent, with rollbacks among them.
        let wanted = match change % 10 {
            0 => Wanted::Nobody,
            step => Wanted::Share(Weight::from_basis_points(step * 1_111).context("a weight")?),
        };
        write(&namespace, &reference, wanted).await?;
        let rest = wanted.integers().rest;
        live(&traefik, &namespace, [rest.stable, rest.canary]).await?;
    }
    println!(
        "{CHANGES} weights: live {:?} after their write on average",
        start.elapsed() / u32::from(CHANGES)
    );
    // The last one was a rollback: from now on nobody gets to the canary.
    let before = load.records().len();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let records = load.stop().await;
    none_failed(&records)?;
    let by = |records: &[serin_tests::load::Record], side| {
        records.iter().filter(|record| record.outcome == Outcome::Served(side)).count()
    };
    ensure!(by(&records, Variant::Canary) > 100 && by(&records, Variant::Stable) > 100);
    // Those under way may have been sent before.
    let late = records.get(before + 10..).context("no requests after the rollback")?;
    ensure!(by(late, Variant::Canary) == 0 && by(late, Variant::Stable) > 50, "{late:?}");
    Ok(())
}

fn destination(side: &str, port: u16) -> Destination {
    Destination { host: format!("web-{side}"), subset: None, port: Some(port) }
}

/// Writes weights as the controller does: read, change the integers, write with the version that was
/// read.
async fn write(namespace: &Namespace, reference: &Reference, wanted: Wanted) -> Result<()> {
    let router = Kind::TraefikService.router();
    let kind = router.api();
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(kind.group, kind.version, kind.kind),
        kind.plural,
    );
    let client = namespace.client().await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace.name(), &resource);
    let mut object = serde_json::to_value(api.get("web").await?)?;
    router.write(&mut object, reference, &wanted)?;
    let object: DynamicObject = serde_json::from_value(object)?;
    api.replace("web", &PostParams::default(), &object).await?;
    Ok(())
}

/// Waits until Traefik has these weights of stable and the canary.
async fn live(traefik: &Traefik, namespace: &Namespace, wanted: [i64; 2]) -> Result<()> {
    let start = Instant::now();
    loop {
        let service = traefik.service(namespace, "web").await?;
        let weight = |place: usize| {
            service.pointer(&format!("/weighted/services/{place}/weight")).and_then(Value::as_i64)
        };
        if [weight(0), weight(1)] == wanted.map(Some) {
            return Ok(());
        }
        ensure!(start.elapsed() < LIVE, "not {wanted:?} after {LIVE:?}: {service:#}");
        tokio::time::sleep(POLL).await;
    }
}
