//! What others do to the route while a release is on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::objects::Shares;
use serin_cluster::records::none_failed;
use serin_cluster::released::{KIND, ROLLOUT, Released, at, stays_at_half};
use serin_cluster::shop::{LIMIT, route};
use serin_tests::clock::now_us;
use serin_tests::load::Record;
use tokio::time::sleep;

use crate::moves::{Moves, NOTHING, serving};

/// The controller, as the API server knows it.
const CONTROLLER: &str = "system:serviceaccount:serin-system:serin";

#[tokio::test]
async fn a_route_that_is_deleted_is_not_made_anew_and_nothing_rises_without_it() -> Result<()> {
    let released = Released::start("routeless").await?;
    let namespace = released.namespace();
    // Without requests nothing would rise anyway.
    let _load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(10).await?;
    namespace.kubectl().run(&["delete", "virtualservice", "web"]).await?;
    let object = released.until_reason("RouteUnusable").await?;
    ensure!(at(&object, "/status/alerts/0/name") == "RouteUnusable", "{object:#}");
    let wait = ["wait", "--for=condition=Degraded", "--timeout=60s", &format!("{KIND}/shop")];
    namespace.kubectl().run(&wait).await?;
    // Longer than the step lasts.
    sleep(Duration::from_secs(6)).await;
    ensure!(namespace.get("virtualservice", "web").await.is_err(), "somebody has made it anew");
    let object = namespace.get(KIND, "shop").await?;
    ensure!(at(&object, "/status/weight") == "10%", "{object:#}");
    // Its owner brings it back.
    namespace.apply(&route(Shares::serving(10)).to_string()).await?;
    let end = released.until_phase("Succeeded").await?;
    ensure!(at(&end, "/status/alerts") == &json!([]), "{end:#}");
    Ok(())
}

#[tokio::test]
async fn a_rival_that_writes_the_route_all_the_time_holds_up_neither_rollout_nor_rollback()
-> Result<()> {
    let released = Released::start("rival").await?;
    let moves = Moves::follow(released.namespace()).await?;
    let writes = Arc::new(AtomicU32::new(0));
    let rival = tokio::spawn(rival(released.namespace().clone(), Arc::clone(&writes)));
    let load = released.shop.gateway().load();
    released.release("shop:1.1", "Succeeded").await?;
    released.release("shop:1.2-fails50", "RolledBack").await?;
    ensure!(!rival.is_finished(), "the rival has failed: {:?}", rival.await);
    rival.abort();
    let writes = writes.load(Ordering::Relaxed);
    ensure!(writes > 500, "the rival wrote {writes} times");
    none_failed(&load.stop().await)?;
    let [good @ .., _, _] = &*moves.seen() else { anyhow::bail!("{:?}", moves.seen()) };
    let expected = [NOTHING, serving(10), serving(50), serving(100), NOTHING];
    ensure!(good == expected, "{:?}", moves.seen());
    Ok(())
}

/// Touches the route as fast as the API server takes it.
async fn rival(namespace: Namespace, writes: Arc<AtomicU32>) -> Result<()> {
    let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "VirtualService");
    let resource = ApiResource::from_gvk(&kind);
    let client = namespace.client().await?;
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace.name(), &resource);
    loop {
        let count = writes.fetch_add(1, Ordering::Relaxed);
        let touch = json!({"metadata": {"annotations": {"example.com/count": count.to_string()}}});
        api.patch("web", &PatchParams::default(), &Patch::Merge(touch)).await?;
    }
}

#[tokio::test]
async fn a_rollback_whose_route_is_refused_works_by_the_document_and_goes_on_until_it_is_written()
-> Result<()> {
    let mut fields = stays_at_half();
    fields["policy"] = json!({"rollbackAlertAfter": "3s"});
    let released = Released::start_with(Cluster::shared().await?, "refused", &fields).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(50).await?;
    refuse_routes(released.namespace()).await?;
    released.kubectl_serin(&["abort", "shop"]).await?;
    let alerted = |object: &Value| at(object, "/status/alerts/0/name") == "RollbackNotEffective";
    let object = released.until(alerted).await?;
    ensure!(at(&object, "/status/phase") == "RollingBack", "{object:#}");
    // The document has sent everybody away whom the filter marks, whatever the route says.
    let from = now_us();
    sleep(Duration::from_secs(4)).await;
    ensure!(released.rest().await? == 50, "the route was to be refused");
    let served = load.records().into_iter().filter(|record| record.sent_us > from);
    let canary: Vec<Record> =
        served.filter(|record| record.outcome.side() == Some(Variant::Canary)).collect();
    ensure!(
        canary.is_empty(),
        "{} requests reached the canary: {:?}",
        canary.len(),
        canary.first()
    );
    // While nobody can tell that it is empty, it keeps its pods.
    let canary = released.namespace().get("deployment", "web-canary").await?;
    ensure!(at(&canary, "/status/readyReplicas").as_u64() > Some(0), "{canary:#}");
    let object = released.namespace().get(KIND, "shop").await?;
    ensure!(at(&object, "/status/phase") == "RollingBack", "{object:#}");

    let policy = ["delete", "validatingadmissionpolicybinding", "frozen-routes"];
    released.namespace().kubectl().run(&policy).await?;
    let end = released.until_phase("RolledBack").await?;
    ensure!(released.rest().await? == 0, "{end:#}");
    none_failed(&load.stop().await)?;
    Ok(())
}

/// Has the API server refuse whatever the controller makes of routes in this namespace.
async fn refuse_routes(namespace: &Namespace) -> Result<()> {
    let policy = format!(
        "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: frozen-routes}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {{apiGroups: [networking.istio.io], apiVersions: ['*'], operations: [UPDATE], resources: [virtualservices]}}
  validations:
  - {{expression: \"request.userInfo.username != '{CONTROLLER}'\", message: routes are frozen}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: frozen-routes}}
spec:
  policyName: frozen-routes
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {}}}}}
",
        namespace.name()
    );
    namespace.apply(&policy).await?;
    // The API server takes it up a moment later.
    let service = namespace.get("virtualservice", "web").await?.to_string();
    let try_it = ["replace", "--as", CONTROLLER, "--dry-run=server", "--filename", "-"];
    let start = Instant::now();
    loop {
        match namespace.kubectl().run_with(&try_it, &service).await {
            Err(error) if error.to_string().contains("routes are frozen") => return Ok(()),
            tried => ensure!(start.elapsed() < LIMIT, "routes are not frozen: {tried:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_second_release_on_one_route_gets_a_conflict_and_moves_nothing() -> Result<()> {
    let released = Released::start("two").await?;
    let namespace = released.namespace();
    let moves = Moves::follow(namespace).await?;
    let mut second = namespace.get(KIND, "shop").await?;
    let object = second.as_object_mut().context("no object")?;
    object.remove("status");
    object.insert("metadata".to_owned(), json!({"name": "second"}));
    namespace.apply(&second.to_string()).await?;
    let conflict = ["wait", "--for=condition=Conflict", "--timeout=60s", &format!("{KIND}/second")];
    namespace.kubectl().run(&conflict).await?;
    let object = namespace.get(KIND, "second").await?;
    ensure!(object.to_string().contains("two/shop"), "nobody says whose it is: {object:#}");
    let load = released.shop.gateway().load();
    released.release("shop:1.1", "Succeeded").await?;
    none_failed(&load.stop().await)?;
    let expected = [NOTHING, serving(10), serving(50), serving(100), NOTHING];
    moves.are(&expected).await?;
    let object = namespace.get(KIND, "second").await?;
    ensure!(object.pointer("/status/phase").is_none(), "{object:#}");
    // Once the older one is gone, what it had is the second's.
    namespace.kubectl().run(&["delete", KIND, "shop", "--timeout=90s"]).await?;
    let runs = |object: &Value| at(object, "/status/phase") == "Succeeded";
    namespace.until(KIND, "second", ROLLOUT, runs).await?;
    Ok(())
}
