//! One service and its rollouts, by either controller.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_cluster::objects::{self, Shares};
use serin_cluster::pods::{Pods, Running, Service};
use serin_cluster::released::{at, release};
use serin_tests::load::{Load, Profile};
use serin_tests::webapp::Behaviour;
use tokio::time::sleep;

use super::stand::Side;

/// The name of Flagger's metric.
pub(crate) const METRIC: &str = "success-rate";
/// Flagger at its documented interval takes the longest: it looks once a minute.
const LIMIT: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_secs(1);
/// How much of a version's start Serin leaves out where it is to be quick: a few scrapes.
const SKIP: &str = "5s";
/// The users of a service.
const USERS: u32 = 1_000;

/// How Flagger looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Analysis {
    pub(crate) interval: &'static str,
    /// The time that the success rate is of.
    pub(crate) window: &'static str,
    pub(crate) threshold: u32,
}

/// How Serin is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// A scrape a second, a short start, and steps as Flagger has them at ten seconds.
    Quick,
    /// All by default: a scrape every 15 seconds, the first two minutes left out.
    Default,
}

/// A service with its pods.
pub(crate) struct Lane<'a> {
    side: &'a Side,
    name: String,
    tool: Tool,
    pods: Vec<Pods>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Serin,
    Flagger,
}

impl<'a> Lane<'a> {
    /// A release of Serin's, ready for its first rollout.
    pub(crate) async fn serin(
        side: &'a Side,
        name: &str,
        prometheus: &str,
        setup: Setup,
    ) -> Result<Self> {
        let namespace = &side.namespace;
        let pods = Pods::run(namespace, name).await?;
        for (role, image) in [("stable", FIRST), ("canary", FIRST)] {
            let labels = [("app", name), ("version", role)];
            namespace.deployment(&format!("{name}-{role}"), &labels, image, 1).await?;
        }
        let mut release = release(name, name, namespace.name(), prometheus);
        let fields = release.get_mut("spec").and_then(Value::as_object_mut);
        let fields = fields.context("a release without a spec")?;
        let steps = |bake: &str| {
            let step = |percent| json!({"weight": format!("{percent}%"), "bake": bake});
            [10, 20, 30, 40, 50, 100].map(step)
        };
        match setup {
            Setup::Quick => {
                fields.insert("evidence".to_owned(), json!({"skip": SKIP}));
                fields.insert("steps".to_owned(), json!(steps("10s")));
            }
            Setup::Default => {
                fields.remove("evidence");
                fields.insert("metrics".to_owned(), json!({"prometheus": {"address": prometheus}}));
                fields.insert("steps".to_owned(), json!(steps("10m")));
            }
        }
        let host = host(name);
        let objects = [
            objects::destination_rule(name),
            objects::virtual_service(name, &[&host], Shares::NOTHING),
            release,
        ];
        namespace.apply(&joined(&objects)).await?;
        let lane = Self { side, name: name.to_owned(), tool: Tool::Serin, pods: vec![pods] };
        lane.until("Succeeded").await?;
        Ok(lane)
    }

    /// A Canary of Flagger's, ready for its first rollout.
    pub(crate) async fn flagger(side: &'a Side, name: &str, analysis: Analysis) -> Result<Self> {
        let namespace = &side.namespace;
        let (stable, canary) = (format!("{name}-primary"), format!("{name}-canary"));
        let service = |name, app, side| Service { name, app, says: Some(side) };
        // The Services that Flagger makes of these names lead to no pod, since the port that they
        // name is none of theirs; the endpoints are those of the pods' processes.
        let pods = vec![
            Pods::behind(namespace, service(&canary, name, Variant::Canary)).await?,
            Pods::behind(namespace, service(&stable, &stable, Variant::Stable)).await?,
        ];
        namespace.deployment(name, &[("app", name)], FIRST, 1).await?;
        namespace.apply(&definition(name, analysis).to_string()).await?;
        let lane = Self { side, name: name.to_owned(), tool: Tool::Flagger, pods };
        lane.until("Initialized").await?;
        Ok(lane)
    }

    /// Has Flagger look in another way.
    pub(crate) async fn set_analysis(&self, analysis: Analysis) -> Result<()> {
        let definition = definition(&self.name, analysis);
        let analysis = at(&definition, "/spec/analysis");
        let merge = json!({"spec": {"analysis": analysis}});
        self.side.namespace.kubectl().patch(&["canary", &self.name], &merge).await
    }

    pub(crate) fn side(&self) -> &Side {
        self.side
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Users at work.
    pub(crate) fn load(&self, rate: u32) -> Load {
        Load::start(&Profile {
            port: self.side.gateway.port(),
            host: host(&self.name),
            identity: "x-user-id".to_owned(),
            users: USERS,
            first_user: 0,
            broken: false,
            rate,
            connections: 2,
        })
    }

    /// Envoy's name of the canary's cluster.
    pub(crate) fn cluster(&self) -> String {
        let (name, namespace) = (&self.name, self.side.namespace.name());
        match self.tool {
            Tool::Serin => format!("outbound|80|canary|{name}.{namespace}.svc.cluster.local"),
            Tool::Flagger => format!("outbound|80||{name}-canary.{namespace}.svc.cluster.local"),
        }
    }

    /// Gives the canary's Deployment a new image.
    pub(crate) async fn set_image(&self, image: &str) -> Result<()> {
        let what = match self.tool {
            Tool::Serin => format!("deployment/{}-canary", self.name),
            Tool::Flagger => format!("deployment/{}", self.name),
        };
        let to = format!("app={image}");
        self.side.namespace.kubectl().run(&["set", "image", &what, &to]).await.map(drop)
    }

    /// Lets a share of the canary's requests fail from now on.
    pub(crate) async fn fail_canary(&self, error_rate: f64) -> Result<()> {
        let fail = |behaviour| Behaviour { error_rate, ..behaviour };
        self.behave(Variant::Canary, fail).await
    }

    /// Lets each of stable's requests fail with a chance of 1 % from now on.
    pub(crate) async fn add_noise_to_stable(&self, seed: u32) -> Result<()> {
        let noisy = |behaviour| Behaviour { noise: 0.01, seed, ..behaviour };
        self.behave(Variant::Stable, noisy).await
    }

    async fn behave(&self, side: Variant, change: impl Fn(Behaviour) -> Behaviour) -> Result<()> {
        let stable = format!("{}-primary", self.name);
        let is_canary = |pod: &Running| {
            let label = |name, value: &str| pod.labels.get(name).is_some_and(|it| it == value);
            match self.tool {
                Tool::Serin => label("version", "canary"),
                Tool::Flagger => !label("app", &stable),
            }
        };
        let of = |pod: &Running| is_canary(pod) == (side == Variant::Canary);
        let mut changed = 0;
        for pods in &self.pods {
            changed += pods.behave(of, &change).await?;
        }
        ensure!(changed > 0, "{} has no {side}", self.name);
        Ok(())
    }

    /// The phase that its controller shows; empty where it shows none yet.
    pub(crate) async fn phase(&self) -> Result<String> {
        let (group, version, kind) = match self.tool {
            Tool::Serin => ("serin.dev", "v1alpha1", "CanaryRelease"),
            Tool::Flagger => ("flagger.app", "v1beta1", "Canary"),
        };
        let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if self.tool == Tool::Flagger {
            "canaries".clone_into(&mut resource.plural);
        }
        let (client, namespace) = (self.side.client.clone(), self.side.namespace.name());
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let object = api.get(&self.name).await?;
        Ok(at(&object.data, "/status/phase").as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a rollback has ended.
    pub(crate) async fn until_over(&self) -> Result<()> {
        self.until(match self.tool {
            Tool::Serin => "RolledBack",
            Tool::Flagger => "Failed",
        })
        .await
    }

    async fn until(&self, phase: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            let found = self.phase().await?;
            if found == phase {
                return Ok(());
            }
            if start.elapsed() > LIMIT {
                bail!("{} is {found} and not {phase} after {LIMIT:?}", self.name);
            }
            sleep(POLL).await;
        }
    }
}

/// What runs at the start.
const FIRST: &str = "shop:1.0";

fn host(name: &str) -> String {
    format!("{name}.example.com")
}

fn joined(objects: &[Value]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// A Canary as Flagger's documentation for Istio has it.
fn definition(name: &str, analysis: Analysis) -> Value {
    let Analysis { interval, window, threshold } = analysis;
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": name},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "progressDeadlineSeconds": 60,
            "service": {
                "port": 80,
                "portName": "http",
                "targetPort": "http",
                "gateways": ["gateway"],
                "hosts": [host(name)],
            },
            "analysis": {
                "interval": interval,
                "threshold": threshold,
                "maxWeight": 50,
                "stepWeight": 10,
                "metrics": [{
                    "name": METRIC,
                    "templateRef": {"name": METRIC},
                    "thresholdRange": {"min": 99},
                    "interval": window,
                }],
            },
        },
    })
}
