//! Nobody answers any more: proxies go by their own weights, and no request fails.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::Signal;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::http;
use serin_tests::ports;
use serin_tests::proxies::{Around, HaProxy, Nginx, ServeAssign};
use serin_tests::scratch::Scratch;
use serin_tests::source::{Answer, Source};
use serin_tests::steady::{self, Profile, Seen, Steady};
use serin_tests::webapp::{Behaviour, WebApp};

const HOST: &str = "shop.example.com";
const USERS: u32 = 500;
/// Long enough for thousands of requests.
const STRETCH: Duration = Duration::from_secs(3);
/// How long the examples wait for an answer.
const PATIENCE: Duration = Duration::from_millis(250);

struct Site {
    stable: WebApp,
    canary: WebApp,
    source: Source,
    scratch: Scratch,
    around: Around,
}

impl Site {
    /// All users are on the canary by their mark, and nobody by the proxies' own weights.
    async fn start() -> Result<Self> {
        let stable = WebApp::start("stable", 0, Behaviour::healthy("v1")).await?;
        let canary = WebApp::start("canary", 0, Behaviour::healthy("v2")).await?;
        let all = Rollout::new("shop/checkout", HOST).weight("100%");
        let source = Source::start(Answer::document(&document(revision_now(), &[all]))).await?;
        let (scratch, assign) = (Scratch::new()?, ports::free()?);
        let around = Around { stable: stable.port(), canary: canary.port(), assign };
        Ok(Self { stable, canary, source, scratch, around })
    }

    async fn assign(&self) -> Result<ServeAssign> {
        ServeAssign::start(self.around.assign, self.source.port(), &self.scratch).await
    }

    /// An endpoint that answers, and a load that has had its answers for a while.
    async fn under_load(&self, port: u16) -> Result<(ServeAssign, Steady)> {
        let assign = self.assign().await?;
        // The proxy was there before it, and looks for it twice a second.
        tokio::time::sleep(STRETCH / 2).await;
        let load = Steady::start(&Profile {
            port,
            host: HOST.to_owned(),
            users: USERS,
            connections: 8,
            every: Duration::from_millis(20),
        });
        tokio::time::sleep(STRETCH).await;
        Ok((assign, load))
    }

    /// Has the endpoint hang under load, which still takes connections and says nothing, and go on
    /// again. Gives how long a request took meanwhile, too.
    async fn hang_under_load(&self, port: u16) -> Result<(Vec<Seen>, Duration)> {
        let (mut assign, load) = self.under_load(port).await?;
        assign.process().signal(Signal::STOP)?;
        tokio::time::sleep(STRETCH).await;
        let request = http::request(hyper::Method::GET, "/", &[("host", HOST)], "")?;
        let start = Instant::now();
        let answer = http::send(port, request).await?;
        let took = start.elapsed();
        ensure!(answer.status == 200, "{answer:?}");
        assign.process().signal(Signal::CONT)?;
        tokio::time::sleep(STRETCH).await;
        Ok((load.stop().await, took))
    }

    /// Kills the endpoint under load, and brings it back.
    async fn kill_under_load(&self, port: u16) -> Result<Vec<Seen>> {
        let (mut assign, load) = self.under_load(port).await?;
        assign.process().kill()?;
        tokio::time::sleep(STRETCH).await;
        drop(assign);
        let _again = self.assign().await?;
        tokio::time::sleep(STRETCH).await;
        Ok(load.stop().await)
    }
}

/// No request has failed; while somebody answered most were on the canary, and the others on stable.
fn judge(seen: &[Seen], log: &str) -> Result<()> {
    let shares = steady::shares(seen, log)?;
    println!("{} requests; on the canary: {shares:?}", seen.len());
    // On a busy machine an answer may come too late, which is as good as none.
    ensure!(shares.first > 50 && shares.last > 50, "{shares:?}");
    // How many did hangs on how long the proxy tries a dead endpoint before it does without.
    ensure!(shares.all < shares.first.min(shares.last), "{shares:?}: nobody fell back");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_goes_by_its_weights_while_the_endpoint_is_dead_and_fails_no_request() -> Result<()> {
    let site = Site::start().await?;
    let nginx = Nginx::start(site.around, &site.scratch).await?;
    let seen = site.kill_under_load(nginx.port()).await?;
    judge(&seen, &nginx.log())?;
    ensure!(site.stable.answered() > 0 && site.canary.answered() > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_goes_by_its_weights_while_the_endpoint_is_dead_and_fails_no_request() -> Result<()>
{
    let site = Site::start().await?;
    let haproxy = HaProxy::start(site.around, &site.scratch).await?;
    judge(&site.kill_under_load(haproxy.port()).await?, &haproxy.log())
}

/// Of a dead endpoint the connection is refused at once; only one that hangs makes a proxy wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_waits_for_an_endpoint_that_hangs_no_longer_than_it_says_and_fails_no_request()
-> Result<()> {
    let site = Site::start().await?;
    let nginx = Nginx::start(site.around, &site.scratch).await?;
    let (seen, took) = site.hang_under_load(nginx.port()).await?;
    judge(&seen, &nginx.log())?;
    ensure!(took >= PATIENCE, "{took:?}: nobody waited");
    ensure!(nginx.log().contains("upstream timed out"), "{}", nginx.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_goes_by_its_weights_while_the_endpoint_hangs_and_fails_no_request() -> Result<()> {
    let site = Site::start().await?;
    let haproxy = HaProxy::start(site.around, &site.scratch).await?;
    let (seen, _) = site.hang_under_load(haproxy.port()).await?;
    judge(&seen, &haproxy.log())
}
