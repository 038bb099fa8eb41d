//! One at a time, over all working copies of a user.

use std::fs::{self, File, TryLockError};

use anyhow::{Context, Result};

use crate::cache;

/// Waits until no other process holds the lock of that name, and holds it as long as the value
/// lives. `waiting` is called when there is something to wait for.
pub(super) fn wait(name: &str, waiting: impl FnOnce()) -> Result<File> {
    let folder = cache::folder()?;
    fs::create_dir_all(&folder)
        .with_context(|| format!("unable to create \"{}\"", folder.display()))?;
    let path = folder.join(format!("{name}.lock"));
    let lock =
        File::create(&path).with_context(|| format!("unable to create \"{}\"", path.display()))?;
    match lock.try_lock() {
        Ok(()) => return Ok(lock),
        Err(TryLockError::WouldBlock) => waiting(),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    lock.lock().with_context(|| format!("unable to lock \"{}\"", path.display()))?;
    Ok(lock)
}
