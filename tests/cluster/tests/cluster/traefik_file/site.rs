//! Traefik on the example, with two applications behind it and two endpoints to ask.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serin_cluster::parts::Parts;
use serin_tests::artifacts;
use serin_tests::http;
use serin_tests::ports;
use serin_tests::process::Process;
use serin_tests::proxies::ServeAssign;
use serin_tests::scratch::Scratch;
use serin_tests::webapp::{Behaviour, WebApp};

pub(crate) const HOST: &str = "shop.example.com";
/// Starting Traefik takes a second, more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What is there before Traefik: it does not start without its file.
pub(crate) struct Site {
    _stable: WebApp,
    pub(crate) canary: WebApp,
    pub(crate) scratch: Scratch,
    /// Those of the endpoints.
    pub(crate) assign: [u16; 2],
    /// Where Traefik takes requests, and where it asks the endpoints by itself.
    port: u16,
    own: u16,
    /// Where it shows its metrics.
    pub(crate) admin: u16,
    /// What is rendered, and into what.
    pub(crate) template: String,
    pub(crate) file: PathBuf,
}

impl Site {
    pub(crate) async fn new() -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let assign = [ports::free()?, ports::free()?];
        let [port, own, admin] = [ports::free()?, ports::free()?, ports::free()?];
        let template = example("serin.yaml.j2")?
            .replace("127.0.0.1:8081", &address(stable.port()))
            .replace("127.0.0.1:8082", &address(canary.port()))
            .replace("127.0.0.1:7317", &address(assign[0]))
            .replace("127.0.0.1:7318", &address(assign[1]))
            .replace("127.0.0.1:7319", &address(own));
        let file = scratch.path().join("serin.yaml");
        Ok(Self { _stable: stable, canary, scratch, assign, port, own, admin, template, file })
    }

    /// Starts the endpoints, which follow this source, and then Traefik, which serves by its file.
    pub(crate) async fn open(&self, source: u16) -> Result<Open> {
        let mut assign = Vec::new();
        for port in self.assign {
            assign.push(ServeAssign::start(port, source, &self.scratch).await?);
        }
        let configuration = example("traefik.yaml")?
            .replace("\":8080\"", &format!("\"{}\"", address(self.port)))
            .replace("127.0.0.1:7319", &address(self.own))
            .replace("/etc/traefik/serin.yaml", &self.file.to_string_lossy())
            .replace(
                "entryPoints:\n",
                &format!("entryPoints:\n  admin: {{address: \"{}\"}}\n", address(self.admin)),
            );
        let configuration = configuration + "metrics: {prometheus: {entryPoint: admin}}\n";
        let configuration = self.scratch.write("traefik.yaml", configuration)?;
        let args = ["--configfile", &configuration.to_string_lossy()].map(str::to_owned);
        let program = Parts::load()?.traefik;
        let mut traefik = Process::start("traefik", &program, args, self.scratch.path())?;
        let port = self.port;
        // It answers 404 until it has its routers, and 5xx until it has found somebody to ask.
        traefik
            .ready(START_LIMIT, || async move {
                let request = http::request(Method::GET, "/", &[("host", HOST)], "");
                let Ok(request) = request else { return false };
                http::send(port, request).await.is_ok_and(|answer| answer.status == 200)
            })
            .await?;
        Ok(Open { traefik, port, assign })
    }

    /// Puts a weight in percent into Traefik's file, with the canary serving, as `serin run` does it.
    pub(crate) fn put(&self, percent: u32) -> Result<()> {
        let beside = self.file.with_added_extension("new");
        fs::write(&beside, render(&self.template, percent)?)?;
        Ok(fs::rename(&beside, &self.file)?)
    }
}

/// Traefik at work.
pub(crate) struct Open {
    pub(crate) traefik: Process,
    pub(crate) port: u16,
    pub(crate) assign: Vec<ServeAssign>,
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn example(name: &str) -> Result<String> {
    let file = artifacts::root()?.join("traefik").join(name);
    fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
}

fn render(template: &str, percent: u32) -> Result<String> {
    let text = template
        .replace("{{ marked_canary }}", "canary")
        .replace("{{ marked_stable }}", "stable")
        .replace("{{ stable }}", &(10_000 - percent * 100).to_string())
        .replace("{{ canary }}", &(percent * 100).to_string());
    ensure!(!text.contains("{{"), "the template has other places:\n{text}");
    Ok(text)
}
