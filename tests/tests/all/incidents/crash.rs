//! The module crashes: what its worker's requests get under each of the three policies.
//!
//! Nothing that a request can say makes the filter crash, so it is made to: the real module, in
//! whose callback a trap waits for requests with very many headers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::try_join_all;
use serde_json::from_slice;
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::delivery::{Delivery, FailurePolicy};
use serin_tests::raw;
use serin_tests::scratch::Scratch;
use serin_tests::webapp::Shown;
use walrus::ir::BinaryOp;
use walrus::{ExportItem, FunctionBuilder, Module, ValType};

use super::site::{HOST, Site, TRY, deliver};
use super::until;

/// Far more headers than any other request here has, and fewer than the 100 that Envoy allows.
const MANY: usize = 60;
/// Requests over connections of their own, so that both workers get some: the chance that one gets
/// none of 40 is 2 in 10^12.
const EACH_WORKER: usize = 40;
/// Well over the second after which `FAIL_RELOAD` loads the module anew.
const LATER: Duration = Duration::from_secs(3);
/// What Envoy's log says of a crash.
const SEEN: &str = "Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable";

#[tokio::test]
async fn fail_closed_answers_503_until_there_is_a_new_configuration() -> Result<()> {
    let mut site = Fragile::start(FailurePolicy::Closed, |example| example).await?;
    site.crash().await?;
    for moment in ["at once", "later"] {
        let seen = site.see().await?;
        ensure!(seen.contains_key("503"), "{moment}: {seen:?}");
        ensure!(seen.keys().all(|key| ["503", "canary"].contains(&key.as_str())), "{seen:?}");
        tokio::time::sleep(LATER).await;
    }
    let log = site.0.envoy.process().log();
    ensure!(log.contains(SEEN), "{SEEN:?} is not in Envoy's log");
    site.deliver(2)?;
    site.is_whole().await.map(drop)
}

#[tokio::test]
async fn fail_open_lets_requests_pass_unmarked_until_there_is_a_new_configuration() -> Result<()> {
    let site = Fragile::start(FailurePolicy::Open, |example| example).await?;
    site.crash().await?;
    for moment in ["at once", "later"] {
        // The route's rest serves the unmarked, and the example removes the mark that each sends.
        let seen = site.see().await?;
        ensure!(seen.contains_key("stable, unmarked"), "{moment}: {seen:?}");
        let known = ["stable, unmarked", "canary"];
        ensure!(seen.keys().all(|key| known.contains(&key.as_str())), "{moment}: {seen:?}");
        tokio::time::sleep(LATER).await;
    }
    site.deliver(2)?;
    site.is_whole().await.map(drop)
}

#[tokio::test]
async fn fail_reload_answers_503_for_moments_and_recovers_by_itself() -> Result<()> {
    recovers_by_itself(|example| example).await
}

/// The same with a changed example.
pub(crate) async fn recovers_by_itself(
    change: impl FnOnce(Configuration) -> Configuration,
) -> Result<()> {
    let site = Fragile::start(FailurePolicy::Reload, change).await?;
    let start = Instant::now();
    // The one's own answer is complete only a second later: too late to see what others get.
    let others = until(async || Ok(site.see_one(0).await? == "503"));
    tokio::try_join!(site.crash(), others)?;
    site.is_whole().await?;
    println!("FAIL_RELOAD: every worker marks again after {:?} at most", start.elapsed());
    Ok(())
}

/// A proxy whose module can be made to crash, with everybody on the canary.
struct Fragile(Site);

impl Fragile {
    async fn start(
        policy: FailurePolicy,
        change: impl FnOnce(Configuration) -> Configuration,
    ) -> Result<Self> {
        let scratch = Scratch::new()?;
        let delivery = Delivery::new(&scratch)?.with(&with_trap(&scratch)?, policy);
        let fragile = Self(Site::with_canary_changed(scratch, delivery, change).await?);
        fragile.is_whole().await?;
        Ok(fragile)
    }

    fn deliver(&self, revision: u64) -> Result<()> {
        deliver(&self.0.delivery, revision, "100%")
    }

    /// The request that meets the trap gets 503 under each of the policies.
    async fn crash(&self) -> Result<()> {
        let names: Vec<String> = (0..MANY).map(|number| format!("x-{number}")).collect();
        let headers: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), b"1".as_slice())).collect();
        let answer = raw::get(self.0.envoy.port(), HOST, "/", &headers).await?;
        ensure!(answer.status == 503, "the module's crash: {}", answer.status);
        Ok(())
    }

    /// What became of many requests. They are sent side by side, for Envoy takes a second to close
    /// the connection of each that it answers by itself.
    async fn see(&self) -> Result<BTreeMap<String, usize>> {
        let mut seen = BTreeMap::new();
        for what in try_join_all((0..EACH_WORKER).map(|number| self.see_one(number))).await? {
            *seen.entry(what).or_default() += 1;
        }
        Ok(seen)
    }

    /// What became of one, which claims a mark of its own and shows a token: that goes upstream where
    /// the filter does not see the request, and else not.
    async fn see_one(&self, number: usize) -> Result<String> {
        let user = format!("user-{number}");
        let headers =
            [("x-user-id", user.as_bytes()), ("x-serin-variant", b"canary"), (TRY, b"serin1~k1")];
        let answer = raw::get(self.0.envoy.port(), HOST, "/", &headers).await?;
        if answer.status != 200 {
            return Ok(answer.status.to_string());
        }
        let shown: Shown = from_slice(&answer.body).context("no application")?;
        let (marks, tokens) = (shown.values("x-serin-variant"), shown.values(TRY));
        match (shown.name.as_str(), marks.as_slice(), tokens.as_slice()) {
            ("canary", ["canary"], []) => Ok("canary".to_owned()),
            (name, [], ["serin1~k1"]) => Ok(format!("{name}, unmarked")),
            (name, marks, tokens) => bail!("{name} with {marks:?} and {tokens:?}"),
        }
    }

    /// Waits until the canary serves everybody on every worker, and says how long that took.
    async fn is_whole(&self) -> Result<Duration> {
        until(async || Ok(self.see().await?.keys().eq(["canary"]))).await
    }
}

/// The built module, which traps where it is given a request with very many headers.
fn with_trap(scratch: &Scratch) -> Result<PathBuf> {
    const CALLBACK: &str = "proxy_on_request_headers";
    let mut module = Module::from_file(artifacts::module()?)?;
    let export = module.exports.iter().find(|it| it.name == CALLBACK).context(CALLBACK)?;
    let (id, ExportItem::Function(original)) = (export.id(), export.item) else {
        bail!("{CALLBACK} is no function");
    };
    let arguments = [(); 3].map(|()| module.locals.add(ValType::I32));
    let [context, headers, end] = arguments;
    let mut function = FunctionBuilder::new(&mut module.types, &[ValType::I32; 3], &[ValType::I32]);
    function
        .func_body()
        .local_get(headers)
        .i32_const(i32::try_from(MANY)?)
        .binop(BinaryOp::I32GeU)
        .if_else(
            None,
            |many| {
                many.unreachable();
            },
            |_| {},
        )
        .local_get(context)
        .local_get(headers)
        .local_get(end)
        .call(original);
    let function = function.finish(arguments.to_vec(), &mut module.funcs);
    module.exports.delete(id);
    module.exports.add(CALLBACK, function);
    scratch.write("trap.wasm", module.emit_wasm())
}
