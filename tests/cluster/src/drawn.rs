//! A release whose requests the real Traefik draws by the weights of an object, where nobody marks them:
//! what Traefik counts is the proof that a weight is live, that a version fails, and that a rollback has
//! ended.
//!
//! The pods are played, and one application stands for those of each side: what comes and goes with
//! pods is not to be seen here.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_tests::load::{Load, Outcome, Record};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;
use serin_tests::webapp::WebApp;

use crate::cluster::Cluster;
use crate::image;
use crate::namespace::Namespace;
use crate::operator::Operator;
use crate::records::{by, none_failed};
use crate::released::at;
use crate::shop::HOST;
use crate::traefik::Traefik;
use crate::unmarked::{self, rolled_back, set_image, until_phase};

/// How soon a request under way has its answer: such may have been sent before.
const UNDER_WAY: usize = 10;

/// The object whose weights are moved: stable's backend stands first, the canary's second.
#[derive(Clone, Copy, Debug)]
pub struct Weighted {
    /// Its kind, as kubectl knows it.
    pub kind: &'static str,
    /// Where its backends are listed, as a JSON pointer.
    pub backends: &'static str,
}

/// What the release is about.
#[derive(Debug)]
pub struct Setting {
    /// Where all of it is.
    pub namespace: Namespace,
    /// It has the objects.
    pub traefik: Traefik,
    /// Stable's application.
    pub stable: WebApp,
    /// The canary's.
    pub canary: WebApp,
    /// The object of the name `web` whose weights are moved.
    pub weighted: Weighted,
    /// The release's `spec.traffic`.
    pub traffic: Value,
}

/// What runs; the controller ends before what it looks after.
#[derive(Debug)]
pub struct Drawn {
    _operator: Operator,
    _prometheus: Prometheus,
    load: Load,
    setting: Setting,
}

impl Drawn {
    /// Starts the release, and whoever sends it requests.
    ///
    /// # Errors
    /// Where something of it does not start, or the release is not taken up in time.
    pub async fn start(cluster: &Cluster, setting: Setting) -> Result<Self> {
        let Setting { namespace, traefik, traffic, .. } = &setting;
        for app in ["web-stable", "web-canary"] {
            namespace.deployment(app, &[("app", app)], "shop:1.0", 1).await?;
        }
        traefik.serves(HOST).await?;
        let scratch = Scratch::named(&namespace.folder()?.join("scraped"))?;
        let targets = [Target::metrics("traefik", traefik.admin())];
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        // Without requests there is no proof that nobody is on the canary.
        let load = traefik.load(HOST, 1_000, 200);
        let operator = Operator::start(cluster, namespace, "serin-0").await?;
        let gate = json!({"name": "errors", "kind": "errorRate", "counts": {"preset": "traefik"}});
        let release = unmarked::release(&prometheus.address(), traffic, &gate);
        namespace.apply(&release.to_string()).await?;
        until_phase(namespace, "Succeeded").await?;
        Ok(Self { _operator: operator, _prometheus: prometheus, load, setting })
    }

    /// Releases a good version, which the canary answers some hundred requests of, and stable all in the
    /// end.
    ///
    /// # Errors
    /// Where it does not go so.
    pub async fn succeeds(&self, image: &str) -> Result<()> {
        let before = self.load.records().len();
        self.set_image(image).await?;
        let end = until_phase(&self.setting.namespace, "Succeeded").await?;
        let decisions = at(&end, "/status/decisions");
        // The step's clock waits for a share of requests that no other weight has.
        let waited = decisions.to_string().contains("too few to tell 50% from 10%");
        ensure!(waited, "{decisions:#}");
        self.nobody_is_on_the_canary().await?;
        let stable = self.setting.namespace.get("deployment", "web-stable").await?;
        let runs = at(&stable, "/spec/template/spec/containers/0/image");
        ensure!(runs == image, "stable was not brought to the new version: {runs}");
        let canary = self.load.since(before, |records| by(records, Variant::Canary));
        ensure!(canary > 500, "{canary} by the canary");
        Ok(())
    }

    /// Releases a bad version, which users see fail, and which is rolled back.
    ///
    /// # Errors
    /// Where it does not go so.
    pub async fn is_rolled_back(&self, image: &str) -> Result<()> {
        self.set_image(image).await?;
        rolled_back(&self.setting.namespace).await?;
        self.nobody_is_on_the_canary().await?;
        let injected = Outcome::Injected(Variant::Canary);
        let seen = self.load.records().iter().any(|record| record.outcome == injected);
        ensure!(seen, "nobody saw it fail");
        Ok(())
    }

    /// Ends the requests, of which none may have failed but those that a version was told to.
    ///
    /// # Errors
    /// Where one failed.
    pub async fn ends(self) -> Result<()> {
        none_failed(&self.load.stop().await)
    }

    /// Gives the canary an image, and what stands for its pods the image's behaviour.
    async fn set_image(&self, image: &str) -> Result<()> {
        self.setting.canary.behave(image::behaviour(image)?);
        set_image(&self.setting.namespace, image).await
    }

    /// Neither by the object nor by who answers.
    async fn nobody_is_on_the_canary(&self) -> Result<()> {
        let Setting { namespace, weighted: Weighted { kind, backends }, .. } = &self.setting;
        let object = namespace.get(kind, "web").await?;
        let weights = [0, 1].map(|place| at(&object, &format!("{backends}/{place}/weight")));
        ensure!(weights == [&json!(100), &json!(0)], "{object:#}");
        let from = self.load.records().len() + UNDER_WAY;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let late = self.load.since(from, <[Record]>::to_vec);
        ensure!(by(&late, Variant::Canary) == 0 && by(&late, Variant::Stable) > 50, "{late:?}");
        Ok(())
    }
}
