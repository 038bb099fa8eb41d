//! A cache that knows nothing of sides, before the filter and behind it: the real NGINX.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Response};
use serin_assignment::{Salt, Weight, assign};
use serin_tests::caching::Cache;
use serin_tests::configuration::Configuration;
use serin_tests::envoy::Envoy;
use serin_tests::http;
use serin_tests::scratch::Scratch;
use serin_tests::serve::Server;
use serin_tests::site::{CANARY, STABLE};

use super::until;

/// The salt of the example.
const SALT: &str = "demo/shop/v2";
/// What may be kept, what may be kept for each side, and what may not.
const KEPT: &str = "/kept";
const BY_SIDE: &str = "/by-side";
const PRIVATE: &str = "/private";
/// Many times what a cache takes to keep a few bytes.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Where the cache keeps cookies too, which NGINX does only when told to.
const CARELESS: &str = "/careless";

#[tokio::test]
async fn a_cache_before_the_filter_gives_everybody_what_one_side_has_answered() -> Result<()> {
    let (scratch, servers) = (Scratch::new()?, Servers::start().await?);
    let envoy = envoy(servers.stable.port(), servers.canary.port(), &scratch).await?;
    let cache = Cache::start(envoy.port(), envoy.port(), CARELESS, &scratch).await?;
    let site = Site { port: cache.port(), servers };
    site.answers(KEPT, ["canary", "canary"], 1).await?;
    // There is no mark yet, by which it could tell them apart.
    site.answers(BY_SIDE, ["canary", "canary"], 1).await?;
    site.answers(PRIVATE, ["canary", "stable"], 4).await?;
    // What it answers by itself is counted nowhere: six requests have reached the filter.
    let admin = envoy.admin();
    let counted = async || Ok(admin.sum("serin_assignments", &[]).await? == Some(6.0));
    until(counted).await.context("assignments")?;

    // Nor does it know whose cookie it keeps.
    for (path, is_shared) in [("/careful", false), (CARELESS, true)] {
        let first = site.get(path, &[]).await?;
        tokio::time::sleep(A_MOMENT).await;
        let second = site.get(path, &[]).await?;
        let cookie = first.header("set-cookie").context("no cookie for a new visitor")?;
        ensure!((second.header("set-cookie") == Some(cookie)) == is_shared, "{path}: {second:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cache_behind_the_filter_tells_sides_apart_where_answers_vary() -> Result<()> {
    let (scratch, servers) = (Scratch::new()?, Servers::start().await?);
    let (stable, canary) = (servers.stable.port(), servers.canary.port());
    let cache = Cache::start(canary, stable, CARELESS, &scratch).await?;
    let envoy = envoy(cache.port(), cache.port(), &scratch).await?;
    let site = Site { port: envoy.port(), servers };
    site.answers(BY_SIDE, ["canary", "stable"], 2).await?;
    site.answers(KEPT, ["canary", "canary"], 1).await?;
    site.answers(PRIVATE, ["canary", "stable"], 4).await
}

/// The example at 50 %, with an id of its own for new visitors, before these two.
async fn envoy(stable: u16, canary: u16, scratch: &Scratch) -> Result<Envoy> {
    let places = r#""identity": [{"header": "x-user-id"}, {"cookie": "uid"}, {"query": "user"}]"#;
    let generated =
        r#""identity": [{"header": "x-user-id"}, {"generated": {"cookie": "serin-id"}}]"#;
    let configuration = Configuration::example("inline.yaml")?
        .port(STABLE, stable)?
        .port(CANARY, canary)?
        .replace("\"5%\"", "\"50%\"")?
        .replace(places, generated)?;
    Envoy::start("envoy", &configuration, scratch).await
}

/// Where users ask, and who answers in the end.
struct Site {
    port: u16,
    servers: Servers,
}

impl Site {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<http::Answer> {
        let all = [&[("host", "shop.example.com")], headers].concat();
        http::send(self.port, http::request(Method::GET, path, &all, "")?).await
    }

    /// Two users ask, one of each side and each twice: whose answers they get, and how many of the
    /// four requests are answered by a server.
    async fn answers(&self, path: &str, expected: [&str; 2], asked: usize) -> Result<()> {
        let before = self.servers.asked.load(Ordering::Relaxed);
        for round in ["first", "again"] {
            for (side, expected) in ["canary", "stable"].into_iter().zip(expected) {
                let answer = self.get(path, &[("x-user-id", &user_of(side)?)]).await?;
                ensure!(answer.text() == expected, "{path} for {side}: {}", answer.text());
                if round == "first" {
                    // It keeps an answer beside handing it on, and not before.
                    tokio::time::sleep(A_MOMENT).await;
                }
            }
        }
        let reached = self.servers.asked.load(Ordering::Relaxed) - before;
        ensure!(reached == asked, "{path}: {reached} of 4 requests were answered by a server");
        Ok(())
    }
}

/// A user who is on that side at 50 %.
fn user_of(side: &str) -> Result<String> {
    let (salt, half): (Salt, Weight) = (SALT.parse()?, "50%".parse()?);
    let mut users = (0..100).map(|number| format!("user-{number}"));
    let user = users.find(|user| assign(&salt, user.as_bytes()).variant(half).as_str() == side);
    user.with_context(|| format!("nobody is on {side}"))
}

/// Servers that say their names and, by the path, what a cache may keep of that.
struct Servers {
    stable: Server,
    canary: Server,
    asked: Arc<AtomicUsize>,
}

impl Servers {
    async fn start() -> Result<Self> {
        let asked = Arc::<AtomicUsize>::default();
        let stable = server("stable", Arc::clone(&asked)).await?;
        Ok(Self { stable, canary: server("canary", Arc::clone(&asked)).await?, asked })
    }
}

async fn server(name: &'static str, asked: Arc<AtomicUsize>) -> Result<Server> {
    Server::start(0, move |request| {
        asked.fetch_add(1, Ordering::Relaxed);
        let response = Response::builder();
        let response = match request.uri().path() {
            PRIVATE => response.header("cache-control", "private, max-age=60"),
            BY_SIDE => {
                response.header("cache-control", "max-age=60").header("vary", "x-serin-variant")
            }
            _ => response.header("cache-control", "max-age=60"),
        };
        let answer = response.body(Full::new(Bytes::from_static(name.as_bytes())));
        async move { answer.unwrap_or_default() }
    })
    .await
}
