//! A whole rollout without Envoy and without a cluster: `serin run` moves the weights and judges, `serin
//! serve-assign` marks each request, and what Traefik counts is the evidence.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use serin_assignment::Variant;
use serin_cluster::records::{none_failed, sides};
use serin_tests::controller::{Controller, Options, Status};
use serin_tests::load::{Load, Outcome, Profile};
use serin_tests::ports;
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::webapp::Behaviour;

use super::site::{HOST, Site};

const RELEASE: &str = "test/shop";
/// A rollout of three steps takes some 30 s on a quiet machine.
const LIMIT: Duration = Duration::from_mins(3);
/// How often it is looked whether the controller has written Traefik's file.
const POLL: Duration = Duration::from_millis(50);

fn release(version: &str, site: &Site, template: &Path, prometheus: &str) -> String {
    let step = |weight: &str| json!({"weight": weight, "bake": "3s"});
    let release = json!({
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "CanaryRelease",
        "metadata": {"name": "shop", "namespace": "test"},
        "spec": {
            "version": version,
            "traffic": {
                "hosts": [HOST],
                "stable": {"cluster": "shop-stable@file"},
                "canary": {"cluster": "shop-canary@file"},
                "file": {"template": template, "path": site.file},
            },
            "assignment": {"identity": [{"header": "x-user-id"}]},
            "metrics": {"prometheus": {
                "address": prometheus, "scrapeInterval": "1s", "timeout": "2s",
            }},
            "evidence": {"skip": "0s"},
            "steps": [step("20%"), step("50%"), step("100%")],
            "gates": [{"name": "errors", "kind": "errorRate", "counts": {"preset": "traefik"}}],
        },
    });
    release.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_version_is_rolled_back_and_the_next_goes_to_the_end_with_each_user_on_one_side()
-> Result<()> {
    let site = Site::new().await?;
    let [one, other] = site.assign;
    let targets = [("traefik", site.admin), ("assign-1", one), ("assign-2", other)];
    let targets = targets.map(|(job, port)| Target::metrics(job, port));
    let prometheus = Prometheus::start(&targets, &site.scratch).await?;
    let template = site.scratch.write("serin.yaml.j2", &site.template)?;
    let of = |version: &str| release(version, &site, &template, &prometheus.address());
    let file = site.scratch.write("release.yaml", of("v2"))?;
    site.canary.behave(Behaviour { error_rate: 0.5, ..Behaviour::healthy("v2") });
    let (port, state) = (ports::free()?, site.scratch.folder("state")?);
    let options = Options { releases: vec![file.clone()], port, state, receivers: None };
    let controller = Controller::start(&options, &site.scratch).await?;
    let start = Instant::now();
    while !site.file.exists() {
        ensure!(start.elapsed() < LIMIT, "the controller has not written {}", site.file.display());
        tokio::time::sleep(POLL).await;
    }
    let open = site.open(port).await?;
    let load = Load::start(&Profile {
        port: open.port,
        host: HOST.to_owned(),
        identity: "x-user-id".to_owned(),
        users: 500,
        first_user: 0,
        broken: false,
        rate: 150,
        connections: 4,
    });
    let ended = |version: &'static str, phase: &'static str| {
        move |status: &Status| status.version == version && status.is(phase)
    };
    let status = controller.api().until(RELEASE, LIMIT, ended("v2", "RolledBack")).await?;
    ensure!(status.decisions.iter().any(|it| it.reason == "Harm"), "{:#?}", status.decisions);
    let injected = Outcome::Injected(Variant::Canary);
    ensure!(load.records().iter().any(|it| it.outcome == injected), "nobody saw it fail");

    let before = load.records().len();
    site.canary.behave(Behaviour::healthy("v3"));
    std::fs::write(&file, of("v3"))?;
    controller.reload()?;
    controller.api().until(RELEASE, LIMIT, ended("v3", "Succeeded")).await?;
    let records = load.stop().await;
    none_failed(&records)?;
    let since = records.get(before..).unwrap_or_default();
    let sides = sides(since);
    ensure!(sides.values().all(|sides| sides.len() <= 2), "users went back and forth: {sides:?}");
    ensure!(sides.values().filter(|sides| sides.len() == 2).count() > 300, "{sides:?}");
    Ok(())
}
