//! The tar of a layer: the same files give the same bytes.

use anyhow::Result;
use tar::{Builder, EntryType, Header};

/// A file or folder of a layer; owned by root, so that nobody in a container can change it.
pub(super) struct Entry<'a> {
    /// Its path, without a leading slash; a folder's ends with one.
    path: &'a str,
    mode: u32,
    content: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A folder that anybody may look into.
    pub(super) const fn folder(path: &'a str) -> Self {
        Self { path, mode: 0o755, content: &[] }
    }

    /// A folder for scratch files.
    pub(super) const fn scratch(path: &'a str) -> Self {
        Self { path, mode: 0o1777, content: &[] }
    }

    /// A file that anybody may read.
    pub(super) const fn file(path: &'a str, content: &'a [u8]) -> Self {
        Self { path, mode: 0o644, content }
    }

    /// A file that anybody may run.
    pub(super) const fn program(path: &'a str, content: &'a [u8]) -> Self {
        Self { path, mode: 0o755, content }
    }
}

/// The tar of these entries, sorted by path, so that a folder stands before what is in it.
pub(super) fn archive(mut entries: Vec<Entry<'_>>) -> Result<Vec<u8>> {
    entries.sort_by_key(|entry| entry.path);
    let mut tar = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_ustar();
        let is_folder = entry.path.ends_with('/');
        header.set_entry_type(if is_folder { EntryType::Directory } else { EntryType::Regular });
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        // What differs from build to build would make another image of the same files.
        header.set_mtime(0);
        header.set_size(u64::try_from(entry.content.len())?);
        tar.append_data(&mut header, entry.path, entry.content)?;
    }
    Ok(tar.into_inner()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn entries_are_sorted_and_whole() {
        let entries = vec![
            Entry::program("serin", b"run"),
            Entry::file("etc/passwd", b"root"),
            Entry::scratch("tmp/"),
            Entry::folder("etc/"),
        ];
        let bytes = archive(entries).unwrap();
        let mut found = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 0));
            let path = entry.path().unwrap().display().to_string();
            found.push((path, header.mode().unwrap(), content));
        }
        let expected = [
            ("etc/", 0o755, ""),
            ("etc/passwd", 0o644, "root"),
            ("serin", 0o755, "run"),
            ("tmp/", 0o1777, ""),
        ];
        assert_eq!(found, expected.map(|(path, mode, text)| (path.into(), mode, text.into())));
    }
}
