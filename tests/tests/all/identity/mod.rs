//! Who a request is from, on the real Envoy: its own filter for tokens before ours, addresses that
//! a trusted proxy forwards, baggage, and ids that the filter makes.

mod address;
mod baggage;
mod generated;
mod hops;
mod jwt;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use serin_assignment::{Salt, Weight, assign};
use serin_tests::configuration::Configuration;
use serin_tests::envoy::Envoy;
use serin_tests::http;
use serin_tests::issuer::{self, Issuer};
use serin_tests::scratch::Scratch;
use serin_tests::site::{CANARY, STABLE};
use serin_tests::webapp::{Behaviour, Shown, WebApp};

/// The header that marks a request.
const MARK: &str = "x-serin-variant";
/// A host of the example's first rollout, which is for all.
const SHOP: &str = "shop.example.com";
/// The salt there.
const SHOP_SALT: &str = "demo/shop/v2";
/// So many ids in a row are on the right side by chance once in a million.
const ENOUGH: u32 = 20;

#[tokio::test]
async fn ids_are_read_as_the_example_says() -> Result<()> {
    read_as_the_example_says(|example| example).await
}

/// The same with a changed example.
pub(crate) async fn read_as_the_example_says(
    change: impl FnOnce(Configuration) -> Configuration,
) -> Result<()> {
    let world = World::start(change).await?;
    jwt::verified(&world).await.context("claims that Envoy has verified")?;
    jwt::forwarded(&world).await.context("claims in a forwarded payload")?;
    jwt::refused(&world).await.context("tokens that do not hold")?;
    jwt::kinds(&world).await.context("texts, numbers, bools, lists and objects")?;
    baggage::member(&world).await.context("baggage")?;
    address::forwarded(&world).await.context("addresses")?;
    generated::once(&world).await.context("a new visitor's cookie")?;
    generated::sticky(&world).await.context("a known visitor")?;
    generated::counted(&world).await.context("how new visitors are counted")?;
    Ok(())
}

/// The example at 50 %, with an issuer of tokens, and a trusted proxy before it.
struct World {
    envoy: Envoy,
    issuer: Issuer,
    _apps: [WebApp; 2],
    _scratch: Scratch,
}

impl World {
    async fn start(change: impl FnOnce(Configuration) -> Configuration) -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let issuer = Issuer::new()?;
        let kinds = jwt::rollout().to_string();
        let configuration = Configuration::example("identity.yaml")?
            .port(STABLE, stable.port())?
            .port(CANARY, canary.port())?
            .replace(issuer::EXAMPLE_KEYS, &issuer.keys())?
            .replace("\"5%\"", "\"50%\"")?
            .replace("\"rollouts\": [{", &format!("\"rollouts\": [{kinds}, {{"))?
            .replace("use_remote_address: true", "use_remote_address: true\n          xff_num_trusted_hops: 1")?
            // The application has cookies of its own.
            .replace("route_config:\n", "route_config:\n            response_headers_to_add: [{header: {key: set-cookie, value: theme=dark}, append_action: APPEND_IF_EXISTS_OR_ADD}]\n")?;
        let envoy = Envoy::start("envoy", &change(configuration), &scratch).await?;
        Ok(Self { envoy, issuer, _apps: [stable, canary], _scratch: scratch })
    }

    /// Sends a GET over a connection of its own.
    async fn get(&self, host: &str, headers: &[(&str, &str)]) -> Result<http::Answer> {
        let all = [&[("host", host)], headers].concat();
        http::send(self.envoy.port(), http::request(Method::GET, "/", &all, "")?).await
    }

    /// What the application saw of such a request, and what of ours the answer sets.
    async fn see(&self, host: &str, headers: &[(&str, &str)]) -> Result<Seen> {
        let answer = self.get(host, headers).await?;
        let cookies = answer.headers.get_all("set-cookie").iter();
        let all: Vec<String> =
            cookies.map(|value| Ok(value.to_str()?.to_owned())).collect::<Result<_>>()?;
        let (own, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|cookie| cookie.starts_with("serin-id="));
        ensure!(others == ["theme=dark"], "the application's cookies: {others:?}");
        Ok(Seen { shown: answer.json()?, cookies: own })
    }

    /// Checks that a request is placed by this id, at the weight of 50 %.
    async fn is_placed_by(
        &self,
        (host, salt): (&str, &str),
        headers: &[(&str, &str)],
        id: &str,
    ) -> Result<()> {
        let Seen { shown, cookies } = self.see(host, headers).await?;
        let side = at_half(salt, id)?;
        ensure!(
            shown.name == side && shown.values(MARK) == [side] && cookies.is_empty(),
            "{id} is {side}, not {} with {:?}; {cookies:?} set",
            shown.name,
            shown.values(MARK)
        );
        Ok(())
    }
}

/// What is seen of a request from both ends.
struct Seen {
    shown: Shown,
    /// The `set-cookie` of ids.
    cookies: Vec<String>,
}

/// The side of an id at 50 % by the library.
fn at_half(salt: &str, id: &str) -> Result<&'static str> {
    let (salt, weight): (Salt, Weight) = (salt.parse()?, "50%".parse()?);
    Ok(assign(&salt, id.as_bytes()).variant(weight).as_str())
}

/// A rollout at 50 %, of which who has no id is left to the route.
fn rollout(name: &str, host: &str, identity: &Value) -> Value {
    json!({
        "name": name, "revision": 1, "hosts": [host], "salt": name, "weight": "50%",
        "canaryServes": true, "anonymous": "route", "identity": identity,
    })
}
