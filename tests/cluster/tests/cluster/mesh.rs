//! The document by a `WasmPlugin` and the weights by a `VirtualService`, through istiod, at a gateway
//! and at a sidecar.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};
use serin_assignment::{Salt, Variant, Weight, assign};
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::objects::Shares;
use serin_tests::load::user_ids;

use serin_cluster::shop::{Shop, route};

const USERS: u32 = 1_000;
/// A new weight is live sooner than that, on a busy machine too.
const LIVE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn users_are_on_the_same_side_through_gateway_and_sidecar_and_follow_the_weight() -> Result<()>
{
    let shop = Shop::start(Cluster::shared().await?, "sides", 5).await?;
    let salt = Salt::new(&shop.rollout())?;
    let ids = user_ids(USERS);
    for weight in [5, 40] {
        let (revision, plugin) = shop.plugin(weight)?;
        let start = Instant::now();
        put(&shop.namespace, &plugin).await?;
        shop.applied(revision).await?;
        println!("{weight} % by the WasmPlugin: live in both after {:?}", start.elapsed());
        ensure!(start.elapsed() < LIVE);
        let share: Weight = format!("{weight}%").parse()?;
        for door in shop.doors() {
            let mut connection = door.connect().await?;
            for id in &ids {
                let expected = assign(&salt, id.as_bytes()).variant(share);
                let served = door.side(&mut connection, Some(id)).await?;
                ensure!(served == expected, "{id} at {weight} %: {served}, not {expected}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_routes_weights_decide_what_is_not_marked_and_can_empty_the_canary_alone() -> Result<()>
{
    let shop = Shop::start(Cluster::shared().await?, "rest", 0).await?;
    // The document sends everybody to the canary, all the time.
    let (revision, plugin) = shop.plugin(100)?;
    put(&shop.namespace, &plugin).await?;
    shop.applied(revision).await?;
    for (shares, rest, marked) in [
        (Shares::serving(0), Variant::Stable, Variant::Canary),
        (Shares::serving(100), Variant::Canary, Variant::Canary),
        (Shares::NOTHING, Variant::Stable, Variant::Stable),
    ] {
        let start = Instant::now();
        put(&shop.namespace, &route(shares)).await?;
        for door in shop.doors() {
            let mut connection = door.connect().await?;
            while door.side(&mut connection, None).await? != rest {
                ensure!(start.elapsed() < LIVE, "{shares:?} is not live after {LIVE:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        println!("{shares:?} by the VirtualService: live in both after {:?}", start.elapsed());
        for door in shop.doors() {
            let mut connection = door.connect().await?;
            for id in &user_ids(50) {
                let served = door.side(&mut connection, Some(id)).await?;
                ensure!(served == marked, "{shares:?}: {id} is on {served}");
            }
        }
    }
    Ok(())
}

/// Writes an object's spec with one request, so that the time is the mesh's and not kubectl's.
async fn put(namespace: &Namespace, object: &Value) -> Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or_default();
    let kind = GroupVersionKind::gvk(group, version, text("/kind"));
    let resource = ApiResource::from_gvk(&kind);
    let client = namespace.client().await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace.name(), &resource);
    let spec = Patch::Merge(json!({"spec": object["spec"]}));
    api.patch(text("/metadata/name"), &PatchParams::default(), &spec).await?;
    Ok(())
}
