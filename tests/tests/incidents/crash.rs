//! The module crashes: what its worker's requests get under each of the three policies.
//!
//! Nothing that a request can say makes the filter crash, so it is made to: the real module, in
//! whose callback a trap waits for requests with very many headers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::from_slice;
use serin_tests::artifacts;
use serin_tests::configuration::Configuration;
use serin_tests::delivery::{Delivery, FailurePolicy};
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::raw;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, STABLE};
use serin_tests::webapp::{Behaviour, Shown, WebApp};
use walrus::ir::BinaryOp;
use walrus::{ExportItem, FunctionBuilder, Module, ValType};

use crate::until;

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
/// Far more headers than any other request here has, and fewer than the 100 that Envoy allows.
const MANY: usize = 60;
/// Requests over connections of their own, so that both workers get some: the chance that one gets
/// none of 40 is 2 in 10^12.
const EACH_WORKER: usize = 40;
/// Well over the second after which `FAIL_RELOAD` loads the module anew.
const LATER: Duration = Duration::from_secs(3);

#[tokio::test]
async fn fail_closed_answers_503_until_there_is_a_new_configuration() -> Result<()> {
    let site = Site::start(FailurePolicy::Closed).await?;
    site.crash().await?;
    for moment in ["at once", "later"] {
        let seen = site.see().await?;
        ensure!(seen.contains_key("503"), "{moment}: {seen:?}");
        ensure!(seen.keys().all(|key| ["503", "canary"].contains(&key.as_str())), "{seen:?}");
        tokio::time::sleep(LATER).await;
    }
    site.deliver(2)?;
    site.is_whole().await.map(drop)
}

#[tokio::test]
async fn fail_open_lets_requests_pass_unmarked_until_there_is_a_new_configuration() -> Result<()> {
    let site = Site::start(FailurePolicy::Open).await?;
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
    let site = Site::start(FailurePolicy::Reload).await?;
    site.crash().await?;
    let seen = site.see().await?;
    ensure!(seen.contains_key("503"), "{seen:?}");
    let took = site.is_whole().await?;
    println!("FAIL_RELOAD: every worker marks again after {took:?}");
    Ok(())
}

/// A proxy whose module can be made to crash, with everybody on the canary.
struct Site {
    envoy: Envoy,
    delivery: Delivery,
    _apps: [WebApp; 2],
    _scratch: Scratch,
}

impl Site {
    async fn start(policy: FailurePolicy) -> Result<Self> {
        let scratch = Scratch::new()?;
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let delivery = Delivery::new(&scratch)?.with(&with_trap(&scratch)?, policy);
        delivery.write(&document(1, &[Rollout::new(NAME, HOST).weight("100%")]))?;
        let configuration = Configuration::example("inline.yaml")?
            .delivered(&delivery.file())?
            .port(STABLE, stable.port())?
            .port(CANARY, canary.port())?;
        let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
        envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;
        let site = Self { envoy, delivery, _apps: [stable, canary], _scratch: scratch };
        site.is_whole().await?;
        Ok(site)
    }

    fn deliver(&self, revision: u64) -> Result<()> {
        let everybody = Rollout::new(NAME, HOST).weight("100%");
        self.delivery.write(&document(revision, &[everybody]))
    }

    /// The request that meets the trap gets 503 under each of the policies.
    async fn crash(&self) -> Result<()> {
        let names: Vec<String> = (0..MANY).map(|number| format!("x-{number}")).collect();
        let headers: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), b"1".as_slice())).collect();
        let answer = raw::get(self.envoy.port(), HOST, "/", &headers).await?;
        ensure!(answer.status == 503, "the module's crash: {}", answer.status);
        Ok(())
    }

    /// What became of many requests, each of which claims a mark of its own.
    async fn see(&self) -> Result<BTreeMap<String, usize>> {
        let mut seen = BTreeMap::new();
        for number in 0..EACH_WORKER {
            let user = format!("user-{number}");
            let headers = [("x-user-id", user.as_bytes()), ("x-serin-variant", b"canary")];
            let answer = raw::get(self.envoy.port(), HOST, "/", &headers).await?;
            let what = match answer.status {
                200 => {
                    let shown: Shown = from_slice(&answer.body).context("no application")?;
                    match (shown.name.as_str(), shown.values("x-serin-variant").as_slice()) {
                        ("canary", ["canary"]) => "canary".to_owned(),
                        (name, []) => format!("{name}, unmarked"),
                        (name, marks) => bail!("{name} with {marks:?}"),
                    }
                }
                other => other.to_string(),
            };
            *seen.entry(what).or_default() += 1;
        }
        Ok(seen)
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
