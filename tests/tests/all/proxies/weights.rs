//! `serin run` moves the weights of NGINX and `HAProxy` by their files: a hundred changes under load,
//! and no request fails.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::Response;
use serde_json::json;
use serin_tests::artifacts;
use serin_tests::controller::{Controller, Options};
use serin_tests::documents::{document, revision_now};
use serin_tests::ports;
use serin_tests::proxies::{Around, HaProxy, Nginx, ServeAssign};
use serin_tests::scratch::Scratch;
use serin_tests::serve::Server;
use serin_tests::source::{Answer, Source};
use serin_tests::steady::{self, Profile, Steady};
use serin_tests::webapp::{Behaviour, WebApp};

/// The whole rollout: a hundred steps without a wait.
const LIMIT: Duration = Duration::from_mins(5);
const CHANGES: usize = 100;
/// The release's part of the log of a write.
const WRITTEN: &str = "weights written";

/// A release of a hundred steps, 1 % each, that keeps this file.
fn release(name: &str, template: &Path, file: &Path, reload: &[String], page: u16) -> String {
    let steps: Vec<_> =
        (1..=CHANGES).map(|step| json!({"weight": format!("{step}%"), "bake": "0s"})).collect();
    let release = json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": name, "namespace": "test"},
        "spec": {
            "version": "v2",
            "traffic": {
                "hosts": [format!("{name}.example.com")],
                "stable": {"cluster": "shop-stable"},
                "canary": {"cluster": "shop-canary"},
                "file": {"template": template, "path": file, "reload": reload},
            },
            "assignment": {"identity": [{"header": "x-user-id"}]},
            "metrics": {"targets": {"urls": [format!("http://127.0.0.1:{page}/")], "interval": "200ms"}},
            "steps": steps,
        },
    });
    release.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_changes_of_weight_fail_no_request_of_nginx_and_haproxy() -> Result<()> {
    let scratch = Scratch::new()?;
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
    // Nobody is marked: weights alone decide.
    let source = Source::start(Answer::document(&document(revision_now(), &[]))).await?;
    let assign = ServeAssign::start(ports::free()?, source.port(), &scratch).await?;
    let around = Around { stable: stable.port(), canary: canary.port(), assign: assign.port() };
    let nginx = Nginx::start(around, &scratch).await?;
    let haproxy = HaProxy::start(around, &scratch).await?;
    // Without a filter there is nothing to read: the files are the proof.
    let page = Server::start(0, |_| async { Response::new(Full::from("up 1\n")) }).await?;
    let root = artifacts::root()?;
    let of_nginx = release(
        "nginx",
        &root.join("nginx/weights.conf.j2"),
        nginx.weights(),
        nginx.reload(),
        page.port(),
    );
    let of_haproxy = release(
        "haproxy",
        &root.join("haproxy/weights.map.j2"),
        haproxy.weights(),
        &haproxy.reload(),
        page.port(),
    );
    let releases =
        vec![scratch.write("nginx.yaml", of_nginx)?, scratch.write("haproxy.yaml", of_haproxy)?];
    // Without a state the controller asks the files who is on the canary, and these are not its own.
    for file in [nginx.weights(), haproxy.weights()] {
        fs::remove_file(file)?;
    }
    let loads = [nginx.port(), haproxy.port()].map(|port| {
        Steady::start(&Profile {
            port,
            host: "shop.example.com".to_owned(),
            users: 500,
            connections: 4,
            every: Duration::from_millis(20),
        })
    });
    let (port, state) = (ports::free()?, scratch.folder("state")?);
    let options = Options { releases, port, state, receivers: None };
    let mut controller = Controller::start(&options, &scratch).await?;
    for name in ["nginx", "haproxy"] {
        let done = |status: &serin_tests::controller::Status| status.is("Succeeded");
        controller.api().until(&format!("test/{name}"), LIMIT, done).await?;
    }
    let written = controller.process().log().matches(WRITTEN).count();
    ensure!(written >= 2 * CHANGES, "{written} writes");
    // Until the last of the old workers has gone.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (load, log) in loads.into_iter().zip([nginx.log(), haproxy.log()]) {
        let seen = load.stop().await;
        let shares = steady::shares(&seen, &log)?;
        println!("{} requests; on the canary: {shares:?}", seen.len());
        ensure!(shares.first < 30 && shares.last > 90, "{shares:?}");
    }
    ensure!(fs::read_to_string(nginx.weights())?.contains("100% canary;"));
    ensure!(fs::read_to_string(haproxy.weights())?.contains("weight 10000\n"));
    Ok(())
}
