//! The registry of the module is down: what the real agent then has a proxy do, under each of Istio's
//! three strategies; a proxy that has the filter, and one that starts meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};
use serin_cluster::agent::Agent;
use serin_cluster::cluster::Cluster;
use serin_cluster::objects::Shares;
use serin_cluster::proxy::Proxy;
use serin_cluster::shop::{Door, LIMIT, Shop, route};
use serin_tests::http;
use serin_tests::serve::Server;
use serin_tests::webapp::NAME_HEADER;
use tokio::time::sleep;

/// What a user and one who claims to be on the canary get where the document sends everybody there.
const MARKED: [&str; 2] = ["canary", "canary"];
/// The same where nobody is marked: by the route's last entry, and by a mark that nobody removes.
const UNMARKED: [&str; 2] = ["stable", "canary"];
const REFUSED: [&str; 2] = ["403 RBAC: access denied"; 2];
/// Before there is a rollout.
const NONE: [&str; 2] = ["stable", "stable"];
/// Pairs over connections of their own, so that both workers get some.
const EACH_WORKER: usize = 20;
/// Longer than the agent leaves between two tries.
const WHILE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_module_that_cannot_be_fetched_means_403_or_no_marks_by_the_strategy() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let registry = Registry::down().await?;
    let agent = Agent::start(cluster, "agent").await?;
    let shop = Shop::before_a_rollout_by(cluster, "unfetched", agent.port()).await?;
    shop.namespace.apply(&route(Shares::serving(0)).to_string()).await?;
    let [_, running] = shop.doors();
    for (strategy, then) in
        [("FAIL_CLOSE", REFUSED), ("FAIL_OPEN", UNMARKED), ("FAIL_RELOAD", REFUSED)]
    {
        // The module lies on disk.
        apply(&shop, None, strategy).await?;
        becomes(running, &[NONE, UNMARKED, REFUSED], MARKED).await?;
        let (start, before) = (Instant::now(), registry.asked());
        apply(&shop, Some(&registry), strategy).await?;
        // Until its agent gives up, the filter goes on, and a new proxy does not take requests.
        let starting = async {
            let agent = Agent::start(cluster, &format!("agent-{strategy}")).await?;
            let proxy = Proxy::sidecar(&shop.namespace, agent.port()).await?;
            becomes(Door { proxy: &proxy, host: running.host }, &[then], then).await
        };
        tokio::try_join!(becomes(running, &[MARKED], then), starting)?;
        println!("{strategy}: {then:?} after {:?}", start.elapsed());
        ensure!(registry.asked() > before, "nobody asked the registry: {}", agent.log());
    }

    // By itself the agent asks no more; it does with the next change, and where the proxy's connection is
    // made anew.
    let asked = registry.asked();
    sleep(WHILE).await;
    ensure!(registry.asked() == asked, "asked again: {}", agent.log());
    apply(&shop, Some(&registry), "FAIL_OPEN").await?;
    becomes(running, &[REFUSED], UNMARKED).await?;
    ensure!(registry.asked() > asked, "not asked again: {}", agent.log());
    let asked = registry.asked();
    agent.break_connection().await;
    registry.is_asked(asked).await.with_context(|| agent.log())
}

/// The sidecar's `WasmPlugin` with everybody on the canary, from this registry or from disk.
async fn apply(shop: &Shop, registry: Option<&Registry>, strategy: &str) -> Result<()> {
    let (_, mut plugin) = shop.plugin(100)?;
    let spec = plugin.get_mut("spec").and_then(Value::as_object_mut).context("no spec")?;
    // The gateway has no agent.
    spec.insert("selector".to_owned(), json!({"matchLabels": {"app": "client"}}));
    spec.insert("failStrategy".to_owned(), json!(strategy));
    if let Some(registry) = registry {
        spec.insert("url".to_owned(), json!(registry.image()));
    }
    shop.namespace.apply(&plugin.to_string()).await
}

/// Waits until all get this, and has nobody get anything but what was there before.
async fn becomes(door: Door<'_>, before: &[[&str; 2]], then: [&str; 2]) -> Result<()> {
    let (start, mut in_a_row) = (Instant::now(), 0);
    while in_a_row < EACH_WORKER {
        let seen = [ask(door, None).await?, ask(door, Some("canary")).await?];
        for (seen, (who, then)) in seen.iter().zip(then.iter().enumerate()) {
            let known = seen == then || before.iter().any(|pair| pair.get(who) == Some(&&**seen));
            ensure!(known, "{seen}, neither {before:?} nor {then}");
        }
        in_a_row = if seen == then { in_a_row + 1 } else { 0 };
        ensure!(start.elapsed() < LIMIT, "{seen:?}, not {then:?}, after {LIMIT:?}");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What a user gets, who may claim a mark.
async fn ask(door: Door<'_>, mark: Option<&str>) -> Result<String> {
    let mut headers = vec![("host", door.host), ("x-user-id", "anybody")];
    headers.extend(mark.map(|mark| ("x-serin-variant", mark)));
    let request = http::request(Method::GET, "/", &headers, "")?;
    let answer = door.connect().await?.send(request, LIMIT).await?;
    Ok(match answer.header(NAME_HEADER) {
        Some(name) if answer.status == 200 => name.to_owned(),
        _ => format!("{} {}", answer.status, answer.text()),
    })
}

/// A registry that says to everybody that it is out of order.
struct Registry {
    server: Server,
    asked: Arc<AtomicUsize>,
}

impl Registry {
    async fn down() -> Result<Self> {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let server = Server::start(0, move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            std::future::ready(answer)
        });
        Ok(Self { server: server.await?, asked })
    }

    fn image(&self) -> String {
        format!("oci://127.0.0.1:{}/serin-filter:1.0", self.server.port())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it is asked more often.
    async fn is_asked(&self, before: usize) -> Result<()> {
        let start = Instant::now();
        while self.asked() == before {
            ensure!(start.elapsed() < LIMIT, "nobody asked the registry in {LIMIT:?}");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}
