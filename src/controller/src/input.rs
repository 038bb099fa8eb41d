//! Files that a user names. The name may be one of a device or a pipe that never ends.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most `longest` bytes.
///
/// # Errors
/// Where it cannot be read, and [`io::ErrorKind::FileTooLarge`] where it is longer; no more than
/// one byte beyond the limit is then read.
pub(crate) fn read(file: &Path, longest: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take((longest as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > longest {
        let why = format!("it has more than {longest} bytes, which is the most it may have");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_that_never_ends_is_refused() {
        let refused = read(Path::new("/dev/zero"), 1 << 20).unwrap_err();
        assert!(refused.to_string().contains("more than 1048576 bytes"), "{refused}");
    }
}
