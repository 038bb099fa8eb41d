//! The real Traefik on the example in `traefik/`, without any cluster: it is built from Go modules
//! as the cluster's parts are.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serin_assignment::{Salt, Weight};
use serin_cluster::parts::Parts;
use serin_tests::artifacts;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::hashed::goes_by_the_hash;
use serin_tests::http::{self, Connection};
use serin_tests::ports;
use serin_tests::process::Process;
use serin_tests::proxies::ServeAssign;
use serin_tests::scratch::Scratch;
use serin_tests::source::{Answer, Source};
use serin_tests::steady::{self, Profile, Steady};
use serin_tests::webapp::{Behaviour, WebApp};

const HOST: &str = "shop.example.com";
const SALT: &str = "shop/checkout";
const WEIGHT: &str = "37.5%";
const USERS: usize = 1_000;
/// Starting Traefik takes a second, more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
const CHANGES: u32 = 100;

/// Traefik with two endpoints to ask.
struct Site {
    traefik: Process,
    port: u16,
    assign: Vec<ServeAssign>,
    file: PathBuf,
    template: String,
    /// What has to be there as long as it runs.
    _around: ([WebApp; 2], Source, Scratch),
}

impl Site {
    async fn start(rollouts: &[Rollout]) -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let source = Source::start(Answer::document(&document(revision_now(), rollouts))).await?;
        let mut assign = Vec::new();
        for _ in 0..2 {
            assign.push(ServeAssign::start(ports::free()?, source.port(), &scratch).await?);
        }
        let [one, other] = assign.as_slice() else { unreachable!("two of them") };
        let (port, own) = (ports::free()?, ports::free()?);
        let address = |port: u16| format!("127.0.0.1:{port}");
        let file = scratch.path().join("serin.yaml");
        let template = example("serin.yaml.j2")?
            .replace("127.0.0.1:8081", &address(stable.port()))
            .replace("127.0.0.1:8082", &address(canary.port()))
            .replace("127.0.0.1:7317", &address(one.port()))
            .replace("127.0.0.1:7318", &address(other.port()))
            .replace("127.0.0.1:7319", &address(own));
        put(&file, &render(&template, 0)?)?;
        let configuration = example("traefik.yaml")?
            .replace("\":8080\"", &format!("\"{}\"", address(port)))
            .replace("127.0.0.1:7319", &address(own))
            .replace("/etc/traefik/serin.yaml", &file.to_string_lossy());
        let configuration = scratch.write("traefik.yaml", configuration)?;
        let args = ["--configfile", &configuration.to_string_lossy()].map(str::to_owned);
        let program = Parts::load()?.traefik;
        let mut traefik = Process::start("traefik", &program, args, scratch.path())?;
        // It answers 404 until it has its routers, and 5xx until it has found somebody to ask.
        traefik
            .ready(START_LIMIT, || async move {
                let request = http::request(Method::GET, "/", &[("host", HOST)], "");
                let Ok(request) = request else { return false };
                http::send(port, request).await.is_ok_and(|answer| answer.status == 200)
            })
            .await?;
        let around = ([stable, canary], source, scratch);
        Ok(Self { traefik, port, assign, file, template, _around: around })
    }

    fn load(&self) -> Steady {
        Steady::start(&Profile {
            port: self.port,
            host: HOST.to_owned(),
            users: 500,
            connections: 4,
            every: Duration::from_millis(20),
        })
    }
}

fn example(name: &str) -> Result<String> {
    let file = artifacts::root()?.join("traefik").join(name);
    fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
}

/// The template at a weight in percent, with the canary serving.
fn render(template: &str, percent: u32) -> Result<String> {
    let text = template
        .replace("{{ marked_canary }}", "canary")
        .replace("{{ marked_stable }}", "stable")
        .replace("{{ stable }}", &(10_000 - percent * 100).to_string())
        .replace("{{ canary }}", &(percent * 100).to_string());
    ensure!(!text.contains("{{"), "the template has other places:\n{text}");
    Ok(text)
}

/// As `serin run` does it.
fn put(file: &Path, text: &str) -> Result<()> {
    let beside = file.with_added_extension("new");
    fs::write(&beside, text)?;
    Ok(fs::rename(&beside, file)?)
}

#[tokio::test]
async fn a_thousand_users_get_the_side_of_the_hash_also_while_one_of_two_endpoints_is_dead()
-> Result<()> {
    let mut site = Site::start(&[Rollout::new(SALT, HOST).weight(WEIGHT)]).await?;
    let (salt, weight): (Salt, Weight) = (SALT.parse()?, WEIGHT.parse()?);
    let mut connection = Connection::to(site.port).await?;
    for number in 0..USERS {
        if number == USERS / 2 {
            site.assign.first_mut().context("an endpoint")?.process().kill()?;
        }
        let user = format!("user-{number}");
        goes_by_the_hash(&mut connection, HOST, &user, (&salt, weight)).await?;
    }
    // What the documentation says of Traefik: without anybody to ask it fails requests.
    site.assign.clear();
    let request = http::request(Method::GET, "/", &[("host", HOST)], "")?;
    let answer = http::send(site.port, request).await?;
    ensure!(answer.status >= 500, "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_changes_of_its_file_fail_no_request() -> Result<()> {
    let site = Site::start(&[]).await?;
    let load = site.load();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for percent in 1..=CHANGES {
        put(&site.file, &render(&site.template, percent)?)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // It takes files over no more often than every two seconds.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let seen = load.stop().await;
    let shares = steady::shares(&seen, &site.traefik.log())?;
    println!("{} requests; on the canary: {shares:?}", seen.len());
    ensure!(shares.first < 30 && shares.last > 90, "{shares:?}");
    Ok(())
}
