//! Requests and web sockets that are under way when everybody goes back: they stay where they began,
//! and the next ones don't.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serin_tests::configuration::Configuration;
use serin_tests::delivery::Delivery;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::envoy::Envoy;
use serin_tests::scratch::Scratch;
use serin_tests::site::{APPLY_LIMIT, CANARY, STABLE, Site, see};
use serin_tests::source::Answer;
use serin_tests::webapp::Behaviour;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::until;

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
const USER: [(&str, &[u8]); 1] = [("x-user-id", b"u")];
/// Longer than a weight takes to every worker, in milliseconds.
const SLOW_MS: u64 = 6_000;
/// Longer than anything on loopback takes.
const LIMIT: Duration = Duration::from_secs(10);

fn shop(weight: &str) -> Rollout {
    Rollout::new(NAME, HOST).weight(weight)
}

#[tokio::test]
async fn a_request_under_way_is_answered_where_it_began() -> Result<()> {
    let site = Site::start(1, Answer::document(&document(1, &[]))).await?;
    site.publish(revision_now(), &[shop("100%")]).await?;
    site.canary.behave(Behaviour { latency_ms: SLOW_MS, ..Behaviour::healthy("v2") });
    let port = site.envoy()?.port();
    let under_way = tokio::spawn(async move { see(port, HOST, "/", &USER).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    site.publish(revision_now(), &[shop("0%")]).await?;
    let next = see(port, HOST, "/", &USER).await?;
    ensure!(next.name == "stable", "{next:?}");
    // The next one is counted, the one under way only once it has ended.
    let admin = site.envoy()?.admin();
    let counted = async |variant: &str| {
        admin.sum("serin_responses", &[("rollout", NAME), ("variant", variant)]).await
    };
    until(async || Ok(counted("stable").await? == Some(1.0))).await?;
    let of_canary = counted("canary").await?;
    ensure!(!under_way.is_finished(), "it was to be under way");
    ensure!(of_canary.is_none(), "counted before its end: {of_canary:?}");
    let shown = under_way.await??;
    ensure!(shown.name == "canary", "{shown:?}");
    until(async || Ok(counted("canary").await? == Some(1.0))).await?;
    Ok(())
}

#[tokio::test]
async fn a_websocket_stays_where_it_began() -> Result<()> {
    let scratch = Scratch::new()?;
    let (stable, canary) = (Echo::start("stable").await?, Echo::start("canary").await?);
    let delivery = Delivery::new(&scratch)?;
    delivery.write(&document(1, &[shop("100%")]))?;
    let configuration = Configuration::example("inline.yaml")?
        .replace(
            "use_remote_address: true",
            "use_remote_address: true\n          upgrade_configs: [{upgrade_type: websocket}]",
        )?
        .delivered(&delivery.file())?
        .port(STABLE, stable.port)?
        .port(CANARY, canary.port)?;
    let envoy = Envoy::start("envoy", &configuration, &scratch).await?;
    envoy.admin().applied(NAME, 1, APPLY_LIMIT).await?;

    let mut begun = WebSocket::open(envoy.port()).await?;
    ensure!(begun.ask().await? == "canary");
    delivery.write(&document(2, &[shop("0%")]))?;
    envoy.admin().applied(NAME, 2, APPLY_LIMIT).await?;
    ensure!(WebSocket::open(envoy.port()).await?.ask().await? == "stable");
    ensure!(begun.ask().await? == "canary", "it went on elsewhere");
    // What ends it is the end of its server.
    drop(canary);
    ensure!(begun.ask().await?.is_empty(), "it outlived its server");
    Ok(())
}

/// A connection that is no HTTP any more.
struct WebSocket(TcpStream);

impl WebSocket {
    async fn open(port: u16) -> Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {HOST}\r\nx-user-id: u\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let head = timeout(LIMIT, head(&mut stream)).await.context("no answer")??;
        ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
        Ok(Self(stream))
    }

    /// Asks for the server's name; empty where there is none any more.
    async fn ask(&mut self) -> Result<String> {
        // That it cannot be asked shows in the answer.
        let _ = self.0.write_all(b"?").await;
        let mut name = [0; 6];
        let read = timeout(LIMIT, self.0.read_exact(&mut name)).await.context("no answer")?;
        Ok(read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&name).into_owned()))
    }
}

/// Reads to the empty line that ends a header.
async fn head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A server that takes every upgrade and says its name for each byte that it is sent.
struct Echo {
    port: u16,
    task: JoinHandle<()>,
}

impl Echo {
    async fn start(name: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    // A proxy that goes away is none of the server's business.
                    let _ = echo(stream, name).await;
                });
            }
        });
        Ok(Self { port, task })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn echo(mut stream: TcpStream, name: &str) -> Result<()> {
    head(&mut stream).await?;
    let answer =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    stream.write_all(answer.as_bytes()).await?;
    loop {
        stream.read_u8().await?;
        stream.write_all(name.as_bytes()).await?;
    }
}
