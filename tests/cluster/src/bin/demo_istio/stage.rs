//! All that takes part.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::pods::Running;
use serin_cluster::released::{KIND, Released, at};
use serin_cluster::shop::HOST;
use serin_tests::demo::USERS;
use serin_tests::demo::figures::Figures;
use serin_tests::load::{Load, Profile};
use serin_tests::watch::Watch;
use serin_tests::webapp::Behaviour;
use tokio::time::sleep;

/// Requests a second; half as many again as the figures ask for.
const RATE: u32 = 300;
/// Requests a second of the broken client: more than all others that the canary has at 5 %.
const BROKEN_RATE: u32 = 20;
/// Enough that Envoy's two workers both get some of them.
const CONNECTIONS: u32 = 16;
/// The users are there before the rollout starts.
const LOAD_FIRST: Duration = Duration::from_secs(2);

/// Everything that runs beside the control plane. Fields end in this order: first who asks, then who
/// answers.
pub(crate) struct Stage {
    pub(crate) load: Load,
    watch: Watch,
    pub(crate) released: Released,
}

impl Stage {
    /// The control plane.
    pub(crate) async fn cluster() -> Result<Cluster> {
        Cluster::start().await
    }

    /// Starts everything else: one version on both sides, everyone on stable.
    pub(crate) async fn set(cluster: &Cluster) -> Result<Self> {
        // As in the other demo: real steps take minutes and not seconds.
        let step = |weight: &str, requests: u32| json!({"weight": weight, "bake": "8s", "minRequests": requests});
        let fields = json!({
            "steps": [
                step("5%", 80),
                step("25%", 200),
                step("50%", 200),
                step("75%", 200),
                step("100%", 200),
            ],
            "evidence": {"skip": "2s"},
            "gates": [
                {"name": "errors", "kind": "errorRate"},
                {"name": "latency", "kind": "latency", "bounds": ["100ms", "250ms"]},
            ],
        });
        let released = Released::start_with(cluster, "demo", &fields).await?;
        let gateway = released.shop.gateway().proxy;
        let load = Load::start(&profile(gateway.port()));
        let rollout = released.shop.rollout();
        let watch = Watch::start(released.operator.port(), vec![gateway.admin()], &rollout);
        sleep(LOAD_FIRST).await;
        Ok(Self { load, watch, released })
    }

    /// The release as it is.
    pub(crate) async fn object(&self) -> Result<Value> {
        self.released.shop.namespace.get(KIND, "shop").await
    }

    /// Changes how the pods of a side behave from now on.
    pub(crate) async fn behave(
        &self,
        side: &str,
        change: impl Fn(Behaviour) -> Behaviour,
    ) -> Result<()> {
        let of = |pod: &Running| pod.labels.get("version").is_some_and(|it| it == side);
        let changed = self.released.shop.pods.behave(of, change).await?;
        ensure!(changed > 0, "{side} has no pod");
        Ok(())
    }

    /// Starts one more user, of whose requests all fail at any version.
    pub(crate) fn broken_client(&self, user: u32) -> Load {
        let port = self.released.shop.gateway().proxy.port();
        Load::start(&Profile {
            users: 1,
            first_user: user,
            broken: true,
            rate: BROKEN_RATE,
            connections: 1,
            ..profile(port)
        })
    }

    /// What the load has seen so far, judged; `bad_us` is when the bad version had its act.
    pub(crate) fn figures(&self, bad_us: (u64, u64)) -> Figures {
        Figures::of(&self.load.records(), &self.watch.history(), bad_us)
    }
}

/// The text at a place of the release's status; empty where nothing is.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).as_str().unwrap_or_default()
}

/// The users of the shop.
fn profile(port: u16) -> Profile {
    Profile {
        port,
        host: HOST.to_owned(),
        identity: "x-user-id".to_owned(),
        users: USERS,
        first_user: 0,
        broken: false,
        rate: RATE,
        connections: CONNECTIONS,
    }
}
