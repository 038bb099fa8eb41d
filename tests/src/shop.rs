//! A shop under the controller: two applications behind the real Envoy, a light load, the real
//! Prometheus, and a release file with steps of seconds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::artifacts;
use crate::configuration::Configuration;
use crate::controller::{Controller, Options, fill_template};
use crate::envoy::Envoy;
use crate::load::{self, Load, Outcome, Profile};
use crate::ports;
use crate::prometheus::{Prometheus, Target};
use crate::rules::{self, Findings};
use crate::scratch::Scratch;
use crate::site::{CANARY, SOURCE, STABLE};
use crate::watch::Watch;
use crate::webapp::{Behaviour, WebApp};

/// The release's key at the controller, and the rollout's name in the document.
pub const RELEASE: &str = "test/shop";
/// The version that the release names at the start.
pub const FIRST: &str = "v2";

/// Who comes to the shop.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many users there are.
    pub users: u32,
    /// Requests a second, over all users.
    pub rate: u32,
}

/// Enough for the judge to tell within seconds, at 20 %.
const CROWD: Crowd = Crowd { users: 500, rate: 100 };
/// Enough that both of Envoy's workers get some.
const CONNECTIONS: u32 = 8;
/// Prometheus' first scrape comes within a second, later on a busy machine.
const SCRAPE_LIMIT: Duration = Duration::from_secs(30);

/// All but the controller, which the test starts and ends as it likes.
#[derive(Debug)]
pub struct Shop {
    /// Users at work.
    pub load: Load,
    /// What is published, and when the last worker has it.
    pub watch: Watch,
    /// The proxy, with two workers.
    pub envoy: Envoy,
    /// It scrapes the proxy every second.
    pub prometheus: Prometheus,
    /// The application behind `shop-stable`.
    pub stable: WebApp,
    /// The application behind `shop-canary`.
    pub canary: WebApp,
    /// Logs, configurations and state.
    pub scratch: Scratch,
    users: u32,
    options: Options,
    release: PathBuf,
    steps: String,
    metrics: String,
    gates: String,
    tripwire: bool,
}

impl Shop {
    /// Starts it, with a release of these steps (as YAML or JSON).
    ///
    /// # Errors
    /// Where something does not start.
    pub async fn start(steps: &str) -> Result<Self> {
        Self::start_with(steps, CROWD).await
    }

    /// The same, with as many users and requests as said.
    ///
    /// # Errors
    /// Where something does not start.
    pub async fn start_with(steps: &str, crowd: Crowd) -> Result<Self> {
        Self::open(steps, crowd, false).await
    }

    /// As [`start`](Self::start), with a tripwire that half of the requests failing does not trip yet.
    ///
    /// # Errors
    /// Where something does not start.
    pub async fn start_with_tripwire(steps: &str) -> Result<Self> {
        Self::open(steps, CROWD, true).await
    }

    async fn open(steps: &str, crowd: Crowd, tripwire: bool) -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy(FIRST)).await?;
        let port = ports::free()?;
        let configuration = Configuration::example("envoy.yaml")?
            .port(SOURCE, port)?
            .port(STABLE, stable.port())?
            .port(CANARY, canary.port())?;
        let configuration = if tripwire { configuration.with_tripwires()? } else { configuration };
        let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
        let prometheus =
            Prometheus::start(&[Target::envoy(envoy.admin().port())], &scratch).await?;
        prometheus.answers("envoy_cluster_membership_healthy", SCRAPE_LIMIT).await?;
        let load = Load::start(&Profile {
            port: envoy.port(),
            host: "shop.example.com".to_owned(),
            identity: "x-user-id".to_owned(),
            users: crowd.users,
            first_user: 0,
            broken: false,
            rate: crowd.rate,
            connections: CONNECTIONS,
        });
        let watch = Watch::start(port, vec![envoy.admin()], RELEASE);
        let release = scratch.path().join("release.yaml");
        let state = scratch.folder("state")?;
        let options = Options { releases: vec![release.clone()], port, state, receivers: None };
        let (steps, metrics) = (steps.to_owned(), prometheus.address());
        let shop = Self {
            load,
            watch,
            envoy,
            prometheus,
            stable,
            canary,
            scratch,
            users: crowd.users,
            options,
            release,
            steps,
            metrics,
            gates: String::new(),
            tripwire,
        };
        shop.release(FIRST)?;
        Ok(shop)
    }

    /// Names this version in the release file.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn release(&self, version: &str) -> Result<()> {
        let template = artifacts::root()?.join("tests/shop/release.yaml");
        let values = [("version", version), ("prometheus", &self.metrics), ("steps", &self.steps)];
        // The gates come last in the file.
        let mut text = fill_template(&template, &values)? + &self.gates;
        if self.tripwire {
            text = text.replace("\nspec:\n", "\nspec:\n  tripwire: {floor: 50%}\n");
        }
        std::fs::write(&self.release, text)?;
        Ok(())
    }

    /// Puts another address of Prometheus into the release file.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn ask_metrics_at(&mut self, address: &str) -> Result<()> {
        address.clone_into(&mut self.metrics);
        self.release(FIRST)
    }

    /// Adds a gate, as YAML or JSON, to releases that are written from now on.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn gate(&mut self, gate: &str) -> Result<()> {
        for part in ["    - ", gate, "\n"] {
            self.gates.push_str(part);
        }
        self.release(FIRST)
    }

    /// Has those in this file told of decisions, by controllers that start from now on.
    pub fn tell(&mut self, receivers: PathBuf) {
        self.options.receivers = Some(receivers);
    }

    /// Lets this share of the canary's requests fail from now on.
    pub fn fail_canary(&self, error_rate: f64) {
        self.canary.behave(Behaviour { error_rate, ..Behaviour::healthy(FIRST) });
    }

    /// Starts the controller and waits until it serves.
    ///
    /// # Errors
    /// Where it refuses to start; with the end of its log.
    pub async fn control(&self) -> Result<Controller> {
        Controller::start(&self.options, &self.scratch).await
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// Where it refuses to start; with the end of its log.
    pub async fn control_with(&self, more: &[&str]) -> Result<Controller> {
        Controller::start_with(&self.options, more, &self.scratch).await
    }

    /// Starts the controller and waits for nothing.
    ///
    /// # Errors
    /// Where there is no such program.
    pub fn launch(&self) -> Result<Controller> {
        Controller::launch("serin", &self.options, &self.scratch)
    }

    /// Starts a controller on the same state with a port and a log of its own, and waits for
    /// nothing.
    ///
    /// # Errors
    /// Where there is no such program.
    pub fn launch_second(&self) -> Result<Controller> {
        let options = Options { port: ports::free()?, ..self.options.clone() };
        Controller::launch("second", &options, &self.scratch)
    }

    /// The controller's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.options.port
    }

    /// The file with the release's state.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.options.state.join(RELEASE.replace('/', ".")).with_added_extension("json")
    }

    /// The folder of the state.
    #[must_use]
    pub fn state_folder(&self) -> &Path {
        &self.options.state
    }

    /// Judges all that the load has seen so far: no request failed but by the canary's own fault,
    /// and nobody was on a side against the rule.
    ///
    /// # Errors
    /// Where somebody was.
    pub fn judge(&self) -> Result<Findings> {
        let records = self.load.records();
        let failed: Vec<_> = records
            .iter()
            .filter(|record| matches!(record.outcome, Outcome::Failed { .. }))
            .collect();
        ensure!(failed.is_empty(), "{} requests failed: {:?}", failed.len(), failed.first());
        let ids = load::user_ids(self.users);
        let findings = rules::check(&self.watch.history(), &load::answers(&records, &ids));
        ensure!(
            findings.changed_sides == 0,
            "{} users were on the wrong side, as {:?}; {:?}",
            findings.changed_sides,
            findings.violations.first(),
            self.watch.history()
        );
        Ok(findings)
    }
}
