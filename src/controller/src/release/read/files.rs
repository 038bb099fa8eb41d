//! The files that a release names.

use std::path::{Component, Path, PathBuf};

use super::Origin;
use crate::release::FieldPath;
use crate::release::fault::Faults;

/// Where a file is that a release names.
pub(super) fn file(
    name: &str,
    origin: &Origin<'_>,
    at: FieldPath,
    faults: &mut Faults,
) -> Option<PathBuf> {
    let folder = match origin {
        Origin::File { folder } => return Some(folder.join(name)),
        Origin::Object { folder, .. } => folder,
    };
    let mut parts = Path::new(name).components();
    let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    if !is_plain {
        let rule = format!(
            "a file's name, without a folder: an object's files are the controller's in {}",
            folder.display()
        );
        faults.value(at, name, rule);
        return None;
    }
    Some(folder.join(name))
}
