//! Replaces a file as a whole: whoever reads it, even after a crash, sees the old or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes beside the file, brings that to the disk, renames it into place and brings the folder's
/// change to the disk.
///
/// A temporary file that a crash left is written over: only the holder of the lock comes here.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = temporary(path);
    let written = write_synced(&beside, content).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is left of it would be written over by the next try anyway.
        drop(fs::remove_file(&beside));
    }
    written?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

/// In the same folder, since a rename is atomic only within a file system.
pub(super) fn temporary(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
