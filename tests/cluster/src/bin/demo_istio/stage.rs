//! All that takes part.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::pods::Running;
use serin_cluster::released::{KIND, Released, at};
use serin_tests::demo::figures::Figures;
use serin_tests::demo::script;
use serin_tests::load::Load;
use serin_tests::watch::Watch;
use serin_tests::webapp::Behaviour;
use tokio::time::sleep;

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
        let load = Load::start(&script::users(gateway.port()));
        let rollout = released.shop.rollout();
        let watch = Watch::start(released.operator.port(), vec![gateway.admin()], &rollout);
        sleep(script::LOAD_FIRST).await;
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
        Load::start(&script::broken_client(self.released.shop.gateway().proxy.port(), user))
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
