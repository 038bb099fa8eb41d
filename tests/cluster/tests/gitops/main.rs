//! Argo CD and Flux keep the objects of a release as Git has them, with README's recipes: neither undoes
//! what the controller writes, and what is new in Git arrives.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::gitops::{Argo, Flux, Git, Tool};
use serin_cluster::namespace::Namespace;
use serin_cluster::records::none_failed;
use serin_cluster::released::{KIND, ROLLOUT, Released, at, stays_at_half};
use serin_tests::load::Load;
use tokio::time::sleep;

/// In which either tool compares the cluster with Git twice by itself.
const TWO_PASSES: Duration = Duration::from_secs(5);
/// Where the weighted entry has what it mirrors to.
const MIRROR: &str = "/spec/http/2/mirror";

#[tokio::test]
async fn argo_cd_leaves_a_rollout_alone_with_the_recipe() -> Result<()> {
    let mut kept = Kept::<Argo>::with_the_recipe("argo").await?;
    kept.goes_half_way().await?;
    kept.writes_all("half-way").await?;
    kept.is_left_half_way().await?;
    kept.goes_to_its_end().await?;
    kept.writes_all("end").await?;
    kept.is_left_at_its_end().await?;
    // README: what else changes in the list that holds the weights does not arrive.
    let timeout = json!("7s");
    kept.git.at("VirtualService", "web", "/spec/http/2")?["timeout"] = timeout.clone();
    kept.tool.push(&kept.git).await?;
    kept.tool.compared(&kept.git, "OutOfSync").await?;
    sleep(TWO_PASSES).await;
    let namespace = kept.released.namespace();
    let route = namespace.get("virtualservice", "web").await?;
    ensure!(at(&route, "/spec/http/2/timeout").is_null(), "README is wrong now: {route:#}");
    // It does while the route is not among what is ignored.
    let recipe = Argo::recipe()?;
    let mut ignored =
        at(&recipe, "/spec/ignoreDifferences").as_array().cloned().unwrap_or_default();
    ignored.retain(|entry| at(entry, "/kind") != "VirtualService");
    let application = ["application", "shop"];
    namespace
        .kubectl()
        .patch(&application, &json!({"spec": {"ignoreDifferences": ignored}}))
        .await?;
    let arrived = |route: &Value| at(route, "/spec/http/2/timeout") == &timeout;
    namespace.until("virtualservice", "web", ROLLOUT, arrived).await?;
    kept.is_left_at_its_end().await?;
    kept.nobody_was_hurt().await
}

#[tokio::test]
async fn flux_leaves_a_rollout_alone_with_the_recipe() -> Result<()> {
    let mut kept = Kept::<Flux>::with_the_recipe("flux").await?;
    kept.goes_half_way().await?;
    // What else changes in the list that holds the weights arrives, and they stay.
    let timeout = json!("7s");
    kept.git.at("VirtualService", "web", "/spec/http/2")?["timeout"] = timeout.clone();
    kept.writes_all("half-way").await?;
    let route = kept.released.namespace().get("virtualservice", "web").await?;
    ensure!(at(&route, "/spec/http/2/timeout") == &timeout, "{route:#}");
    kept.is_left_half_way().await?;
    kept.goes_to_its_end().await?;
    kept.writes_all("end").await?;
    kept.is_left_at_its_end().await?;
    kept.nobody_was_hurt().await
}

#[tokio::test]
async fn flux_leaves_a_mirror_alone_and_what_is_new_for_its_route_waits_for_its_end() -> Result<()>
{
    let mut recipe = Flux::recipe()?;
    let paths = recipe["spec"]["ignore"][0]["paths"].as_array_mut().context("no paths")?;
    for entry in [1, 2] {
        for field in ["mirror", "mirrorPercentage", "mirrors"] {
            paths.push(json!(format!("/spec/http/{entry}/{field}")));
        }
    }
    let mut kept = Kept::<Flux>::start("flux-mirror", &recipe).await?;
    let namespace = kept.released.namespace().clone();
    let mirror = json!({"host": "web", "subset": "canary", "port": {"number": 80}});
    as_the_controller(&namespace, json!({"op": "add", "path": MIRROR, "value": mirror})).await?;
    sleep(TWO_PASSES).await;
    let route = namespace.get("virtualservice", "web").await?;
    ensure!(at(&route, MIRROR) == &mirror, "{route:#}");
    kept.git.label("new");
    kept.tool.push(&kept.git).await?;
    let fails = |object: &Value| {
        let conditions = at(object, "/status/conditions").to_string();
        conditions.contains("missing key: /spec/http/2/mirror")
    };
    namespace.until("kustomization", "shop", ROLLOUT, fails).await?;
    as_the_controller(&namespace, json!({"op": "remove", "path": MIRROR})).await?;
    kept.tool.applied(&kept.git).await?;
    kept.nobody_was_hurt().await
}

/// Changes the route under the controller's name, as tools tell by it whose a field is.
async fn as_the_controller(namespace: &Namespace, change: Value) -> Result<()> {
    let patch = json!([change]).to_string();
    let how = ["--type=json", "--field-manager=serin", "--patch", &patch];
    let args = [&["patch", "virtualservice", "web"], &how[..]].concat();
    namespace.kubectl().run(&args).await.map(drop)
}

#[tokio::test]
async fn an_older_flux_leaves_a_rollout_alone_with_its_annotation() -> Result<()> {
    let annotation = Flux::older_recipe()?;
    let mut kept = Kept::<Flux>::start_from("flux-older", &json!({}), |git| {
        git.add("VirtualService", "web", &annotation)?;
        git.add("Deployment", "web-stable", &annotation)
    })
    .await?;
    kept.goes_half_way().await?;
    kept.is_left_half_way().await?;
    kept.goes_to_its_end().await?;
    kept.git.label("end");
    kept.tool.commit(&kept.git).await?;
    kept.is_left_at_its_end().await?;
    // README: what changes in these two does not arrive.
    let route = kept.released.namespace().get("virtualservice", "web").await?;
    ensure!(at(&route, "/metadata/labels/commit").is_null(), "README is wrong now: {route:#}");
    kept.nobody_was_hurt().await
}

#[tokio::test]
async fn argo_cd_without_the_recipe_ends_a_rollout_and_can_delete_its_release() -> Result<()> {
    Kept::<Argo>::start("argo-bare", &json!({})).await?.ends_and_is_deleted().await
}

#[tokio::test]
async fn flux_without_the_recipe_ends_a_rollout_and_can_delete_its_release() -> Result<()> {
    Kept::<Flux>::start("flux-bare", &json!({})).await?.ends_and_is_deleted().await
}

/// A release that a tool keeps as Git has it. The tool ends before what it looks after.
struct Kept<T> {
    tool: T,
    git: Git,
    load: Load,
    released: Released,
}

impl<T: Tool> Kept<T> {
    async fn with_the_recipe(name: &str) -> Result<Self> {
        Self::start(name, &T::recipe()?).await
    }

    async fn start(name: &str, added: &Value) -> Result<Self> {
        Self::start_from(name, added, |_| Ok(())).await
    }

    /// Starts it with this added to the tool's object, and what is in Git changed so.
    async fn start_from(
        name: &str,
        added: &Value,
        change: impl FnOnce(&mut Git) -> Result<()>,
    ) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let released = Released::start_with(cluster, name, &stays_at_half()).await?;
        let mut git = Git::of(&released).await?;
        change(&mut git)?;
        let tool = T::start(released.namespace(), &git, added).await?;
        let load = released.shop.gateway().load();
        Ok(Self { tool, git, load, released })
    }

    /// A new version comes by Git, and waits for a person at 50 %.
    async fn goes_half_way(&mut self) -> Result<()> {
        self.git.image("web-canary", "shop:1.1")?;
        self.tool.commit(&self.git).await?;
        self.released.until_reason("WaitingForApproval").await.map(drop)
    }

    /// Changes each object in Git, so that the tool has to write each.
    async fn writes_all(&mut self, commit: &str) -> Result<()> {
        self.git.label(commit);
        self.tool.commit(&self.git).await?;
        for (kind, name) in [
            ("deployment", "web-stable"),
            ("deployment", "web-canary"),
            ("virtualservice", "web"),
            ("wasmplugin", "serin"),
            (KIND, "shop"),
        ] {
            let object = self.released.namespace().get(kind, name).await?;
            ensure!(at(&object, "/metadata/labels/commit") == commit, "not written: {object:#}");
        }
        Ok(())
    }

    async fn is_left_half_way(&self) -> Result<()> {
        sleep(TWO_PASSES).await;
        let object = self.released.namespace().get(KIND, "shop").await?;
        ensure!(at(&object, "/status/reason") == "WaitingForApproval", "{object:#}");
        ensure!(at(&object, "/status/weight") == "50%", "{object:#}");
        self.holds([100, 0, 50], "shop:1.0").await?;
        self.has_replicas(1).await?;
        let plugin = self.released.namespace().get("wasmplugin", "serin").await?;
        ensure!(at(&plugin, "/spec/pluginConfig/rollouts/0/weight") == "50%", "{plugin:#}");
        Ok(())
    }

    /// The person agrees, stable takes the new version over, and Git still says the old one.
    async fn goes_to_its_end(&self) -> Result<()> {
        self.released.kubectl_serin(&["approve", "shop"]).await?;
        self.released.until_phase("Succeeded").await?;
        let scaled = |canary: &Value| at(canary, "/spec/replicas") == 0;
        let namespace = self.released.namespace();
        namespace.until("deployment", "web-canary", ROLLOUT, scaled).await.map(drop)
    }

    async fn is_left_at_its_end(&self) -> Result<()> {
        sleep(TWO_PASSES).await;
        let object = self.released.namespace().get(KIND, "shop").await?;
        ensure!(at(&object, "/status/phase") == "Succeeded", "{object:#}");
        self.holds([0, 0, 0], "shop:1.1").await?;
        self.has_replicas(0).await
    }

    /// What the controller has written: the canary's shares and stable's image.
    async fn holds(&self, shares: [u64; 3], stable: &str) -> Result<()> {
        let namespace = self.released.namespace();
        let route = namespace.get("virtualservice", "web").await?;
        let found = [0, 1, 2].map(|entry| {
            at(&route, &format!("/spec/http/{entry}/route/1/weight")).as_u64().unwrap_or_default()
        });
        ensure!(found == shares, "{route:#}");
        let image = self.released.image("web-stable").await?;
        ensure!(image == stable, "stable runs {image}");
        Ok(())
    }

    async fn has_replicas(&self, replicas: u64) -> Result<()> {
        let canary = self.released.namespace().get("deployment", "web-canary").await?;
        ensure!(at(&canary, "/spec/replicas") == replicas, "{canary:#}");
        Ok(())
    }

    async fn nobody_was_hurt(self) -> Result<()> {
        let object = self.released.namespace().get(KIND, "shop").await?;
        let decisions = at(&object, "/status/decisions").to_string();
        ensure!(!decisions.contains("ByHand"), "taken for a person: {decisions}");
        none_failed(&self.load.stop().await)
    }

    /// The tool takes the canary's weight, as Git has none; then the release is taken out of Git before it
    /// has succeeded, so that the controller has to let it go.
    async fn ends_and_is_deleted(mut self) -> Result<()> {
        self.git.image("web-canary", "shop:1.1")?;
        self.tool.commit(&self.git).await?;
        let ended = |object: &Value| {
            let decisions = at(object, "/status/decisions").to_string();
            decisions.contains("LoweredByHand") && at(object, "/status/phase") == "RolledBack"
        };
        self.released.until(ended).await?;
        self.git.remove_release();
        self.tool.commit(&self.git).await?;
        let gone = ["wait", "--for=delete", "--timeout=90s", &format!("{KIND}/shop")];
        self.released.namespace().kubectl().run(&gone).await?;
        self.holds([0, 0, 0], "shop:1.0").await?;
        none_failed(&self.load.stop().await)
    }
}
