//! Replaces a file as a whole: whoever reads it, even after a crash, sees the old or the new one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Writes beside the file, brings that to the disk, renames it into place and brings the folder's
/// change to the disk.
///
/// A temporary file that a crash left is written over: only one process writes the file. One that is
/// there keeps its mode; a new one gets `mode`.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let beside = temporary(path);
    let written = write_synced(&beside, content, present_mode(path).unwrap_or(mode))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is left of it would be written over by the next try anyway.
        drop(fs::remove_file(&beside));
    }
    written?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

/// In the same folder, since a rename is atomic only within a file system.
pub(super) fn temporary(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

fn present_mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|there| there.permissions().mode() & 0o7777)
}

fn write_synced(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(path)?;
    // The system's mask has its say at the creation only.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}
