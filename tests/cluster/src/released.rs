//! A shop whose releases the controller looks after.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;

use crate::cluster::Cluster;
use crate::namespace::Namespace;
use crate::operator::{Operator, RECEIVERS};
use crate::relay::Relay;
use crate::shop::Shop;

/// The kind of a release, as kubectl knows it.
pub const KIND: &str = "canaryreleases.serin.dev";
/// A rollout of three steps takes some 20 s on a quiet machine.
pub const ROLLOUT: Duration = Duration::from_mins(3);

/// What stands at a JSON pointer; null where nothing does.
#[must_use]
pub fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or(&Value::Null)
}

/// What runs: the controller ends before what it looks after.
#[derive(Debug)]
pub struct Released {
    /// The replica that was started first.
    pub operator: Operator,
    /// It scrapes both proxies every second.
    pub prometheus: Prometheus,
    /// The proxies, the pods and the objects.
    pub shop: Shop,
}

impl Released {
    /// Starts a shop with a release of three short steps.
    ///
    /// # Errors
    /// Where something of it does not start.
    pub async fn start(name: &str) -> Result<Self> {
        Self::start_with(Cluster::shared().await?, name, &short_steps()).await
    }

    /// The same in a given cluster, with these fields in the release's `spec`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(cluster: &Cluster, name: &str, fields: &Value) -> Result<Self> {
        let scene = Scene::of(Shop::before_a_rollout(cluster, name).await?).await?;
        let operator = Operator::start(cluster, &scene.shop.namespace, "serin-0").await?;
        scene.begin(operator, fields).await
    }

    /// The same in the shared cluster, with those in this file told of decisions, by every replica.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn telling(name: &str, receivers: &Value) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let scene = Scene::of(Shop::before_a_rollout(cluster, name).await?).await?;
        let file = scene.shop.namespace.folder()?.join(RECEIVERS);
        // JSON is YAML as well.
        std::fs::write(file, receivers.to_string())?;
        let operator = Operator::start(cluster, &scene.shop.namespace, "serin-0").await?;
        scene.begin(operator, &short_steps()).await
    }

    /// The same in the shared cluster, with a relay between the controller and the API server.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn relayed(name: &str, fields: &Value) -> Result<(Self, Relay)> {
        let cluster = Cluster::shared().await?;
        let scene = Scene::of(Shop::before_a_rollout(cluster, name).await?).await?;
        let relay = Operator::relay(cluster, &scene.shop.namespace, "relay-0").await?;
        let operator = Operator::through(&relay, &scene.shop.namespace, "serin-0").await?;
        Ok((scene.begin(operator, fields).await?, relay))
    }

    /// Where all of it is.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.shop.namespace
    }

    /// Waits until the release is as the test wants it, and gives it.
    ///
    /// # Errors
    /// Where it is not in time.
    pub async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        self.namespace().until(KIND, "shop", ROLLOUT, wanted).await
    }

    /// Waits until the canary's share is this, in percent, by the route, which is written after the
    /// decision; gives the release.
    ///
    /// # Errors
    /// Where it is not in time.
    pub async fn until_weight(&self, percent: u64) -> Result<Value> {
        let written = |route: &Value| rest(route) == Some(percent);
        self.namespace().until("virtualservice", "web", ROLLOUT, written).await?;
        self.namespace().get(KIND, "shop").await
    }

    /// Waits until the last decision was of this kind, and gives the release.
    ///
    /// # Errors
    /// Where it is not in time.
    pub async fn until_reason(&self, reason: &str) -> Result<Value> {
        self.until(|object| at(object, "/status/reason") == reason).await
    }

    /// Waits until the release is in this phase, and gives it.
    ///
    /// # Errors
    /// Where it is not in time.
    pub async fn until_phase(&self, phase: &str) -> Result<Value> {
        self.until(|object| at(object, "/status/phase") == phase).await
    }

    /// Gives the canary an image, as people do, and waits for the end of what follows.
    ///
    /// # Errors
    /// Where it has another end, or none in time.
    pub async fn release(&self, image: &str, end: &str) -> Result<Value> {
        self.set_image(image).await?;
        self.until_phase(end).await
    }

    /// Gives the canary an image, and waits until its rollout has begun.
    ///
    /// # Errors
    /// Where it does not begin in time.
    pub async fn set_image(&self, image: &str) -> Result<()> {
        self.new_image(image).await?;
        self.until(|object| at(object, "/status/phase") != "Succeeded").await.map(drop)
    }

    /// Gives the canary an image.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn new_image(&self, image: &str) -> Result<()> {
        let to = format!("app={image}");
        let set = ["set", "image", "deployment/web-canary", &to];
        self.namespace().kubectl().run(&set).await.map(drop)
    }

    /// The canary's share of the requests that are not marked, by the route.
    ///
    /// # Errors
    /// Where the route cannot be read.
    pub async fn rest(&self) -> Result<u64> {
        let service = self.shop.namespace.get("virtualservice", "web").await?;
        rest(&service).with_context(|| format!("no weight: {service:#}"))
    }

    /// The image that a Deployment names.
    ///
    /// # Errors
    /// Where there is no such Deployment.
    pub async fn image(&self, deployment: &str) -> Result<String> {
        let deployment = self.shop.namespace.get("deployment", deployment).await?;
        let image = at(&deployment, "/spec/template/spec/containers/0/image");
        Ok(image.as_str().context("no image")?.to_owned())
    }

    /// What `kubectl serin` says to the administrator.
    ///
    /// # Errors
    /// Where it fails; with what it said.
    pub async fn kubectl_serin(&self, args: &[&str]) -> Result<String> {
        let asked = self.ask_serin(args).await?;
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        ensure!(asked.status.success(), "{said}{}", String::from_utf8_lossy(&asked.stderr));
        Ok(said)
    }

    /// The same, whatever the exit code.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub async fn ask_serin(&self, args: &[&str]) -> Result<Output> {
        self.namespace().ask_serin(args).await
    }
}

/// The canary's share in the third entry, of the requests that are not marked.
fn rest(service: &Value) -> Option<u64> {
    at(service, "/spec/http/2/route/1/weight").as_u64()
}

/// All but the controller.
#[derive(Debug)]
pub struct Scene {
    /// The proxies, the pods and the objects.
    pub shop: Shop,
    prometheus: Prometheus,
}

impl Scene {
    /// A shop before its first rollout, with a Prometheus that scrapes its proxies.
    ///
    /// # Errors
    /// Where that does not start.
    pub async fn of(shop: Shop) -> Result<Self> {
        let targets = shop.doors().map(|door| Target::envoy(door.proxy.admin().port()));
        let scratch = Scratch::named(&shop.namespace.folder()?.join("scraped"))?;
        Ok(Self { prometheus: Prometheus::start(&targets, &scratch).await?, shop })
    }

    /// Applies a release with these fields in its `spec`, for this controller to look after.
    ///
    /// # Errors
    /// Where it is refused, or not taken up in time.
    pub async fn begin(self, operator: Operator, fields: &Value) -> Result<Released> {
        let Self { shop, prometheus } = self;
        let mut release = release("shop", "web", shop.namespace.name(), &prometheus.address());
        if let (Some(spec), Some(fields)) =
            (release.get_mut("spec").and_then(Value::as_object_mut), fields.as_object())
        {
            spec.extend(fields.clone());
        }
        shop.namespace.apply(&release.to_string()).await?;
        let released = Released { operator, prometheus, shop };
        // Both sides run the same, so that there is nothing to roll out.
        released.until_phase("Succeeded").await?;
        Ok(released)
    }
}

/// Three short steps.
#[must_use]
pub fn short_steps() -> Value {
    json!({"steps": [
        {"weight": "10%", "bake": "3s"},
        {"weight": "50%", "bake": "3s"},
        {"weight": "100%", "bake": "3s"},
    ]})
}

/// The same, but that the second of them, of 50 %, lasts until a person or a fault ends it.
#[must_use]
pub fn stays_at_half() -> Value {
    json!({"steps": [
        {"weight": "10%", "bake": "3s"},
        {"weight": "50%", "bake": "3s", "approval": "manual"},
        {"weight": "100%", "bake": "3s"},
    ]})
}

/// The release `name` of the Deployments `<service>-stable` and `<service>-canary` behind the
/// `VirtualService` `service`, with the plugin `serin` of the same namespace; its steps are to be added.
#[must_use]
pub fn release(name: &str, service: &str, namespace: &str, prometheus: &str) -> Value {
    let side = |subset: &str| json!({"host": service, "subset": subset, "port": 80});
    json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": name},
        "spec": {
            "target": {
                "stable": format!("{service}-stable"),
                "canary": format!("{service}-canary"),
            },
            "traffic": {
                "virtualService": service,
                "stable": side("stable"),
                "canary": side("canary"),
            },
            "assignment": {
                "plugin": {"name": "serin", "namespace": namespace},
                "identity": [{"header": "x-user-id"}],
                "anonymous": "route",
            },
            "metrics": {"prometheus": {
                "address": prometheus,
                "scrapeInterval": "1s",
                "timeout": "2s",
            }},
            "evidence": {"skip": "0s"},
            "gates": [{"name": "errors", "kind": "errorRate"}],
        },
    })
}
