//! `kubectl apply -k istio/`, on the real API server: it is taken, its pods are let in, and its
//! account may do what it needs and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::kubectl::Kubectl;
use serin_tests::artifacts;
use serin_tests::rights::{AT_HOME, EVERYWHERE, Right};

const HOME: &str = "serin-system";

/// What an account may do with each resource of each group.
type Rights = BTreeMap<(String, String), BTreeSet<String>>;

#[tokio::test]
async fn what_is_applied_is_taken_and_may_do_what_it_needs_and_nothing_else() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let (admin, folder) = (cluster.kubectl(), artifacts::root()?.join("istio"));
    let folder = folder.to_string_lossy();
    admin.run(&["apply", "--validate=strict", "--kustomize", &folder]).await?;
    // Again, as everybody does who upgrades.
    admin.run(&["apply", "--validate=strict", "--kustomize", &folder]).await?;
    let established = ["wait", "--for=condition=Established", "crd/canaryreleases.serin.dev"];
    admin.run(&established).await?;

    // Whose pods are not let in has none.
    let rolled_out = ["rollout", "status", "deployment/serin", "--namespace", HOME];
    admin.run(&rolled_out).await?;
    let ordinary = ["run", "ordinary", "--image=web:1", "--namespace", HOME, "--dry-run=server"];
    let refused = admin.run(&ordinary).await.expect_err("an ordinary pod").to_string();
    ensure!(refused.contains("violates PodSecurity"), "{refused}");

    admin.run(&["create", "serviceaccount", "nobody", "--namespace", HOME]).await?;
    let serin = cluster.service_account(HOME, "serin").await?;
    let nobody = cluster.service_account(HOME, "nobody").await?;
    for (namespace, allowed) in
        [("default", EVERYWHERE.to_vec()), (HOME, [&EVERYWHERE[..], &AT_HOME[..]].concat())]
    {
        let mut found = rights(&serin, namespace).await?;
        // What everybody may do.
        for resource in rights(&nobody, namespace).await?.keys() {
            found.remove(resource);
        }
        ensure!(found == expected(&allowed), "in {namespace}: {found:?}");
    }
    // The one lease, and no other.
    let lease = ["auth", "can-i", "update", "leases/other", "--namespace", HOME];
    ensure!(serin.run(&lease).await.is_err(), "it may take any lease");
    let delete = ["delete", "virtualservice", "web", "--namespace", "default"];
    let refused = serin.run(&delete).await.expect_err("nobody allowed it").to_string();
    ensure!(refused.contains("orbidden"), "{refused}");
    Ok(())
}

/// By the API server's own account.
async fn rights(who: &Kubectl, namespace: &str) -> Result<Rights> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    });
    // Reading the definitions to check it by is not among its rights.
    let args = ["create", "--validate=false", "--output", "json", "--filename", "-"];
    let answer: Value = serde_json::from_str(&who.run_with(&args, &review.to_string()).await?)?;
    let status = answer.get("status").context("no status")?;
    ensure!(status.get("incomplete") == Some(&json!(false)), "{status}");
    let mut rights = Rights::new();
    for rule in status.get("resourceRules").and_then(Value::as_array).context("no rules")? {
        let texts = |field: &str| -> Vec<String> {
            let list = rule.get(field).and_then(Value::as_array);
            let texts = list.into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                rights.entry((group.clone(), resource)).or_default().extend(texts("verbs"));
            }
        }
    }
    Ok(rights)
}

fn expected(allowed: &[Right]) -> Rights {
    let verbs = |verbs: &[&str]| verbs.iter().map(|verb| (*verb).to_owned()).collect();
    let right = |(group, resource, allowed): &Right| {
        (((*group).to_owned(), (*resource).to_owned()), verbs(allowed))
    };
    allowed.iter().map(right).collect()
}
