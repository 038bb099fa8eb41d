//! A new configuration of the filter itself, while requests go on: the proxy gives each VM a new
//! root context, and no count is lost by it or comes twice.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serin_tests::configuration::Configuration;
use serin_tests::delivery::Delivery;
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, STABLE};
use serin_tests::webapp::{Behaviour, WebApp};

use super::counted::{Sent, counted};

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
const CHANGES: u64 = 8;
/// Requests that are under way at a time.
const LANES: usize = 4;

#[tokio::test]
async fn a_new_configuration_loses_and_doubles_nothing() -> Result<()> {
    let scratch = Scratch::new()?;
    let app = WebApp::start("app", 0, Behaviour::healthy("v1")).await?;
    let delivery = Delivery::new(&scratch)?;
    let deliver = |revision| delivery.write(&document(revision, &[halves()]));
    deliver(1)?;
    let configuration = Configuration::example("inline.yaml")?
        .delivered(&delivery.file())?
        .port(STABLE, app.port())?
        .port(CANARY, app.port())?;
    let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
    envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;

    let done = AtomicBool::new(false);
    let (envoy, ended) = (&envoy, &done);
    let load = try_join_all((0..LANES).map(|lane| async move {
        let mut users = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let user = format!("user-{lane}-{}", users.len());
            let headers = [("x-user-id", user.as_bytes())];
            let answer = serin_tests::raw::get(envoy.port(), HOST, "/", &headers).await?;
            ensure!(answer.status == 200, "{user}: {}", answer.status);
            users.push(user);
        }
        Ok(users)
    }));
    let changes = async {
        for revision in 2..=1 + CHANGES {
            deliver(revision)?;
            envoy.admin().applied(NAME, revision, APPLY_LIMIT).await?;
        }
        done.store(true, Ordering::Relaxed);
        Ok(())
    };
    let (users, ()) = tokio::try_join!(load, changes)?;
    let mut sent = Sent::new(NAME);
    for user in users.iter().flatten() {
        sent.add(user, "50%", "ok")?;
    }
    sent.is_counted(envoy.admin()).await?;
    let all = counted(envoy.admin(), "serin_assignments", NAME, &["reason"]).await?;
    let requests: u64 = sent.counts.values().sum();
    println!("{requests} requests during {CHANGES} new configurations");
    ensure!(all.values().sum::<u64>() == requests, "assignments: {all:?}, requests: {requests}");
    Ok(())
}

fn halves() -> Rollout {
    Rollout::new(NAME, HOST).weight("50%")
}
