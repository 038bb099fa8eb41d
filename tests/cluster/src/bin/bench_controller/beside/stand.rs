//! What stands before the first rollout.

use anyhow::Result;
use kube::Client;
use serde_json::json;
use serin_cluster::cluster::Cluster;
use serin_cluster::flagger::Flagger;
use serin_cluster::namespace::Namespace;
use serin_cluster::objects;
use serin_cluster::operator::Operator;
use serin_cluster::proxy::Proxy;
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;

use crate::routes::Routes;

/// Hosts that the gateways take.
const HOSTS: &str = "*.example.com";

/// One controller's namespace and gateway.
pub(crate) struct Side {
    pub(crate) routes: Routes,
    pub(crate) gateway: Proxy,
    pub(crate) namespace: Namespace,
    pub(crate) client: Client,
}

impl Side {
    async fn start(cluster: &Cluster, name: &str) -> Result<Self> {
        let namespace = cluster.namespace(name).await?;
        let gateway = Proxy::gateway_that_counts(&namespace, &[HOSTS]).await?;
        let (routes, client) = (Routes::watch(&namespace).await?, namespace.client().await?);
        Ok(Self { routes, gateway, namespace, client })
    }
}

/// All that runs beside the pods. Who acts ends first.
pub(crate) struct Stand {
    pub(crate) operator: Operator,
    pub(crate) flagger: Flagger,
    pub(crate) serin: Side,
    /// Flagger's.
    pub(crate) beside: Side,
    pub(crate) prometheus: Prometheus,
    /// One that scrapes as seldom as Serin takes for granted.
    pub(crate) slow_prometheus: Prometheus,
}

/// The default of Serin's `scrapeInterval`.
const SELDOM_SECONDS: u32 = 15;

impl Stand {
    pub(crate) async fn start(cluster: &Cluster) -> Result<Self> {
        let serin = Side::start(cluster, "serin").await?;
        let beside = Side::start(cluster, "flagger").await?;
        let plugin = objects::wasm_plugin(&json!({"formatVersion": "1.0"}))?;
        serin.namespace.apply(&plugin.to_string()).await?;
        let targets = [&serin, &beside].map(|side| Target::envoy(side.gateway.admin().port()));
        let scratch = |name| Scratch::named(&cluster.logs().join(name));
        let prometheus = Prometheus::start(&targets, &scratch("scraped")?).await?;
        let serins = targets.get(..1).unwrap_or_default();
        let seldom = scratch("scraped-seldom")?;
        let slow_prometheus = Prometheus::start_every(SELDOM_SECONDS, serins, &seldom).await?;
        let address = prometheus.address();
        let operator = Operator::start(cluster, &serin.namespace, "serin-0").await?;
        let flagger = Flagger::start(cluster, &beside.namespace, &address).await?;
        beside.namespace.apply(&template(&address).to_string()).await?;
        Ok(Self { operator, flagger, serin, beside, prometheus, slow_prometheus })
    }
}

/// The share of answers that are no 5xx, in percent, as Flagger's own query for Istio has it, by the
/// counters of the gateway's Envoy.
fn template(prometheus: &str) -> serde_json::Value {
    // By Istio's own tags, which the mesh's proxies have. What has no code counts by class.
    let of = |codes: &str| {
        format!(
            "sum(rate(envoy_cluster_upstream_rq{{cluster_name=\
             \"outbound|80||{{{{ target }}}}-canary.{{{{ namespace }}}}.svc.cluster.local\", \
             {codes}}}[{{{{ interval }}}}]))"
        )
    };
    let good = of(r#"response_code=~"[1-4].*""#);
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": super::lane::METRIC},
        "spec": {
            "provider": {"type": "prometheus", "address": prometheus},
            "query": format!("{good} / {} * 100", of(r#"response_code!="""#)),
        },
    })
}
