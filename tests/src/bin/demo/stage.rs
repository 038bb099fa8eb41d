//! All that takes part: applications, Envoy, Prometheus, controller, load and the watch over them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::controller::{Api, Controller, Options, fill_template};
use serin_tests::demo::figures::Figures;
use serin_tests::demo::script;
use serin_tests::envoy::Envoy;
use serin_tests::load::Load;
use serin_tests::ports;
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::scratch::Scratch;
use serin_tests::watch::Watch;

use crate::application::Application;

/// The release's key at the controller, and the rollout's name in the document.
pub(crate) const RELEASE: &str = "demo/shop";
/// Prometheus' first scrape comes within its interval of one second, later on a busy machine.
const SCRAPE_LIMIT: Duration = Duration::from_secs(20);

/// Everything that runs. Fields end in this order: first who asks, then who answers.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) load: Load,
    watch: Watch,
    controller: Controller,
    prometheus: Prometheus,
    envoy: Envoy,
    pub(crate) stable: Application,
    pub(crate) canary: Application,
    release: PathBuf,
    scratch: Scratch,
}

impl Stage {
    /// Starts everything: v1 on stable, v2 on the canary, everyone on stable.
    pub(crate) async fn set() -> Result<Self> {
        let scratch = Scratch::named(&artifacts::root()?.join("target/demo"))?;
        let folder = scratch.path();
        let stable = Application::start("stable", ports::free()?, "v1", folder).await?;
        let canary = Application::start("canary", ports::free()?, "v2", folder).await?;
        let controller_port = ports::free()?;
        let configuration = Configuration::example("envoy.yaml")?
            .port(7_316, controller_port)?
            .port(8_081, stable.port())?
            .port(8_082, canary.port())?;
        let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
        let targets =
            [Target::envoy(envoy.admin().port()), Target::metrics("serin", controller_port)];
        let prometheus = Prometheus::start(&targets, &scratch).await?;
        prometheus.answers("envoy_cluster_membership_healthy", SCRAPE_LIMIT).await?;

        let load = Load::start(&script::users(envoy.port()));
        let watch = Watch::start(controller_port, vec![envoy.admin()], RELEASE);
        tokio::time::sleep(script::LOAD_FIRST).await;

        let release = write_release(&scratch, &prometheus, "v2")?;
        let options = Options {
            releases: vec![release.clone()],
            port: controller_port,
            state: scratch.folder("state")?,
            receivers: None,
        };
        let controller = Controller::start(&options, &scratch).await?;
        Ok(Self { load, watch, controller, prometheus, envoy, stable, canary, release, scratch })
    }

    /// Names another version in the release file and has the controller read it.
    pub(crate) fn release(&self, version: &str) -> Result<()> {
        write_release(&self.scratch, &self.prometheus, version)?;
        self.controller.reload()
    }

    pub(crate) fn api(&self) -> Api {
        self.controller.api()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// What the load has seen so far, judged; `bad_us` is when the bad version had its act.
    pub(crate) fn figures(&self, bad_us: (u64, u64)) -> Figures {
        Figures::of(&self.load.records(), &self.watch.history(), bad_us)
    }

    /// Starts one more user, of whose requests all fail at any version.
    pub(crate) fn broken_client(&self, user: u32) -> Load {
        Load::start(&script::broken_client(self.envoy.port(), user))
    }

    /// Says so where something has ended that should run.
    pub(crate) fn all_running(&mut self) -> Result<()> {
        let applications = [self.stable.process(), self.canary.process()];
        let others = [self.envoy.process(), self.prometheus.process(), self.controller.process()];
        for process in applications.into_iter().chain(others) {
            if let Some(status) = process.ended()? {
                bail!("{} ended with {status}:\n{}", process.name(), process.tail());
            }
        }
        Ok(())
    }

    pub(crate) fn print_addresses(&self) {
        let api = self.api().port();
        println!("\nStill running, with the load on; Ctrl-C ends it.");
        println!(
            "  shop         curl -H 'host: shop.example.com' -H 'x-user-id: me' http://127.0.0.1:{}/",
            self.envoy.port()
        );
        println!(
            "  envoy admin  http://127.0.0.1:{}/stats/prometheus?filter=serin",
            self.envoy.admin().port()
        );
        println!("  prometheus   {}", self.prometheus.address());
        println!("  controller   http://127.0.0.1:{api}/v1/releases/{RELEASE}");
        println!(
            "  status       target/release/serin status {RELEASE} --watch --server http://127.0.0.1:{api}"
        );
        println!("  release      {}", self.release.display());
    }
}

fn write_release(scratch: &Scratch, prometheus: &Prometheus, version: &str) -> Result<PathBuf> {
    let template = artifacts::root()?.join("tests/demo/shop.yaml");
    let values = [("prometheus", prometheus.address()), ("version", version.to_owned())];
    let values: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    scratch.write("shop.yaml", fill_template(&template, &values)?)
}
