//! The images that `make images` leaves: whole by the OCI image specification, the controller's
//! one runs in an empty root, and the filter's is what Istio reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use serin_tests::artifacts;
use serin_tests::scratch::Scratch;
use sha2::{Digest as _, Sha256};

const IMAGES: [&str; 3] = ["controller", "filter", "filter-tripwire"];
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

#[test]
fn every_layout_is_whole_and_holds_nothing_else() -> Result<()> {
    for name in IMAGES {
        let image = Image::open(name)?;
        ensure!(image.json("oci-layout")? == json!({"imageLayoutVersion": "1.0.0"}));
        let mut named: BTreeSet<String> = ["oci-layout".to_owned(), "index.json".to_owned()].into();
        for (descriptor, expected) in [
            (&image.descriptor, MANIFEST),
            (&image.manifest["config"], "application/vnd.oci.image.config.v1+json"),
            (&image.manifest["layers"][0], LAYER),
        ] {
            ensure!(descriptor["mediaType"] == expected, "{name}: {descriptor}");
            let blob = image.blob(descriptor)?;
            ensure!(descriptor["size"] == blob.len(), "{name}: {descriptor}");
            ensure!(descriptor["digest"] == digest(&blob), "{name}: {descriptor}");
            named.insert(path(descriptor)?);
        }
        ensure!(image.manifest["layers"].as_array().map(Vec::len) == Some(1), "{name}");
        ensure!(image.config["rootfs"]["diff_ids"] == json!([digest(&image.layer()?)]), "{name}");
        ensure!(image.files.keys().eq(&named), "{name}: {:?}", image.files.keys());
    }
    Ok(())
}

#[test]
fn the_tar_is_that_of_the_layout() -> Result<()> {
    for name in IMAGES {
        let tar = fs::read(artifacts::image(&format!("{name}.tar"))?)?;
        let files = entries(&tar)?.into_iter().filter(|(path, _)| !path.ends_with('/'));
        let files: BTreeMap<String, Vec<u8>> =
            files.map(|(path, entry)| (path, entry.content)).collect();
        ensure!(files == Image::open(name)?.files, "{name}");
    }
    Ok(())
}

/// What would make another image of the same sources.
#[test]
fn nothing_of_this_machine_and_of_the_day_is_in_an_image() -> Result<()> {
    let root = artifacts::root()?.to_string_lossy().into_owned();
    for name in IMAGES {
        let layer = Image::open(name)?.layer()?;
        for mut entry in tar::Archive::new(layer.as_slice()).entries()? {
            let (header, path) = {
                let entry = entry.as_mut().map_err(|error| anyhow::anyhow!("{error}"))?;
                (entry.header().clone(), entry.path()?.display().to_string())
            };
            ensure!((header.uid()?, header.gid()?, header.mtime()?) == (0, 0, 0), "{path}");
            let mut content = Vec::new();
            entry?.read_to_end(&mut content)?;
            let found = content.windows(root.len()).any(|bytes| bytes == root.as_bytes());
            ensure!(!found, "{name}: {path} names {root}");
        }
    }
    Ok(())
}

#[test]
fn the_controller_starts_as_a_user_that_is_not_root() -> Result<()> {
    let image = Image::open("controller")?;
    let config = &image.config["config"];
    let user = config["User"].as_str().context("no user")?;
    // Kubernetes cannot tell of a name whether it is root's.
    let ids: Vec<u32> = user.split(':').map(str::parse).collect::<Result<_, _>>()?;
    ensure!(ids.len() == 2 && ids.iter().all(|id| *id > 0), "{user}");
    ensure!(config["Entrypoint"] == json!(["/serin"]), "{config}");
    ensure!(image.config["os"] == "linux", "{}", image.config["os"]);
    let entries = entries(&image.layer()?)?;
    let program = entries.get("serin").context("no program")?;
    ensure!(program.mode == 0o755, "{:o}", program.mode);
    let writable = entries.iter().filter(|(_, entry)| entry.mode & 0o022 != 0);
    ensure!(writable.map(|(path, _)| path).eq(["tmp/"]));
    Ok(())
}

#[test]
fn the_controller_runs_where_there_is_nothing_else() -> Result<()> {
    let root = Root::new()?;
    let said = root.serin(&["--version"])?;
    let expected = concat!("serin ", env!("CARGO_PKG_VERSION"), "\n");
    ensure!(String::from_utf8_lossy(&said.stdout) == expected, "{said:?}");
    Ok(())
}

/// Both take files of a system, and glibc may want to load code for the first.
#[test]
fn the_controller_looks_names_up_and_knows_authorities_there() -> Result<()> {
    let root = Root::new()?;
    fs::write(root.path.join("etc/hosts"), "127.0.0.1 serin.test\n")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    // It speaks no TLS, so that the name was found, and a handshake begun, once it is heard.
    let answering = std::thread::spawn(move || -> Result<Vec<u8>> {
        let (mut stream, _) = listener.accept()?;
        let mut hello = vec![0; 3];
        stream.read_exact(&mut hello)?;
        Ok(hello)
    });
    let said = root.serin(&["status", "--server", &format!("https://serin.test:{port}")])?;
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    ensure!(said.status.code() == Some(5), "{}: {told}", said.status);
    // A handshake's record of TLS: its kind and the version.
    ensure!(answering.join().expect("no panic")? == [22, 3, 1], "{told}");

    let said = root.serin(&["status", "--server", "https://nobody.test:1"])?;
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    ensure!(told.contains("nobody.test") && told.contains("look"), "{told}");
    Ok(())
}

/// By the specification that Istio names, in its variant "compat": one layer, tar and gzip, with
/// `plugin.wasm`.
#[test]
fn istio_finds_the_module_in_an_image_of_the_filter() -> Result<()> {
    for (name, module) in
        [("filter", artifacts::module()?), ("filter-tripwire", artifacts::module_with_tripwires()?)]
    {
        let image = Image::open(name)?;
        let annotations = &image.manifest["annotations"];
        ensure!(annotations["module.wasm.image/variant"] == "compat", "{annotations}");
        let entries = entries(&image.layer()?)?;
        let plugin = entries.get("plugin.wasm").context("no plugin.wasm")?;
        ensure!(entries.len() == 1, "{name}");
        ensure!(plugin.content == fs::read(&module)?, "{name}: run `make images` again");
    }
    Ok(())
}

/// An image's folder, read.
struct Image {
    files: BTreeMap<String, Vec<u8>>,
    descriptor: Value,
    manifest: Value,
    config: Value,
}

impl Image {
    fn open(name: &str) -> Result<Self> {
        let folder = artifacts::image(name)?;
        let mut files = BTreeMap::new();
        read(&folder, &folder, &mut files)?;
        let mut image =
            Self { files, descriptor: Value::Null, manifest: Value::Null, config: Value::Null };
        let index = image.json("index.json")?;
        image.descriptor = at(&index, "/manifests/0").clone();
        ensure!(index.pointer("/manifests/1").is_none(), "{index}");
        image.manifest = serde_json::from_slice(&image.blob(&image.descriptor)?)?;
        image.config = serde_json::from_slice(&image.blob(at(&image.manifest, "/config"))?)?;
        Ok(image)
    }

    fn json(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(self.files.get(path).with_context(|| path.to_owned())?)?)
    }

    fn blob(&self, descriptor: &Value) -> Result<Vec<u8>> {
        let path = path(descriptor)?;
        self.files.get(&path).cloned().with_context(|| format!("no blob {path}"))
    }

    /// The tar of its one layer.
    fn layer(&self) -> Result<Vec<u8>> {
        let mut tar = Vec::new();
        let blob = self.blob(at(&self.manifest, "/layers/0"))?;
        GzDecoder::new(blob.as_slice()).read_to_end(&mut tar)?;
        Ok(tar)
    }
}

fn read(folder: &Path, root: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, root, files)?;
        } else {
            let name = path.strip_prefix(root)?.display().to_string();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

fn path(descriptor: &Value) -> Result<String> {
    let digest = at(descriptor, "/digest").as_str().context("no digest")?;
    Ok(format!("blobs/{}", digest.replace(':', "/")))
}

fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn digest(bytes: &[u8]) -> String {
    let digits: Vec<String> =
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

struct Entry {
    mode: u32,
    content: Vec<u8>,
}

/// What is in a tar, by path.
fn entries(tar: &[u8]) -> Result<BTreeMap<String, Entry>> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let path = entry.path()?.display().to_string();
        found.insert(path, Entry { mode: entry.header().mode()?, content });
    }
    Ok(found)
}

/// The controller's layer, unpacked, and nothing else.
struct Root {
    path: PathBuf,
    _scratch: Scratch,
}

impl Root {
    fn new() -> Result<Self> {
        let scratch = Scratch::new()?;
        let path = scratch.folder("root")?;
        let layer = Image::open("controller")?.layer()?;
        let mut tar = tar::Archive::new(layer.as_slice());
        tar.set_preserve_ownerships(false);
        tar.unpack(&path)?;
        Ok(Self { path, _scratch: scratch })
    }

    /// Runs the controller with this as its root, in a user namespace where the caller is not root.
    fn serin(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = if rustix::process::geteuid().is_root() {
            Command::new("chroot")
        } else {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "chroot"]);
            command
        };
        command.arg(&self.path).arg("/serin").args(arguments).env_clear();
        // Where else `chroot` lies than ordinary users look.
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.output().context("this takes root, or user namespaces for everybody: `unshare`")
    }
}
