//! A hundred weights in a row, written into an object while users ask, and taken over by a router.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serin_assignment::{Variant, Weight};
use serin_routes::{Kind, Reference, Wanted};
use serin_tests::load::Load;

use crate::namespace::Namespace;
use crate::records::{by, none_failed};

/// How many weights are written.
const CHANGES: u16 = 100;

/// Writes them into the object `web`, one after the other as they go `live`, and checks that none of the
/// loads' requests failed, and that the last weight, a rollback, left nobody on the canary. It begins
/// with nobody there.
///
/// # Errors
/// Where one is not taken over, or a request failed.
pub async fn weights(
    namespace: &Namespace,
    loads: Vec<Load>,
    (kind, reference): (Kind, &Reference),
    live: impl AsyncFn(Wanted) -> Result<()>,
) -> Result<()> {
    let start = Instant::now();
    for change in 1..=CHANGES {
        // Up and down, in parts of a percent, with rollbacks among them.
        let wanted = match change % 10 {
            0 => Wanted::Nobody,
            step => Wanted::Share(Weight::from_basis_points(step * 1_111).context("a weight")?),
        };
        write(namespace, kind, reference, wanted).await?;
        live(wanted).await?;
    }
    println!(
        "{CHANGES} weights: live {:?} after their write on average",
        start.elapsed() / u32::from(CHANGES)
    );
    // The last one was a rollback: from now on nobody gets to the canary.
    let before: Vec<usize> = loads.iter().map(|load| load.since(0, <[_]>::len)).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (load, before) in loads.into_iter().zip(before) {
        let records = load.stop().await;
        println!("{} requests", records.len());
        none_failed(&records)?;
        let sides = [Variant::Canary, Variant::Stable].map(|side| by(&records, side));
        ensure!(sides.iter().all(|count| *count > 100), "{sides:?} by canary and stable");
        // Those under way may have been sent before.
        let late = records.get(before + 10..).context("no requests after the rollback")?;
        ensure!(by(late, Variant::Canary) == 0 && by(late, Variant::Stable) > 50, "{late:?}");
    }
    Ok(())
}

/// Writes weights as the controller does: read, change the integers, write with the version that was
/// read, and again where that was another one by then: Traefik writes the status of some.
async fn write(
    namespace: &Namespace,
    kind: Kind,
    reference: &Reference,
    wanted: Wanted,
) -> Result<()> {
    let router = kind.router();
    let kind = router.api();
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(kind.group, kind.version, kind.kind),
        kind.plural,
    );
    let client = namespace.client().await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace.name(), &resource);
    loop {
        let mut object = serde_json::to_value(api.get("web").await?)?;
        router.write(&mut object, reference, &wanted)?;
        let object: DynamicObject = serde_json::from_value(object)?;
        match api.replace("web", &PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            written => return written.map(drop).map_err(Into::into),
        }
    }
}
