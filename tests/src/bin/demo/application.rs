//! The web application as a process of its own: this very program in another role, so that there is
//! nothing else to build first.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hyper::Method;
use serin_tests::http;
use serin_tests::process::Process;
use serin_tests::webapp::{Behaviour, WebApp};

/// The first argument that asks for this role.
pub(crate) const ROLE: &str = "webapp";

/// It only binds a port.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Plays the application until the process is ended.
pub(crate) async fn run(arguments: &[&str]) -> Result<()> {
    let [name, port, version] = arguments else {
        bail!("usage: demo {ROLE} NAME PORT VERSION");
    };
    let port = port.parse().with_context(|| format!("{port} is no port"))?;
    let _app = WebApp::start(name, port, Behaviour::healthy(version)).await?;
    std::future::pending().await
}

/// One side's application.
#[derive(Debug)]
pub(crate) struct Application {
    name: &'static str,
    port: u16,
    version: String,
    process: Process,
}

impl Application {
    /// Starts it and waits until it answers.
    pub(crate) async fn start(
        name: &'static str,
        port: u16,
        version: &str,
        folder: &Path,
    ) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let arguments = [ROLE, name, &port.to_string(), version].map(str::to_owned);
        let mut process = Process::start(&format!("webapp-{name}"), &program, arguments, folder)?;
        process.ready(START_LIMIT, || async move { http::get(port, "/").await.is_ok() }).await?;
        Ok(Self { name, port, version: version.to_owned(), process })
    }

    /// Ends it and starts another version in its place, as a deployment does.
    pub(crate) async fn deploy(&mut self, version: &str, folder: &Path) -> Result<()> {
        self.process.stop()?;
        *self = Self::start(self.name, self.port, version, folder).await?;
        Ok(())
    }

    /// Lets a share of its requests fail from now on.
    pub(crate) async fn fail(&self, error_rate: f64) -> Result<()> {
        self.behave(&Behaviour { error_rate, ..Behaviour::healthy(&self.version) }).await
    }

    /// Lets each of its requests fail by this chance from now on.
    pub(crate) async fn noise(&self, noise: f64) -> Result<()> {
        self.behave(&Behaviour { noise, ..Behaviour::healthy(&self.version) }).await
    }

    async fn behave(&self, behaviour: &Behaviour) -> Result<()> {
        let body = serde_json::to_vec(behaviour)?;
        let answer =
            http::send(self.port, http::request(Method::PUT, "/control", &[], body)?).await?;
        ensure!(answer.status == 200, "the application refuses: {}", answer.text());
        Ok(())
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}
