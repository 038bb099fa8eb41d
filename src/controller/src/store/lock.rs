//! Who owns a state file: the process that has its lock file locked.
//!
//! The kernel lets go of the lock when the process ends, however it ends; what the file says only
//! tells people who has it.

use core::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// A held lock. The file stays when it is let go: taking it away could take another's away.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "open as long as the lock is held")] File);

/// Who has a state file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process, by its number on `host`.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {} since {:.0}", self.pid, self.host, self.since)
    }
}

impl Lock {
    /// Takes the lock of the state file `guarded` or says who has it.
    pub(super) fn take(path: &Path, guarded: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Lock { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = read(&mut file);
                return Err(StoreError::Held { path: guarded.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        sign(&mut file).map_err(failed)?;
        Ok(Self(file))
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    let holder = Holder { pid: std::process::id(), host: host(), since: Timestamp::now() };
    file.set_len(0)?;
    file.rewind()?;
    serde_json::to_writer(&mut *file, &holder)?;
    file.write_all(b"\n")
}

/// What the holder wrote; `None` where it has not got so far.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The machine's name, as Linux tells it, else as the shell does.
fn host() -> String {
    let named = |name: String| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .and_then(named)
        .or_else(|| std::env::var("HOSTNAME").ok().and_then(named))
        .unwrap_or_else(|| "an unnamed host".to_owned())
}
