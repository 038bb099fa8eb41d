//! A child process that ends with the value that stands for it.

use std::fs::{self, File};
use std::future::Future;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::spawner;

/// How long a process may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// How often a process is asked whether it has ended or is ready.
const POLL: Duration = Duration::from_millis(20);
/// How much of a log a failure shows.
const TAIL_LINES: usize = 30;

/// A running child, with all it writes in one log file.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`, with its output in `<folder>/<name>.log` (added to, where it exists).
    ///
    /// The child stands in a process group of its own, so that Ctrl-C at a terminal reaches only
    /// this process, which then ends its children in order. Should this process be killed, the
    /// kernel kills the child (`setpriv` asks for it).
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = String>,
        folder: &Path,
    ) -> Result<Self> {
        Self::start_with(name, program, args, &[], folder)
    }

    /// The same with these variables in its environment.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = String>,
        variables: &[(&str, &str)],
        folder: &Path,
    ) -> Result<Self> {
        let path = folder.join(format!("{name}.log"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(args)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = spawner::spawn(command)
            .with_context(|| format!("starting {name} (needs `setpriv` of util-linux)"))?;
        Ok(Self { name: name.to_owned(), child, log: path })
    }

    /// The name under which it was started.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, where it has.
    ///
    /// # Errors
    /// Where the system cannot say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("waiting for {}", self.name))
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// Where the process ends first or `limit` passes; both with the end of its log.
    pub async fn ready<F, R>(&mut self, limit: Duration, mut ready: F) -> Result<()>
    where
        F: FnMut() -> R,
        R: Future<Output = bool>,
    {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                bail!("{} ended with {status} before it was ready:\n{}", self.name, self.tail());
            }
            if ready().await {
                return Ok(());
            }
            if start.elapsed() > limit {
                bail!("{} was not ready within {limit:?}:\n{}", self.name, self.tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// Where `limit` passes first.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if start.elapsed() > limit {
                bail!("{} did not end within {limit:?}:\n{}", self.name, self.tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// Where the process has gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // A child that nobody has waited for keeps its id, so it cannot be another's by now.
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("sending {signal:?} to {}", self.name))
    }

    /// Ends it without a chance to tidy up, as a crash or a lost machine does.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits; kills it after three seconds.
    ///
    /// # Errors
    /// Where the system cannot say how it ended.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// All it has written.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map_or_else(|e| e.to_string(), |b| String::from_utf8_lossy(&b).into_owned())
    }

    /// The end of what it has written.
    #[must_use]
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
    }

    /// The processor time that its living threads have used so far, as the scheduler counts it: in
    /// nanoseconds, where the totals of a process go by ticks of 10 ms.
    ///
    /// # Errors
    /// Where the process has gone, or the kernel keeps no such account.
    pub fn cpu_time(&self) -> Result<Duration> {
        let folder = format!("/proc/{}/task", self.id());
        let mut total = Duration::ZERO;
        for thread in fs::read_dir(&folder).with_context(|| format!("reading {folder}"))? {
            let file = thread?.path().join("schedstat");
            // A thread may end between the two.
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let running = text.split_whitespace().next().and_then(|first| first.parse().ok());
            total += running.map(Duration::from_nanos).with_context(|| {
                format!("{} has another form than the kernel documents", file.display())
            })?;
        }
        ensure!(!total.is_zero(), "{folder}: this kernel counts no processor time by thread");
        Ok(total)
    }

    /// The memory that it holds resident, in bytes.
    ///
    /// # Errors
    /// Where the process has gone.
    pub fn resident(&self) -> Result<u64> {
        let file = format!("/proc/{}/status", self.id());
        let text = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kilobytes.with_context(|| format!("{file} has no VmRSS"))? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.stop().is_err() {
            // Nobody is left to tell; killing what has ended is harmless.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Process;
    use crate::scratch::Scratch;
    use std::path::Path;

    #[test]
    fn ends_with_its_value() {
        let scratch = Scratch::new().unwrap();
        let args = ["3600".to_owned()];
        let sleep = Process::start("sleep", Path::new("/bin/sleep"), args, scratch.path()).unwrap();
        let proc = format!("/proc/{}", sleep.id());
        assert!(Path::new(&proc).exists());
        assert!(sleep.resident().unwrap() > 0);
        drop(sleep);
        assert!(!Path::new(&proc).exists());
    }

    #[tokio::test]
    async fn tells_the_processor_time_that_it_has_used() {
        let scratch = Scratch::new().unwrap();
        let args = ["-c".to_owned(), "while :; do :; done".to_owned()];
        let busy = Process::start("busy", Path::new("/bin/sh"), args, scratch.path()).unwrap();
        // It has used none before it first ran.
        let used = || busy.cpu_time().unwrap_or_default();
        let start = std::time::Instant::now();
        while used() < std::time::Duration::from_millis(20) {
            assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", used());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn tells_why_it_never_was_ready() {
        let scratch = Scratch::new().unwrap();
        let args = ["-c".to_owned(), "echo no such port; exit 3".to_owned()];
        let mut sh = Process::start("sh", Path::new("/bin/sh"), args, scratch.path()).unwrap();
        let limit = std::time::Duration::from_secs(5);
        let error = sh.ready(limit, || async { false }).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no such port"), "{error}");
    }
}
