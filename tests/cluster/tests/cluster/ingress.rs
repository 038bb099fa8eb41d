//! A rollout by the annotations of ingress-nginx, on the real API server.
//!
//! There is no ingress-nginx (its admission is what [`crate::ingress_admission`] has): what is to be seen
//! here is that the object carries the right annotations at each step and after a rollback. Of the proof of a
//! weight, `serin serve-assign` is real; what asks it, as `auth-url` has ingress-nginx do for each request,
//! is this test.

use std::time::Duration;

use anyhow::{Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::operator::Operator;
use serin_cluster::released::{ROLLOUT, at};
use serin_cluster::shop::HOST;
use serin_cluster::unmarked::{new_image, until_phase};
use serin_tests::http::{self, Connection};
use serin_tests::ports;
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::proxies::ServeAssign;
use serin_tests::scratch::Scratch;
use tokio::task::JoinSet;

use crate::check::{check, outcomes};

/// How often somebody is asked about a request.
const EVERY: Duration = Duration::from_millis(20);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What runs; the requests end first, and the controller before what it looks after.
pub(crate) struct Stage {
    _requests: JoinSet<Result<()>>,
    pub(crate) operator: Operator,
    _prometheus: Prometheus,
    _assign: ServeAssign,
    pub(crate) namespace: Namespace,
}

impl Stage {
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let namespace = Cluster::shared().await?.namespace(name).await?;
        Self::in_namespace(namespace, &["12.5%", "50%", "100%"]).await
    }

    /// The same in a namespace of the shared cluster, with steps of these weights.
    pub(crate) async fn in_namespace(namespace: Namespace, steps: &[&str]) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        for app in ["web-stable", "web-canary"] {
            namespace.deployment(app, &[("app", app)], "shop:1.0", 1).await?;
        }
        namespace.apply(&ingress("web", "web-stable", &json!({})).to_string()).await?;
        let canary = json!({
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": "0",
        });
        namespace.apply(&ingress("web-canary", "web-canary", &canary).to_string()).await?;
        let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
        let port = ports::free()?;
        let prometheus =
            Prometheus::start(&[Target::metrics("serve-assign", port)], &scratch).await?;
        let operator = Operator::start(cluster, &namespace, "serin-0").await?;
        namespace.apply(&release(&prometheus.address(), steps).to_string()).await?;
        until_phase(&namespace, "Succeeded").await?;
        let assign = ServeAssign::start(port, operator.port(), &scratch).await?;
        let mut requests = JoinSet::new();
        requests.spawn(ask(port));
        Ok(Self {
            _requests: requests,
            operator,
            _prometheus: prometheus,
            _assign: assign,
            namespace,
        })
    }

    /// Waits until the annotations say this weight out of this total, where one is said.
    pub(crate) async fn until(&self, weight: &str, total: &str) -> Result<()> {
        let is = |object: &Value, name: &str, wanted: &str| {
            let name = format!("/metadata/annotations/nginx.ingress.kubernetes.io~1{name}");
            at(object, &name) == wanted
        };
        let wanted = |object: &Value| {
            is(object, "canary-weight", weight)
                && is(object, "canary-weight-total", total)
                && is(object, "canary", "true")
        };
        self.namespace.until("ingress", "web-canary", ROLLOUT, wanted).await.map(drop)
    }
}

/// What ingress-nginx would be asking, one request after the other, of a hundred users.
async fn ask(port: u16) -> Result<()> {
    let mut connection = Connection::to(port).await?;
    let url = format!("http://{HOST}/");
    for number in (0..100).cycle() {
        let user = format!("user-{number}");
        let headers = [("host", "serin"), ("x-original-url", url.as_str()), ("x-user-id", &user)];
        let request = http::request(Method::GET, "/v1/decide/original", &headers, "")?;
        let answer = connection.send(request, PATIENCE).await?;
        ensure!(answer.status == 200, "{answer:?}");
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

pub(crate) fn ingress(name: &str, service: &str, annotations: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": HOST, "http": {"paths": [{
                "path": "/",
                "pathType": "Prefix",
                "backend": {"service": {"name": service, "port": {"number": 80}}},
            }]}}],
        },
    })
}

fn release(prometheus: &str, steps: &[&str]) -> Value {
    let step = |weight: &&str| json!({"weight": weight, "bake": "2s"});
    let steps: Vec<Value> = steps.iter().map(step).collect();
    json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": "shop"},
        "spec": {
            "target": {"stable": "web-stable", "canary": "web-canary"},
            "traffic": {
                "ingress": "web-canary",
                "stable": {"host": "web-stable", "port": 80},
                "canary": {"host": "web-canary", "port": 80},
            },
            "assignment": {"identity": [{"header": "x-user-id"}]},
            "metrics": {"prometheus": {
                "address": prometheus,
                "scrapeInterval": "1s",
                "timeout": "2s",
            }},
            "steps": steps,
        },
    })
}

#[tokio::test]
async fn the_annotations_of_an_ingress_follow_each_step_and_a_rollback() -> Result<()> {
    let stage = Stage::start("ingress").await?;
    new_image(&stage.namespace, "shop:1.1").await?;
    for (weight, total) in
        [("1250", "10000"), ("5000", "10000"), ("10000", "10000"), ("0", "10000")]
    {
        stage.until(weight, total).await?;
    }
    until_phase(&stage.namespace, "Succeeded").await?;
    new_image(&stage.namespace, "shop:1.2").await?;
    stage.until("1250", "10000").await?;
    let body = json!({"by": "test"}).to_string();
    let path = "/v1/releases/ingress/shop/abort";
    let abort = http::request(Method::POST, path, &[("content-type", "application/json")], body)?;
    let answer = http::send(stage.operator.port(), abort).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    stage.until("0", "10000").await?;
    until_phase(&stage.namespace, "RolledBack").await?;
    // The host's own Ingress is nobody's but its owner's.
    let main = stage.namespace.get("ingress", "web").await?;
    ensure!(
        at(&main, "/metadata/annotations").to_string().matches("canary").count() == 0,
        "{main:#}"
    );
    // Nor does ingress-nginx send anybody by the weight without it.
    let (_, found) = check(&stage.namespace, &[]).await?;
    ensure!(outcomes(&found, "ingress").is_empty(), "{found:#}");
    stage.namespace.kubectl().run(&["delete", "ingress", "web"]).await?;
    let (_, found) = check(&stage.namespace, &[]).await?;
    ensure!(outcomes(&found, "ingress") == ["doubtful"], "{found:#}");
    Ok(())
}
