//! The folder that an image is written to, and the tar of it: blobs named by their digest, a
//! manifest that names them, an index that names the manifest.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::VERSION;
use super::image::Image;
use super::layer::{self, Entry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// All of them are of this moment, since the real one is no part of what was built.
const CREATED: &str = "1970-01-01T00:00:00Z";

pub(super) struct Written {
    /// The digest of the manifest, by which the image is pulled.
    pub(super) digest: String,
    /// What is pulled, in bytes.
    pub(super) size: usize,
}

/// Writes the image's folder and tar anew.
pub(super) fn write(images: &Path, name: &str, image: &Image) -> Result<Written> {
    let (files, written) = files(image)?;
    let folder = images.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    let mut entries = vec![Entry::folder("blobs/"), Entry::folder("blobs/sha256/")];
    for (path, content) in &files {
        let place = folder.join(path);
        fs::write(&place, content).with_context(|| format!("writing \"{}\"", place.display()))?;
        entries.push(Entry::file(path, content));
    }
    fs::write(images.join(format!("{name}.tar")), layer::archive(entries)?)?;
    Ok(written)
}

/// A file of the layout: its path in it, and what it holds.
type File = (String, Vec<u8>);

fn files(image: &Image) -> Result<(Vec<File>, Written)> {
    let layer = compress(&image.layer)?;
    let config = json!({
        "architecture": image.platform.architecture,
        "os": image.platform.os,
        "created": CREATED,
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": [digest(&image.layer)]},
        "history": [{"created": CREATED, "created_by": "cargo xtask images"}],
    });
    let config = serde_json::to_vec(&config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": [descriptor(LAYER, &layer)],
        "annotations": annotations(image),
    });
    let manifest = serde_json::to_vec(&manifest)?;
    let mut named = descriptor(MANIFEST, &manifest);
    let tag = json!({"org.opencontainers.image.ref.name": VERSION});
    named.insert("annotations".to_owned(), tag);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]});
    let size = layer.len() + config.len() + manifest.len();
    let written = Written { digest: digest(&manifest), size };
    let mut files = vec![
        ("oci-layout".to_owned(), serde_json::to_vec(&json!({"imageLayoutVersion": "1.0.0"}))?),
        ("index.json".to_owned(), serde_json::to_vec(&index)?),
    ];
    files.extend([layer, config, manifest].map(|blob| (path(&digest(&blob)), blob)));
    Ok((files, written))
}

fn annotations(image: &Image) -> Map<String, Value> {
    let common = [
        ("org.opencontainers.image.description", image.description),
        ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE")),
        ("org.opencontainers.image.version", VERSION),
    ];
    let all = common.into_iter().chain(image.annotations.iter().copied());
    all.map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn descriptor(media_type: &str, blob: &[u8]) -> Map<String, Value> {
    let fields = [
        ("mediaType", media_type.into()),
        ("digest", digest(blob).into()),
        ("size", blob.len().into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Where a blob lies.
fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn digest(blob: &[u8]) -> String {
    Sha256::digest(blob).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Neither a time nor a file's name in the header.
fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    Ok(gzip.finish()?)
}

#[cfg(test)]
mod tests {
    use super::super::image::Platform;
    use super::*;

    fn image(content: &[u8]) -> Image {
        Image {
            layer: layer::archive(vec![Entry::file("a", content)]).unwrap(),
            platform: Platform { architecture: "amd64", os: "linux" },
            config: json!({}),
            annotations: vec![("a", "b")],
            description: "",
        }
    }

    #[test]
    fn the_same_content_has_the_same_digest_and_other_content_another() {
        let digest = |content: &[u8]| files(&image(content)).unwrap().1.digest;
        assert_eq!(digest(b"x"), digest(b"x"));
        assert_ne!(digest(b"x"), digest(b"y"));
    }

    #[test]
    fn the_digest_is_that_of_the_specification() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }

    #[test]
    fn what_was_there_before_is_gone() {
        let folder = std::env::temp_dir().join(format!("serin-layout-{}", std::process::id()));
        for content in [b"x", b"y"] {
            write(&folder, "i", &image(content)).unwrap();
            assert_eq!(fs::read_dir(folder.join("i/blobs/sha256")).unwrap().count(), 3);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
