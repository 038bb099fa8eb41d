//! Every worker of every proxy, the library and the command give a user the same side.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serde::Deserialize;
use serin_assignment::{Salt, Variant, Weight, assign};
use serin_tests::artifacts;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::Envoy;
use serin_tests::http::{self, Connection};
use serin_tests::site::Site;
use serin_tests::source::Answer;
use serin_tests::webapp::NAME_HEADER;

const HOST: &str = "shop.example.com";
const SALT: &str = "shop/checkout";
const WEIGHT: &str = "37.5%";
const USERS: usize = 1_000;
/// Per proxy: enough that the kernel gives each of the two workers some.
const CONNECTIONS: usize = 16;

#[tokio::test]
async fn every_worker_and_the_command_agree_with_the_rule() -> Result<()> {
    let site = Site::start(2, Answer::document(&document(1, &[]))).await?;
    let rollout = Rollout::new(SALT, HOST).weight(WEIGHT);
    site.publish(revision_now(), &[rollout]).await?;

    let users: Vec<String> = (0..USERS).map(|number| format!("user-{number}")).collect();
    let salt: Salt = SALT.parse()?;
    let weight: Weight = WEIGHT.parse()?;
    let expected: BTreeMap<String, Variant> = users
        .iter()
        .map(|user| (user.clone(), assign(&salt, user.as_bytes()).variant(weight)))
        .collect();

    assert_eq!(by_command(&users)?, expected);

    let mut connections = Vec::new();
    for envoy in &site.envoys {
        for _ in 0..CONNECTIONS {
            connections.push(Connection::to(envoy.port()).await?);
        }
    }
    // The three requests of a user take three connections, far apart, so that both proxies and
    // most workers see each of them.
    let places = connections.len();
    for (number, user) in users.iter().enumerate() {
        for repeat in 0..3 {
            let place = (number + repeat * (CONNECTIONS + 5)) % places;
            let connection = connections.get_mut(place).context("a connection")?;
            let headers = [("host", HOST), ("x-user-id", user)];
            let request = http::request(Method::GET, "/", &headers, "")?;
            let answer = connection.send(request, Duration::from_secs(5)).await?;
            let served: Variant = answer.header(NAME_HEADER).context("no side")?.parse()?;
            assert_eq!(Some(&served), expected.get(user), "{user}, request {repeat}");
        }
    }
    for envoy in &site.envoys {
        both_workers_took_part(envoy).await?;
    }
    Ok(())
}

/// What `serin assign` says.
fn by_command(users: &[String]) -> Result<BTreeMap<String, Variant>> {
    #[derive(Deserialize)]
    struct Line {
        user: String,
        variant: Variant,
    }
    let output = Command::new(artifacts::serin()?)
        .args(["assign", "--salt", SALT, "--weight", WEIGHT, "--output", "json"])
        .args(users)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let Line { user, variant } = serde_json::from_str(line)?;
            Ok((user, variant))
        })
        .collect()
}

/// Without this the test would prove nothing of the second worker.
async fn both_workers_took_part(envoy: &Envoy) -> Result<()> {
    let samples = envoy.admin().stats("worker_[0-9]%2B.downstream_cx_total").await?;
    let busy = samples.iter().filter(|one| one.value > 0.0).count();
    ensure!(busy == 2, "connections by worker: {samples:?}");
    Ok(())
}
