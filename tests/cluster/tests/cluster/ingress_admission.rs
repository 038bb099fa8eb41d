//! Ingress-nginx's own admission before each write of an Ingress: what it refuses, that it takes all that a
//! rollout writes, and the weight that it reads there and would give its balancer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::ingress_nginx::{Backend, Canary, IngressNginx, Review};
use serin_cluster::namespace::Namespace;
use serin_cluster::unmarked::{new_image, until_phase};

use crate::ingress::{Stage, ingress};

/// The whole, in whose parts a weight is compared: a hundredth of a percent is the least that Serin writes.
const WHOLE: u32 = 10_000;

/// A store follows within moments.
const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);
/// Asks the admission, and leaves nothing behind.
const CREATE: [&str; 4] = ["create", "--dry-run=server", "--filename", "-"];

/// A Service to which an Ingress leads.
fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    })
}

/// A canary's Ingress with these annotations of ingress-nginx.
fn canary(name: &str, annotations: &[(&str, &str)]) -> Value {
    let annotations: serde_json::Map<String, Value> = annotations
        .iter()
        .map(|(name, value)| (format!("nginx.ingress.kubernetes.io/{name}"), json!(value)))
        .collect();
    ingress(name, "web-canary", &Value::Object(annotations))
}

/// Tries to write an Ingress that is to be refused, and gives what its author is told. It is tried until it
/// is refused, for what it is compared with is a store that follows what is written.
async fn refused(namespace: &Namespace, object: &Value) -> Result<String> {
    let start = Instant::now();
    let told = loop {
        match namespace.kubectl().run_with(&CREATE, &object.to_string()).await {
            Err(error) => break format!("{error:#}"),
            Ok(_) => ensure!(start.elapsed() < LIMIT, "admitted: {object:#}"),
        }
        tokio::time::sleep(POLL).await;
    };
    ensure!(told.contains("validate.nginx.ingress.kubernetes.io"), "another's: {told}");
    Ok(told)
}

/// The weight that is read, in parts of the whole.
fn parts(canary: Canary) -> Result<u32> {
    ensure!(canary.enabled, "no canary: {canary:?}");
    let parts = u64::from(canary.weight) * u64::from(WHOLE);
    let total = u64::from(canary.weight_total);
    ensure!(total != 0 && parts % total == 0, "no whole number of parts: {canary:?}");
    Ok(u32::try_from(parts / total)?)
}

/// A side's Service, as the balancer would have it.
fn backend<'a>(namespace: &Namespace, review: &'a Review, side: &str) -> Option<&'a Backend> {
    let name = backend_name(namespace, side);
    review.backends.iter().find(|one| one.name == name)
}

fn backend_name(namespace: &Namespace, side: &str) -> String {
    format!("{}-web-{side}-80", namespace.name())
}

/// The weight that the balancer would be given for the canary's Service beside the stable one's.
fn balanced(namespace: &Namespace, review: &Review) -> Result<u32> {
    let of = |side: &str| {
        backend(namespace, review, side).with_context(|| format!("no {side}: {review:?}"))
    };
    ensure!(of("stable")?.alternatives == [backend_name(namespace, "canary")], "{review:?}");
    let &Backend { weight, weight_total, .. } = of("canary")?;
    parts(Canary { enabled: true, weight, weight_total })
}

/// What is made of the canary's Ingress, which is not written, once the host's own one is known too.
async fn beside_the_hosts_own(
    namespace: &Namespace,
    admission: &IngressNginx,
    object: &Value,
) -> Result<Review> {
    let start = Instant::now();
    loop {
        namespace.kubectl().run_with(&CREATE, &object.to_string()).await?;
        let review = admission.reviews("web-canary").await?.pop().context("no review")?;
        if backend(namespace, &review, "stable").is_some() {
            return Ok(review);
        }
        ensure!(start.elapsed() < LIMIT, "{review:#?}");
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test]
async fn ingress_nginx_refuses_what_it_cannot_serve_and_reads_a_wrong_weight_as_none() -> Result<()>
{
    let namespace = Cluster::shared().await?.namespace("ingress-refused").await?;
    let admission = IngressNginx::start(&namespace).await?;
    for side in ["web-stable", "web-canary"] {
        namespace.apply(&service(side).to_string()).await?;
    }
    namespace.apply(&ingress("web", "web-stable", &json!({})).to_string()).await?;

    let weight_alone = canary("weight-alone", &[("canary-weight", "5")]);
    let told = refused(&namespace, &weight_alone).await?;
    ensure!(told.contains("is already defined in ingress ingress-refused/web"), "{told}");
    let snippet = [("canary", "true"), ("configuration-snippet", "return 200;")];
    let told = refused(&namespace, &canary("snippet", &snippet)).await?;
    ensure!(told.contains("Snippet directives are disabled"), "{told}");
    let host = [("canary", "true"), ("upstream-vhost", "web; }")];
    let told = refused(&namespace, &canary("host", &host)).await?;
    ensure!(told.contains("upstream-vhost contains invalid value"), "{told}");

    // That an Ingress is taken does not mean that its weight is understood.
    let written: [(&[(&str, &str)], u32); 4] = [
        (&[("canary", "true"), ("canary-weight", "5")], 500),
        (&[("canary", "T"), ("canary-weight", "12")], 1200),
        (&[("canary", "true"), ("canary-weight", "5%")], 0),
        (&[("canary", "1"), ("canary-weight", "25"), ("canary-weight-total", "10000")], 25),
    ];
    for (annotations, _) in written {
        namespace.apply(&canary("web-canary", annotations).to_string()).await?;
    }
    let reviews = admission.reviews("web-canary").await?;
    let read = reviews.iter().map(|review| parts(review.canary.context("not read")?));
    let read = read.collect::<Result<Vec<u32>>>()?;
    ensure!(read == written.map(|(_, parts)| parts), "{reviews:#?}");
    Ok(())
}

#[tokio::test]
async fn ingress_nginx_gives_a_canary_no_share_of_a_path_of_another_type() -> Result<()> {
    let namespace = Cluster::shared().await?.namespace("ingress-paths").await?;
    let admission = IngressNginx::start(&namespace).await?;
    for side in ["web-stable", "web-canary"] {
        namespace.apply(&service(side).to_string()).await?;
    }
    namespace.apply(&ingress("web", "web-stable", &json!({})).to_string()).await?;
    let mut object = canary("web-canary", &[("canary", "true"), ("canary-weight", "5")]);
    let review = beside_the_hosts_own(&namespace, &admission, &object).await?;
    ensure!(balanced(&namespace, &review)? == 500, "{review:#?}");
    object["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = json!("Exact");
    let review = beside_the_hosts_own(&namespace, &admission, &object).await?;
    let stable = backend(&namespace, &review, "stable").context("no stable")?;
    ensure!(stable.alternatives.is_empty(), "{review:#?}");
    Ok(())
}

#[tokio::test]
async fn ingress_nginx_takes_each_write_of_a_rollout_and_reads_the_weight_that_was_meant()
-> Result<()> {
    let namespace = Cluster::shared().await?.namespace("ingress-admitted").await?;
    // Ends last: the controller writes to the Ingress until its own end.
    let admission = IngressNginx::start(&namespace).await?;
    for side in ["web-stable", "web-canary"] {
        namespace.apply(&service(side).to_string()).await?;
    }
    let stage = Stage::in_namespace(namespace.clone(), &["0.25%", "5%", "100%"]).await?;
    new_image(&namespace, "shop:1.1").await?;
    for (weight, total) in [("25", "10000"), ("500", "10000"), ("10000", "10000"), ("0", "10000")] {
        stage.until(weight, total).await?;
    }
    until_phase(&namespace, "Succeeded").await?;

    let reviews = admission.reviews("web-canary").await?;
    ensure!(reviews.iter().all(|review| review.refused.is_none()), "{reviews:#?}");
    let read = reviews.iter().map(|review| parts(review.canary.context("not read")?));
    let mut read = read.collect::<Result<Vec<u32>>>()?;
    read.dedup();
    ensure!(read == [0, 25, 500, WHOLE, 0], "{reviews:#?}");
    // Of the first one, the host's own Ingress may not have been in its store.
    let given = reviews.iter().skip(1).map(|review| balanced(&namespace, review));
    let mut given = given.collect::<Result<Vec<u32>>>()?;
    given.dedup();
    ensure!(given == [25, 500, WHOLE, 0], "{reviews:#?}");
    Ok(())
}
