//! The real NGINX and the real `HAProxy` on the examples that users copy, and `serin serve-assign`
//! beside them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::net::TcpStream;

use crate::artifacts::{self, Proxy};
use crate::http;
use crate::ports;
use crate::process::Process;
use crate::scratch::Scratch;

/// They start within a fraction of a second, more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(15);

/// Marked requests go where their mark says, and nobody else to the canary: what the templates of the
/// examples render at weight 0 while the canary may serve.
const NGINX_WEIGHTS: &str = "split_clients $http_x_user_id $serin_weights { * stable; }
map $serin_variant $serin_side { canary canary; stable stable; default $serin_weights; }
";
const HAPROXY_WEIGHTS: &str = "canary canary\nstable stable\nweight 0\n";

/// What stands around a proxy.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// Stable's port.
    pub stable: u16,
    /// The canary's port.
    pub canary: u16,
    /// The port of `serin serve-assign`.
    pub assign: u16,
}

/// A running NGINX with two workers.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    port: u16,
    weights: PathBuf,
    reload: Vec<String>,
}

impl Nginx {
    /// Starts `nginx/nginx.conf`.
    ///
    /// # Errors
    /// Where it refuses the configuration or does not come up; with the end of its log.
    pub async fn start(around: Around, scratch: &Scratch) -> Result<Self> {
        let port = ports::free()?;
        let folder = scratch.folder("nginx")?;
        let file = folder.join("serin-weights.conf");
        fs::write(&file, NGINX_WEIGHTS)?;
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        // Where the packages' own folders are, nobody but root may write.
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
            .concat();
        let text = example("nginx/nginx.conf")?
            .put("http {", &format!("http {{\n{folders}access_log off;\n"))?
            .put("worker_processes auto", "worker_processes 2")?
            .put("/etc/nginx/serin-weights.conf", &file.to_string_lossy())?
            .put("listen 8080", &format!("listen 127.0.0.1:{port}"))?
            .around(around)?;
        let conf = scratch.write("nginx/nginx.conf", text)?;
        let Proxy { program, libraries } = artifacts::proxy("nginx")?;
        let global = format!("daemon off; pid {}; error_log stderr;", at("pid"));
        let args = ["-p", &at(""), "-c", &conf.to_string_lossy(), "-e", "stderr", "-g", &global]
            .map(str::to_owned);
        let libraries = ("LD_LIBRARY_PATH", libraries.as_str());
        let mut process =
            Process::start_with("nginx", &program, args.clone(), &[libraries], scratch.path())?;
        process.ready(START_LIMIT, || listens(port)).await?;
        let reload = [
            vec!["env".to_owned(), format!("LD_LIBRARY_PATH={}", libraries.1)],
            vec![program.to_string_lossy().into_owned()],
            args.to_vec(),
            ["-s", "reload"].map(str::to_owned).to_vec(),
        ]
        .concat();
        Ok(Self { process, port, weights: file, reload })
    }

    /// Where it takes requests.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its file with the weights.
    #[must_use]
    pub fn weights(&self) -> &Path {
        &self.weights
    }

    /// The command by which it takes its files over.
    #[must_use]
    pub fn reload(&self) -> &[String] {
        &self.reload
    }

    /// All that it has written.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// A running `HAProxy`, a master with one worker.
#[derive(Debug)]
pub struct HaProxy {
    process: Process,
    port: u16,
    weights: PathBuf,
}

impl HaProxy {
    /// Starts `haproxy/haproxy.cfg`.
    ///
    /// # Errors
    /// Where it refuses the configuration or does not come up; with the end of its log.
    pub async fn start(around: Around, scratch: &Scratch) -> Result<Self> {
        let port = ports::free()?;
        let folder = scratch.folder("haproxy")?;
        let file = folder.join("weights.map");
        fs::write(&file, HAPROXY_WEIGHTS)?;
        let lua = artifacts::root()?.join("haproxy/serin.lua");
        let text = example("haproxy/haproxy.cfg")?
            .put("/etc/haproxy/serin.lua", &lua.to_string_lossy())?
            .put("/etc/haproxy/weights.map", &file.to_string_lossy())?
            .put("bind :8080", &format!("bind 127.0.0.1:{port}"))?
            .around(around)?;
        let conf = scratch.write("haproxy/haproxy.cfg", text)?;
        let Proxy { program, libraries } = artifacts::proxy("haproxy")?;
        let args = ["-W", "-f", &conf.to_string_lossy()].map(str::to_owned);
        let assign = format!("http://127.0.0.1:{}", around.assign);
        let variables = [("LD_LIBRARY_PATH", libraries.as_str()), ("SERIN_ASSIGN", &assign)];
        let mut process =
            Process::start_with("haproxy", &program, args, &variables, scratch.path())?;
        process.ready(START_LIMIT, || listens(port)).await?;
        Ok(Self { process, port, weights: file })
    }

    /// Where it takes requests.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its file with the weights.
    #[must_use]
    pub fn weights(&self) -> &Path {
        &self.weights
    }

    /// The command by which it takes its files over.
    #[must_use]
    pub fn reload(&self) -> Vec<String> {
        ["kill", "-USR2", &self.process.id().to_string()].map(str::to_owned).to_vec()
    }

    /// All that it has written.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// A running `serin serve-assign`.
#[derive(Debug)]
pub struct ServeAssign {
    process: Process,
    port: u16,
}

impl ServeAssign {
    /// Starts it on a port, with its document from a source on loopback, and waits until it has one.
    ///
    /// # Errors
    /// Where it does not come up; with the end of its log.
    pub async fn start(port: u16, source: u16, scratch: &Scratch) -> Result<Self> {
        let args = [
            "serve-assign",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--source",
            &format!("http://127.0.0.1:{source}"),
        ]
        .map(str::to_owned);
        let program = artifacts::serin()?;
        let mut process = Process::start("serve-assign", &program, args, scratch.path())?;
        process
            .ready(START_LIMIT, || async move {
                http::get(port, "/readyz").await.is_ok_and(|answer| answer.status == 200)
            })
            .await?;
        Ok(Self { process, port })
    }

    /// Where it answers.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, for what a test does to it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// An example's text, to be fitted to a test.
struct Example(String);

fn example(name: &str) -> Result<Example> {
    let file = artifacts::root()?.join(name);
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Example(text))
}

impl Example {
    /// Puts `to` wherever the example says `from`, which it has to: a test that would silently run
    /// on something else proves nothing.
    fn put(self, from: &str, to: &str) -> Result<Self> {
        ensure!(self.0.contains(from), "the example does not hold {from:?}:\n{}", self.0);
        Ok(Self(self.0.replace(from, to)))
    }

    fn around(self, around: Around) -> Result<String> {
        let mut example = self;
        for (from, to) in [(8_081, around.stable), (8_082, around.canary), (7_317, around.assign)] {
            let address = |port: u16| format!("127.0.0.1:{port}");
            example = example.put(&address(from), &address(to))?;
        }
        Ok(example.0)
    }
}

async fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}
