//! Two proxies in a row: the outer one decides, the inner one either keeps the mark that it gets
//! (`incoming: keep`, as in the example `inner.yaml`) or decides anew (`replace`).

use anyhow::{Context as _, Result, ensure};
use serin_assignment::{Salt, Weight, assign};
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::site::{self, CANARY, SOURCE, STABLE, see};
use serin_tests::source::{Answer, Source};
use serin_tests::webapp::{Behaviour, WebApp};

const HOST: &str = "shop.example.com";
const MARK: &str = "x-serin-variant";
const OUTER_SALT: &str = "outer/checkout";
const INNER_SALT: &str = "inner/checkout";

/// Everything behind the outer proxy asks the inner one; only there are the applications.
struct Chain {
    outer: Envoy,
    inner: Envoy,
    _sources: [Source; 2],
    _applications: [WebApp; 2],
    _scratch: Scratch,
}

impl Chain {
    /// The outer proxy puts half of the users on the canary, the inner one another half by its own
    /// salt.
    async fn start(
        inner_example: &str,
        change: impl Fn(Configuration) -> Configuration,
    ) -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let revision = revision_now();
        let half = |salt: &str| {
            let rollout = Rollout::new(salt, HOST).weight("50%");
            Answer::document(&document(revision, &[rollout]))
        };
        let inner_source = Source::start(half(INNER_SALT)).await?;
        let inner = Configuration::example(inner_example)?
            .port(SOURCE, inner_source.port())?
            .port(STABLE, stable.port())?
            .port(CANARY, canary.port())?;
        let inner = Envoy::start("inner", &change(inner), &scratch).await?;
        let outer_source = Source::start(half(OUTER_SALT)).await?;
        let outer = Configuration::example("envoy.yaml")?
            .port(SOURCE, outer_source.port())?
            .port(STABLE, inner.port())?
            .port(CANARY, inner.port())?;
        let outer = Envoy::start("outer", &change(outer), &scratch).await?;
        inner.admin().applied(INNER_SALT, revision, site::APPLY_LIMIT).await?;
        outer.admin().applied(OUTER_SALT, revision, site::APPLY_LIMIT).await?;
        Ok(Self {
            outer,
            inner,
            _sources: [outer_source, inner_source],
            _applications: [stable, canary],
            _scratch: scratch,
        })
    }

    /// Checks for many users that the salt's half of them is on the canary.
    async fn decided_by(&self, salt: &str) -> Result<()> {
        let (salt, half): (Salt, Weight) = (salt.parse()?, "50%".parse()?);
        for number in 0..100 {
            let user = format!("user-{number}");
            let expected = assign(&salt, user.as_bytes()).variant(half).as_str();
            let shown =
                see(self.outer.port(), HOST, "/", &[("x-user-id", user.as_bytes())]).await?;
            let marks = shown.values(MARK);
            ensure!(shown.name == expected && marks == [expected], "{user}: {shown:?}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_inner_proxy_that_keeps_follows_the_outer_one() -> Result<()> {
    follows_the_outer_one(|example| example).await
}

/// The same with changed examples.
pub(crate) async fn follows_the_outer_one(
    change: impl Fn(Configuration) -> Configuration,
) -> Result<()> {
    let chain = Chain::start("inner.yaml", change).await?;
    chain.decided_by(OUTER_SALT).await.context("through both")?;
    // A forged mark is removed by the outer one, so nothing false reaches the inner one.
    for user in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let id = ("x-user-id", user.as_bytes());
        let honest = see(chain.outer.port(), HOST, "/", &[id]).await?;
        for mark in ["canary", "stable"] {
            let forged = see(chain.outer.port(), HOST, "/", &[id, (MARK, mark.as_bytes())]).await?;
            ensure!(forged.name == honest.name, "{user} with a forged {mark}: {forged:?}");
        }
    }
    // What it gets without a usable mark, the inner one decides itself; and it counts nothing.
    let direct =
        see(chain.inner.port(), HOST, "/", &[("x-user-id", b"a"), (MARK, b"Canary")]).await?;
    ensure!(direct.values(MARK) == [direct.name.as_str()], "{direct:?}");
    let counts = chain.inner.admin().sum("serin_assignments", &[]).await?;
    ensure!(counts.unwrap_or_default() < 0.5, "the inner proxy counted too: {counts:?}");
    Ok(())
}

#[tokio::test]
async fn an_inner_proxy_that_replaces_decides_anew() -> Result<()> {
    Chain::start("envoy.yaml", |example| example).await?.decided_by(INNER_SALT).await
}
