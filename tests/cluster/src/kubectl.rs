//! The real kubectl, as somebody's hand.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longer than what any of its commands takes here, `wait` and `rollout status` among them.
const LIMIT: Duration = Duration::from_mins(2);

/// A kubectl that speaks as one user, in one namespace unless told otherwise.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub(crate) fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    /// By which it finds the API server and its namespace and says who it is; it serves any other
    /// client as well.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs a command and gives what it printed.
    ///
    /// # Errors
    /// Where it fails; with what it said.
    pub async fn run(&self, args: &[&str]) -> Result<String> {
        self.run_with(args, "").await
    }

    /// The same with this on its standard input.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_with(&self, args: &[&str], input: &str) -> Result<String> {
        let line = format!("kubectl {}", args.join(" "));
        let mut child = self.start(args)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await.with_context(|| line.clone())?;
        }
        let output = timeout(LIMIT, child.wait_with_output())
            .await
            .with_context(|| format!("{line}: no end within {LIMIT:?}"))?
            .with_context(|| line.clone())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{line}: {}: {}", output.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts a command, with pipes to it. It ends with what is given.
    pub(crate) fn start(&self, args: &[&str]) -> Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(args);
        // What it remembers of one cluster would mislead it in the next on the same port.
        command.env("KUBECACHEDIR", self.kubeconfig.with_extension("cache"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.kill_on_drop(true).spawn();
        started.with_context(|| format!("kubectl {}", args.join(" ")))
    }

    /// Applies objects, of which the API server must know every field.
    ///
    /// # Errors
    /// Where the API server refuses one.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        let args = ["apply", "--validate=strict", "--filename", "-"];
        self.run_with(&args, yaml).await.with_context(|| yaml.to_owned()).map(drop)
    }

    /// Gives an object (`&["virtualservice", "web"]`), or a list of them.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn get(&self, what: &[&str]) -> Result<Value> {
        let args = [&["get", "--output", "json"], what].concat();
        let text = self.run(&args).await?;
        serde_json::from_str(&text).with_context(|| format!("reading what {args:?} gave"))
    }

    /// Merges this into an object.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn patch(&self, what: &[&str], merge: &Value) -> Result<()> {
        let merge = merge.to_string();
        let args = [&["patch", "--type", "merge", "--patch", &merge], what].concat();
        self.run(&args).await.map(drop)
    }
}
