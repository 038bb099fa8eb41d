//! The Lua filter that the cost is compared with does the same job: it gives every request the side
//! that the filter gives it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serde_json::json;
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::http::{self, Connection};
use serin_tests::scratch::Scratch;
use serin_tests::{answering, artifacts};

const LIMIT: Duration = Duration::from_secs(5);
const USERS: usize = 150;

fn rollout(name: &str, hosts: &[&str], paths: &[&str], weight: &str) -> Rollout {
    Rollout::new(name, hosts.first().copied().unwrap_or_default())
        .weight(weight)
        .with("hosts", json!(hosts))
        .with("paths", json!(paths))
        .with("identity", json!([{"cookie": "uid"}, {"query": "user"}]))
        .with("testers", json!([{"header": "x-serin-opt-in"}]))
}

#[tokio::test]
async fn lua_and_the_filter_agree_on_every_request() -> Result<()> {
    let rollouts = [
        rollout(
            "shop/checkout",
            &["shop.example.com", "*.shop.example.com"],
            &["/checkout", "/pay"],
            "37.5%",
        ),
        rollout("shop/all", &["all.example.com"], &["/"], "62.5%"),
        rollout("shop/none", &["none.example.com"], &["/"], "0%"),
    ];
    let document = document(1, &rollouts);
    let scratch = Scratch::new()?;
    let mut connections = Vec::new();
    let mut envoys = Vec::new();
    for (name, filter) in [
        ("serin", answering::wasm(&artifacts::module()?, &document)),
        ("lua", answering::lua_full(&document)?),
    ] {
        let envoy =
            Envoy::start(name, &answering::configuration(name, Some(filter)), &scratch).await?;
        connections.push(Connection::to(envoy.port()).await?);
        envoys.push(envoy);
    }
    let mut marked = 0;
    for user in 0..USERS {
        for (path, headers) in requests(user) {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let mut answers = Vec::new();
            for connection in &mut connections {
                let request = http::request(Method::GET, &path, &headers, "")?;
                answers.push(connection.send(request, LIMIT).await?.text());
            }
            let first = answers.first().context("two answers")?;
            ensure!(
                answers.iter().all(|answer| answer == first),
                "{path} {headers:?}: {answers:?}"
            );
            marked += usize::from(first.contains("canary"));
        }
    }
    ensure!(marked > USERS && marked < 6 * USERS, "{marked} on the canary");
    Ok(())
}

/// Requests of a user: by cookie, by query, as a tester, with forged marks, to other hosts and paths.
fn requests(user: usize) -> Vec<(String, Vec<(&'static str, String)>)> {
    let id = format!("user-{user}");
    let cookie = ("cookie", format!("a=1; xuid=no; uid={id}; b=2"));
    let host = |name: &str| ("host", name.to_owned());
    let shop = host("shop.example.com");
    let forged = ("x-serin-variant", "canary".to_owned());
    let tester = |said: &str| ("x-serin-opt-in", said.to_owned());
    let query = format!("/checkout/1?a=b&user={id}%2d&user=other");
    vec![
        ("/checkout".to_owned(), vec![shop.clone(), cookie.clone()]),
        ("/checkouts".to_owned(), vec![shop.clone(), cookie.clone(), forged.clone()]),
        (
            "/pay/now?user=other".to_owned(),
            vec![host("Shop.Example.COM:8080"), cookie.clone(), forged.clone()],
        ),
        (query.clone(), vec![host("eu.shop.example.com."), forged.clone()]),
        (query, vec![host("example.com")]),
        ("/".to_owned(), vec![host("all.example.com"), cookie.clone()]),
        (
            "/any?user=".to_owned(),
            vec![host("all.example.com"), ("cookie", "uid=".to_owned()), forged],
        ),
        ("/".to_owned(), vec![host("none.example.com"), cookie.clone(), tester("canary")]),
        ("/pay".to_owned(), vec![shop.clone(), cookie.clone(), tester("stable")]),
        ("/pay".to_owned(), vec![shop, cookie, tester("perhaps")]),
    ]
}
