//! A chain of calls keeps its user's side from service to service, by the baggage alone.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Response};
use serin_tests::configuration::Configuration;
use serin_tests::envoy::Envoy;
use serin_tests::http;
use serin_tests::scratch::Scratch;
use serin_tests::serve::Server;
use serin_tests::site::{CANARY, STABLE};
use serin_tests::webapp::{Behaviour, Shown, WebApp};

use super::{ENOUGH, MARK, SHOP, SHOP_SALT, at_half};

/// Says which side of the first service has made the call to the second one.
const FIRST: &str = "x-first-hop";

#[tokio::test]
async fn a_user_keeps_their_side_from_service_to_service() -> Result<()> {
    let scratch = Scratch::new()?;
    let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
    let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
    let second = proxy("second", (stable.port(), canary.port()), &scratch).await?;
    let (stable, canary) =
        (service("stable", second.port()).await?, service("canary", second.port()).await?);
    let first = proxy("first", (stable.port(), canary.port()), &scratch).await?;

    let mut sides = BTreeSet::new();
    for number in 0..ENOUGH {
        let id = format!("user-{number}");
        let baggage = format!("tenant=a,userId={id}");
        // What else tells who it is ends at the first service.
        let headers = [("host", SHOP), ("baggage", &*baggage), ("cookie", "uid=other")];
        let request = http::request(Method::GET, "/", &headers, "")?;
        let answer = http::send(first.port(), request).await?;
        let (before, shown) =
            (answer.header(FIRST).context("no first hop")?, answer.json::<Shown>()?);
        let side = at_half(SHOP_SALT, &id)?;
        ensure!(before == side, "{id}: {before} at the first service, not {side}");
        ensure!(shown.name == side && shown.values(MARK) == [side], "{id}: not {side}: {shown:?}");
        ensure!(shown.values("baggage") == [baggage] && shown.values("cookie").is_empty());
        sides.insert(side);
    }
    ensure!(sides.len() == 2, "{sides:?}");
    Ok(())
}

/// A proxy on the example at 50 %, before these two.
async fn proxy(name: &str, (stable, canary): (u16, u16), scratch: &Scratch) -> Result<Envoy> {
    let configuration = Configuration::example("identity.yaml")?
        .port(STABLE, stable)?
        .port(CANARY, canary)?
        .replace("\"5%\"", "\"50%\"")?;
    Envoy::start(name, &configuration, scratch).await
}

/// A service that asks the next one.
async fn service(name: &'static str, next: u16) -> Result<Server> {
    Server::start(0, move |request| {
        let baggage = request.headers().get("baggage").and_then(|value| value.to_str().ok());
        let baggage = baggage.unwrap_or_default().to_owned();
        async move {
            let answered = ask(name, next, &baggage).await;
            answered.unwrap_or_else(|error| Response::new(format!("{error:#}").into()))
        }
    })
    .await
}

/// Hands on of its caller what the W3C has for that, and nothing else.
async fn ask(name: &str, next: u16, baggage: &str) -> Result<Response<Full<Bytes>>> {
    let headers = [("host", SHOP), ("baggage", baggage)];
    let answer = http::send(next, http::request(Method::GET, "/", &headers, "")?).await?;
    Ok(Response::builder().header(FIRST, name).body(answer.body.into())?)
}
