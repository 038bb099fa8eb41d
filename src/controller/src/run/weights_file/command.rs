//! The command that has a proxy take its file.

use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::release::file::Reload;

/// So much of what a command says is kept; the rest is read and forgotten, so that it does not wait
/// for a reader.
const SAID: usize = 1_024;

/// Runs it to its end, or until it is cut short.
///
/// # Errors
/// Where it cannot be started, ends with another code than 0, takes too long, or is cut short, with
/// what it said. One that has not ended is killed with all that it has started, also where nobody
/// waits for it any longer.
pub(super) async fn run(reload: &Reload, cut_short: &Notify) -> Result<(), String> {
    let mut child = Command::new(&reload.program)
        .args(&reload.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: cannot be started: {error}", reload.program))?;
    let group = Group(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)));
    let mut said = Vec::new();
    let stderr = child.stderr.take();
    let ended = tokio::select! {
        ended = timeout(reload.timeout, wait(&mut child, stderr, &mut said)) => {
            ended.map_err(|_| format!("not done within {:?}", reload.timeout))
        }
        () = cut_short.notified() => Err("cut short by what came after it".to_owned()),
    };
    let said = tail(&said);
    match ended {
        Ok(ended) => {
            group.leave();
            match ended {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("{}: {status}{said}", reload.program)),
                Err(error) => Err(format!("{}: {error}", reload.program)),
            }
        }
        Err(why) => Err(format!("{}: {why}{said}", reload.program)),
    }
}

/// A command and all that it has started, which are killed when nobody waits for them any longer.
struct Group(Option<Pid>);

impl Group {
    /// Lets them be: what a command that has ended leaves running is to go on.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody has waited for the command yet, so that the id is still its own.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Waits for the command itself: what it leaves running, as a proxy that it has started, may keep
/// its output open.
async fn wait(
    child: &mut Child,
    stderr: Option<ChildStderr>,
    said: &mut Vec<u8>,
) -> std::io::Result<ExitStatus> {
    let Some(mut stderr) = stderr else { return child.wait().await };
    let mut chunk = [0; 512];
    loop {
        tokio::select! {
            // What it said before its end is read before its end.
            biased;
            read = stderr.read(&mut chunk) => match read {
                Ok(1..) => {
                    let read = chunk.get(..read?).unwrap_or_default();
                    said.extend(read.iter().take(SAID.saturating_sub(said.len())));
                }
                Ok(0) | Err(_) => return child.wait().await,
            },
            status = child.wait() => return status,
        }
    }
}

fn tail(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::time::Instant;

    use super::*;

    fn shell(script: &str, limit: Duration) -> Reload {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        Reload { program: "/bin/sh".to_owned(), arguments, timeout: limit }
    }

    const AMPLE: Duration = Duration::from_secs(30);

    async fn finish(reload: &Reload) -> Result<(), String> {
        run(reload, &Notify::new()).await
    }

    #[tokio::test]
    async fn a_command_has_done_its_work_when_it_ends_with_0() {
        assert_eq!(finish(&shell("true", AMPLE)).await, Ok(()));
        let refused = finish(&shell("echo no such upstream >&2; exit 3", AMPLE)).await;
        assert_eq!(refused, Err("/bin/sh: exit status: 3: no such upstream".to_owned()));
        let missing = Reload { program: "/no/such/program".to_owned(), ..shell("", AMPLE) };
        let refused = finish(&missing).await.unwrap_err();
        assert!(refused.starts_with("/no/such/program: cannot be started: "), "{refused}");
    }

    #[tokio::test]
    async fn what_a_command_says_at_length_does_not_stop_it() {
        assert_eq!(finish(&shell("head -c 1000000 /dev/zero >&2", AMPLE)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_killed_with_its_children() {
        let scratch = tempfile::tempdir().unwrap();
        let mark = scratch.path().join("child");
        let script = format!("(sleep 1; touch {}) & wait", mark.display());
        let late = finish(&shell(&script, Duration::from_millis(50))).await.unwrap_err();
        assert!(late.contains("not done within 50ms"), "{late}");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(!mark.exists());
    }

    #[tokio::test]
    async fn a_command_that_is_cut_short_or_forgotten_is_killed_with_its_children() {
        let scratch = tempfile::tempdir().unwrap();
        let mark = scratch.path().join("child");
        let hangs = shell(&format!("(sleep 1; touch {}) & wait", mark.display()), AMPLE);
        let cut_short = Notify::new();
        cut_short.notify_one();
        let cut = run(&hangs, &cut_short).await.unwrap_err();
        assert_eq!(cut, "/bin/sh: cut short by what came after it");
        let nobody_waits = timeout(Duration::from_millis(50), finish(&hangs)).await;
        assert!(nobody_waits.is_err());
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(!mark.exists());
    }

    #[tokio::test]
    async fn what_a_command_leaves_running_is_not_waited_for() {
        let start = Instant::now();
        assert_eq!(finish(&shell("sleep 20 & exit 0", AMPLE)).await, Ok(()));
        assert!(start.elapsed() < Duration::from_secs(15));
    }
}
