//! What most tests and the demo begin with: two Deployments behind a gateway and a sidecar, with the
//! filter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::http::{self, Connection};
use serin_tests::load::{Load, Profile};
use serin_tests::webapp::NAME_HEADER;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::namespace::Namespace;
use crate::objects::{self, Shares};
use crate::pods::Pods;
use crate::proxy::Proxy;

/// The host of the gateway.
pub const HOST: &str = "shop.example.com";
/// The labels of stable's pods.
pub const STABLE: [(&str, &str); 2] = [("app", "web"), ("version", "stable")];
/// The labels of the canary's pods.
pub const CANARY: [(&str, &str); 2] = [("app", "web"), ("version", "canary")];
/// What takes a second takes longer on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What runs. The proxies end before the pods.
#[derive(Debug)]
pub struct Shop {
    gateway: Proxy,
    sidecar: Proxy,
    mesh_host: String,
    /// A process for each pod.
    pub pods: Arc<Pods>,
    /// Where all of it is.
    pub namespace: Namespace,
}

impl Shop {
    /// Starts two stable pods and one of the canary, at this weight, and waits until it is live.
    ///
    /// # Errors
    /// Where something does not start or the weight does not arrive.
    pub async fn start(cluster: &Cluster, name: &str, weight: u32) -> Result<Self> {
        let (revision, plugin) = plugin(name, weight)?;
        let objects = [route(Shares::serving(weight)), plugin];
        let shop = Self::stand(cluster, name, "shop:1.1", &objects, cluster.discovery()).await?;
        shop.applied(revision).await?;
        shop.serves().await?;
        Ok(shop)
    }

    /// Starts what a release's owner has before the first rollout: both sides run one version,
    /// nobody is sent to the canary, and the filter has no document.
    ///
    /// # Errors
    /// Where something does not start.
    pub async fn before_a_rollout(cluster: &Cluster, name: &str) -> Result<Self> {
        Self::before_a_rollout_by(cluster, name, cluster.discovery()).await
    }

    /// The same with a sidecar that finds istiod at this port, which is a way to it.
    ///
    /// # Errors
    /// As [`before_a_rollout`](Self::before_a_rollout).
    pub async fn before_a_rollout_by(
        cluster: &Cluster,
        name: &str,
        discovery: u16,
    ) -> Result<Self> {
        let plugin = objects::wasm_plugin(&json!({"formatVersion": "1.0"}))?;
        let objects = [route(Shares::NOTHING), plugin];
        let shop = Self::stand(cluster, name, "shop:1.0", &objects, discovery).await?;
        shop.serves().await?;
        Ok(shop)
    }

    async fn stand(
        cluster: &Cluster,
        name: &str,
        canary: &str,
        objects: &[Value],
        discovery: u16,
    ) -> Result<Self> {
        let namespace = cluster.namespace(name).await?;
        let pods = Arc::new(Pods::run(&namespace, "web").await?);
        namespace.deployment("web-stable", &STABLE, "shop:1.0", 2).await?;
        namespace.deployment("web-canary", &CANARY, canary, 1).await?;
        namespace.apply(&objects::destination_rule("web").to_string()).await?;
        // Before the proxies: a filter that comes later takes the listeners' place, and connections
        // to the old ones end under whoever uses them.
        for object in objects {
            namespace.apply(&object.to_string()).await?;
        }
        pods.until(LIMIT, |running| running.len() == 3).await?;
        let gateway = Proxy::gateway(&namespace, &[HOST]).await?;
        let sidecar = Proxy::sidecar(&namespace, discovery).await?;
        let mesh_host = mesh_host(name);
        Ok(Self { gateway, sidecar, mesh_host, pods, namespace })
    }

    /// Waits until both proxies have routes and endpoints.
    async fn serves(&self) -> Result<()> {
        for door in self.doors() {
            door.serves().await?;
        }
        Ok(())
    }

    /// The gateway's, and the sidecar's.
    #[must_use]
    pub fn doors(&self) -> [Door<'_>; 2] {
        [
            Door { proxy: &self.gateway, host: HOST },
            Door { proxy: &self.sidecar, host: &self.mesh_host },
        ]
    }

    /// The gateway's alone.
    #[must_use]
    pub fn gateway(&self) -> Door<'_> {
        let [gateway, _] = self.doors();
        gateway
    }

    /// The rollout's name.
    #[must_use]
    pub fn rollout(&self) -> String {
        rollout(self.namespace.name())
    }

    /// The `WasmPlugin` with a document at this weight, and its revision. Whoever sends no id is left
    /// to the route's weights.
    ///
    /// # Errors
    /// Where the filter's module was not built.
    pub fn plugin(&self, weight: u32) -> Result<(u64, Value)> {
        plugin(self.namespace.name(), weight)
    }

    /// Waits until every worker of both proxies has this revision.
    ///
    /// # Errors
    /// Where one does not get it in time.
    pub async fn applied(&self, revision: u64) -> Result<()> {
        for door in self.doors() {
            door.proxy.admin().applied(&self.rollout(), revision, LIMIT).await?;
        }
        Ok(())
    }
}

fn rollout(namespace: &str) -> String {
    format!("{namespace}/shop")
}

fn mesh_host(namespace: &str) -> String {
    format!("web.{namespace}.svc.cluster.local")
}

fn plugin(namespace: &str, weight: u32) -> Result<(u64, Value)> {
    let revision = revision_now();
    let rollout = Rollout::new(&rollout(namespace), HOST)
        .with("hosts", json!([HOST, mesh_host(namespace)]))
        .weight(&format!("{weight}%"))
        .with("anonymous", json!("route"));
    Ok((revision, objects::wasm_plugin(&document(revision, &[rollout]))?))
}

/// The `VirtualService` with these weights.
#[must_use]
pub fn route(shares: Shares) -> Value {
    objects::virtual_service("web", &[HOST, "web"], shares)
}

/// A way in: a proxy, and the host by which it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// The proxy.
    pub proxy: &'a Proxy,
    /// The host.
    pub host: &'a str,
}

impl Door<'_> {
    /// A load of 100 requests a second.
    #[must_use]
    pub fn load(self) -> Load {
        Load::start(&Profile {
            port: self.proxy.port(),
            host: self.host.to_owned(),
            identity: "x-user-id".to_owned(),
            users: 1_000,
            first_user: 0,
            broken: false,
            rate: 100,
            connections: 4,
        })
    }

    /// A connection of its own.
    ///
    /// # Errors
    /// Where the proxy does not take it.
    pub async fn connect(self) -> Result<Connection> {
        Connection::to(self.proxy.port()).await
    }

    /// The side that answers a user, or, without one, whom the route's weights choose.
    ///
    /// # Errors
    /// Where there is no answer, or none of an application.
    pub async fn side(self, connection: &mut Connection, user: Option<&str>) -> Result<Variant> {
        let mut headers = vec![("host", self.host)];
        headers.extend(user.map(|user| ("x-user-id", user)));
        let request = http::request(hyper::Method::GET, "/", &headers, "")?;
        let answer = connection.send(request, LIMIT).await?;
        ensure!(answer.status == 200, "status {}: {}", answer.status, answer.text());
        let name = answer.header(NAME_HEADER).context("no application")?;
        Ok(name.parse::<Variant>()?)
    }

    /// Waits until routes and endpoints have arrived.
    ///
    /// # Errors
    /// Where they do not in time.
    pub async fn serves(self) -> Result<()> {
        let start = Instant::now();
        loop {
            let mut connection = self.connect().await?;
            match self.side(&mut connection, Some("anybody")).await {
                Ok(_) => return Ok(()),
                Err(e) => ensure!(start.elapsed() < LIMIT, "no answer after {LIMIT:?}: {e:#}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
