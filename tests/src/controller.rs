//! The real controller: `serin run`, and its HTTP interface.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use rustix::process::Signal;
use serde::Deserialize;

use crate::artifacts;
use crate::http::{self, Answer};
use crate::process::Process;
use crate::scratch::Scratch;

/// It binds its port before anything else but the reading of its files.
const START_LIMIT: Duration = Duration::from_secs(15);
/// A build without optimisations on a busy machine takes a third of it for each.
const EACH_RELEASE: Duration = Duration::from_millis(50);

/// How a controller is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The release files.
    pub releases: Vec<PathBuf>,
    /// The port on loopback; Envoy must know it before, so it is chosen by the caller.
    pub port: u16,
    /// The folder of the stored state.
    pub state: PathBuf,
    /// The file of those who are told of decisions.
    pub receivers: Option<PathBuf>,
}

/// A running controller.
#[derive(Debug)]
pub struct Controller {
    process: Process,
    port: u16,
}

impl Controller {
    /// Starts `serin run` and waits until it lives (it may not be ready yet: it first asks the
    /// metrics what is in force).
    ///
    /// # Errors
    /// Where it refuses to start; with the end of its log.
    pub async fn start(options: &Options, scratch: &Scratch) -> Result<Self> {
        Self::start_with(options, &[], scratch).await
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(options: &Options, more: &[&str], scratch: &Scratch) -> Result<Self> {
        let mut controller = Self::launch_with("serin", options, more, scratch)?;
        let port = options.port;
        let releases = u32::try_from(options.releases.len())?;
        let limit = START_LIMIT + EACH_RELEASE * releases;
        controller
            .process
            .ready(limit, || async move {
                http::get(port, "/healthz").await.is_ok_and(|answer| answer.status == 200)
            })
            .await?;
        Ok(controller)
    }

    /// Starts `serin run` with its log in `<name>.log`, and waits for nothing.
    ///
    /// # Errors
    /// Where there is no such program.
    pub fn launch(name: &str, options: &Options, scratch: &Scratch) -> Result<Self> {
        Self::launch_with(name, options, &[], scratch)
    }

    fn launch_with(
        name: &str,
        options: &Options,
        more: &[&str],
        scratch: &Scratch,
    ) -> Result<Self> {
        let mut args = vec!["run".to_owned()];
        args.extend(options.releases.iter().map(|file| file.to_string_lossy().into_owned()));
        if !more.contains(&"--listen") {
            args.extend(["--listen".to_owned(), format!("127.0.0.1:{}", options.port)]);
        }
        args.extend(["--state-dir".to_owned(), options.state.to_string_lossy().into_owned()]);
        if let Some(file) = &options.receivers {
            args.extend(["--receivers".to_owned(), file.to_string_lossy().into_owned()]);
        }
        args.extend(more.iter().map(|argument| (*argument).to_owned()));
        let process = Process::start(name, &artifacts::serin()?, args, scratch.path())?;
        Ok(Self { process, port: options.port })
    }

    /// Its HTTP interface.
    #[must_use]
    pub fn api(&self) -> Api {
        Api { port: self.port }
    }

    /// Lets it read its release files again.
    ///
    /// # Errors
    /// Where it has gone.
    pub fn reload(&self) -> Result<()> {
        self.process.signal(Signal::HUP)
    }

    /// Its process, for what a test does to it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// The controller's HTTP interface.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    port: u16,
}

impl Api {
    /// Its port.
    #[must_use]
    pub fn port(self) -> u16 {
        self.port
    }

    /// The status of a release, by `namespace/name`.
    ///
    /// # Errors
    /// Where the controller does not answer or knows no such release.
    pub async fn status(self, release: &str) -> Result<Status> {
        let answer = http::get(self.port, &format!("/v1/releases/{release}")).await?;
        ensure!(answer.status == 200, "status of {release}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Gives a command (`pause`, `resume`, `approve`, `abort`, `retry`) and returns the answer,
    /// whatever it is.
    ///
    /// # Errors
    /// Where the controller does not answer.
    pub async fn command(self, release: &str, command: &str) -> Result<Answer> {
        let path = format!("/v1/releases/{release}/{command}");
        http::send(self.port, http::request(Method::POST, &path, &[], "")?).await
    }

    /// Waits until a release's status is as `wanted` says.
    ///
    /// # Errors
    /// Where `limit` passes first; with the last status.
    pub async fn until(
        self,
        release: &str,
        limit: Duration,
        wanted: impl Fn(&Status) -> bool,
    ) -> Result<Status> {
        let start = std::time::Instant::now();
        loop {
            let status = self.status(release).await;
            match status {
                Ok(status) if wanted(&status) => return Ok(status),
                last if start.elapsed() > limit => {
                    let last = last.context("asking for the status")?;
                    anyhow::bail!("{release} is not as wanted after {limit:?}: {last:#?}");
                }
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// A release's status, as far as tests and demo read it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The version on trial.
    pub version: String,
    /// The phase; `None` until the stored state is known.
    pub phase: Option<String>,
    /// The present step, from 1.
    pub step: usize,
    /// The number of steps.
    pub steps: usize,
    /// The canary's share, as `5%`.
    pub weight: String,
    /// Whether anybody may be sent to the canary.
    pub canary_serves: bool,
    /// The revision of the traffic in force.
    pub revision: u64,
    /// What the hash uses to pick users; absent until the stored state is known.
    pub salt: Option<String>,
    /// The canary's share among the requests that the hash placed, 0.0 to 1.0.
    pub observed_share: Option<f64>,
    /// The step's clock; absent until its weight is proved live.
    pub step_clock: Option<StepClock>,
    /// Why rises are stopped, where they are.
    pub paused: Option<serde_json::Value>,
    /// Whether nothing happens until a person decides.
    pub frozen: bool,
    /// What kind of decision the last pass came to; `None` before the first.
    pub reason: Option<String>,
    /// The same in a sentence.
    pub message: String,
    /// The gates' last readings.
    pub gates: Vec<Gate>,
    /// What people must know of.
    pub alerts: Vec<serde_json::Value>,
    /// The last decisions, newest last.
    pub decisions: Vec<Decision>,
}

impl Status {
    /// Whether the rollout is in this phase.
    #[must_use]
    pub fn is(&self, phase: &str) -> bool {
        self.phase.as_deref() == Some(phase)
    }
}

/// How long a step has been under observation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepClock {
    /// The time under observation so far, as a duration (`7s`).
    pub baked: String,
    /// The time that the step asks for.
    pub bake: String,
}

impl StepClock {
    /// Whether the step has been under observation for its time.
    #[must_use]
    pub fn over(&self) -> bool {
        seconds(&self.baked) >= seconds(&self.bake)
    }
}

/// Reads a duration of whole seconds: `1h2m5s`. What is none gives `None`, which is below all.
fn seconds(text: &str) -> Option<u64> {
    text.split_inclusive(char::is_alphabetic).try_fold(0, |sum, part| {
        let (number, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
        let unit = match unit {
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        Some(sum + number.parse::<u64>().ok()? * unit)
    })
}

/// A gate's last reading.
#[derive(Clone, Debug, Deserialize)]
pub struct Gate {
    /// The gate's name.
    pub name: String,
    /// The outcome.
    pub verdict: String,
    /// The numbers behind it.
    pub detail: String,
}

/// One line of the decision log.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Decision {
    /// When, as RFC 3339.
    pub at: String,
    /// What kind.
    pub reason: String,
    /// The sentence with its numbers.
    pub message: String,
}

/// A release file from a template: `{{name}}` stands for a value.
///
/// # Errors
/// Where the template cannot be read, or a name has no value or stands nowhere.
pub fn fill_template(template: &Path, values: &[(&str, &str)]) -> Result<String> {
    let mut text = std::fs::read_to_string(template)
        .with_context(|| format!("reading {}", template.display()))?;
    for (name, value) in values {
        let place = format!("{{{{{name}}}}}");
        ensure!(text.contains(&place), "{} holds no {place}", template.display());
        text = text.replace(&place, value);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::StepClock;

    #[test]
    fn tells_when_a_step_is_over() {
        let over = |baked: &str, bake: &str| {
            StepClock { baked: baked.to_owned(), bake: bake.to_owned() }.over()
        };
        assert!(over("2s", "2s") && over("1m5s", "3s") && over("1h", "59m59s"));
        assert!(!over("59s", "1m") && !over("9s", "10s") && !over("oops", "1s"));
    }
}
