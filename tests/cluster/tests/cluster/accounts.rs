//! Who may do what: RBAC is on.

use anyhow::{Result, ensure};
use serin_cluster::cluster::Cluster;

const ROLE: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
- {apiGroups: [networking.istio.io], resources: [virtualservices], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: reader}
";

#[tokio::test]
async fn a_service_account_may_do_what_its_role_says_and_nothing_else() -> Result<()> {
    let namespace = Cluster::shared().await?.namespace("accounts").await?;
    namespace.apply(ROLE).await?;
    let reader = namespace.service_account("reader").await?;
    let who = reader.run(&["auth", "whoami"]).await?;
    ensure!(who.contains("system:serviceaccount:accounts:reader"), "{who}");
    reader.get(&["virtualservices"]).await?;
    for refused in [
        &["get", "pods"][..],
        &["delete", "virtualservice", "web"],
        &["get", "virtualservices", "--all-namespaces"],
    ] {
        let error = reader.run(refused).await.expect_err("nobody allowed it").to_string();
        ensure!(error.contains("Forbidden") || error.contains("forbidden"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_field_that_nobody_knows_is_refused() -> Result<()> {
    let namespace = Cluster::shared().await?.namespace("strict").await?;
    let misspelt = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec: {hosts: [shop.example.com], htpp: []}
";
    let error = format!("{:#}", namespace.apply(misspelt).await.expect_err("a misspelt field"));
    ensure!(error.contains("htpp"), "{error}");
    Ok(())
}
