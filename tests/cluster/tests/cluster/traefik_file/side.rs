//! Users get the side of the hash, and changes of weight fail no request.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serin_assignment::{Salt, Weight};
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::hashed::goes_by_the_hash;
use serin_tests::http::{self, Connection};
use serin_tests::source::{Answer, Source};
use serin_tests::steady::{self, Profile, Steady};

use super::site::{HOST, Site};

const SALT: &str = "shop/checkout";
const WEIGHT: &str = "37.5%";
const USERS: usize = 1_000;
const CHANGES: u32 = 100;

async fn source(rollouts: &[Rollout]) -> Result<Source> {
    Source::start(Answer::document(&document(revision_now(), rollouts))).await
}

#[tokio::test]
async fn a_thousand_users_get_the_side_of_the_hash_also_while_one_of_two_endpoints_is_dead()
-> Result<()> {
    let source = source(&[Rollout::new(SALT, HOST).weight(WEIGHT)]).await?;
    let site = Site::new().await?;
    site.put(0)?;
    let mut open = site.open(source.port()).await?;
    let (salt, weight): (Salt, Weight) = (SALT.parse()?, WEIGHT.parse()?);
    let mut connection = Connection::to(open.port).await?;
    for number in 0..USERS {
        if number == USERS / 2 {
            open.assign.first_mut().context("an endpoint")?.process().kill()?;
        }
        let user = format!("user-{number}");
        goes_by_the_hash(&mut connection, HOST, &user, (&salt, weight)).await?;
    }
    // What the documentation says of Traefik: without anybody to ask it fails requests.
    open.assign.clear();
    let request = http::request(Method::GET, "/", &[("host", HOST)], "")?;
    let answer = http::send(open.port, request).await?;
    ensure!(answer.status >= 500, "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_changes_of_its_file_fail_no_request() -> Result<()> {
    let source = source(&[]).await?;
    let site = Site::new().await?;
    site.put(0)?;
    let open = site.open(source.port()).await?;
    let load = Steady::start(&Profile {
        port: open.port,
        host: HOST.to_owned(),
        users: 500,
        connections: 4,
        every: Duration::from_millis(20),
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    for percent in 1..=CHANGES {
        site.put(percent)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // It takes files over no more often than every two seconds.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let seen = load.stop().await;
    let shares = steady::shares(&seen, &open.traefik.log())?;
    println!("{} requests; on the canary: {shares:?}", seen.len());
    ensure!(shares.first < 30 && shares.last > 90, "{shares:?}");
    Ok(())
}
