//! What it costs to ask for a mark: `serin serve-assign` beside a server that answers 204 to
//! everything, each a process of its own with as many threads as there are cores, in short rounds in
//! turn, so that what else the machine does hits all alike.

mod load;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http_body_util::Full;
use hyper::Response;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::ports;
use serin_tests::process::Process;
use serin_tests::proxies::ServeAssign;
use serin_tests::scratch::Scratch;
use serin_tests::serve::Server;
use serin_tests::source::{Answer, Source};

use load::{Measured, Round};

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_secs(2);
/// As a proxy with as many workers keeps them.
const CONNECTIONS: usize = 16;

/// The argument by which this program is the server that is compared with.
const BARE: &str = "--bare";

/// One line of the table.
struct Line {
    name: &'static str,
    port: u16,
    /// Its processor time is asked for by its id.
    process: usize,
    measured: Measured,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => measure().await,
        [bare, port] if bare == BARE => serve(port.parse()?).await,
        other => bail!("no arguments, not {other:?}"),
    }
}

/// Answers 204 to everything, for ever.
async fn serve(port: u16) -> Result<()> {
    let empty = |_| async {
        let mut response = Response::new(Full::default());
        *response.status_mut() = hyper::StatusCode::NO_CONTENT;
        response
    };
    let _server = Server::start(port, empty).await?;
    std::future::pending().await
}

async fn measure() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut sources = Vec::new();
    let mut endpoints = Vec::new();
    for rollouts in [1, 100] {
        let source = Source::start(Answer::document(&rollouts_of(rollouts))).await?;
        let folder = Scratch::named(&scratch.folder(&format!("{rollouts}"))?)?;
        endpoints.push(ServeAssign::start(ports::free()?, source.port(), &folder).await?);
        sources.push(source);
    }
    let port = ports::free()?;
    let program = std::env::current_exe().context("this program's own path")?;
    let arguments = [BARE.to_owned(), port.to_string()];
    let mut bare = Process::start("bare", &program, arguments, scratch.path())?;
    bare.ready(Duration::from_secs(10), || async move {
        serin_tests::http::get(port, "/").await.is_ok()
    })
    .await?;
    let line = |name, port, process| Line { name, port, process, measured: Measured::default() };
    let mut lines = vec![line("a server that answers 204", port, 0)];
    let names = ["serve-assign, 1 rollout", "serve-assign, 100 rollouts"];
    for (nth, (name, endpoint)) in names.into_iter().zip(&endpoints).enumerate() {
        lines.push(line(name, endpoint.port(), nth + 1));
    }
    let mut processes = vec![&mut bare];
    processes.extend(endpoints.iter_mut().map(ServeAssign::process));
    for _ in 0..ROUNDS {
        for line in &mut lines {
            let process = processes.get(line.process).context("a process")?;
            let before = process.cpu_time()?;
            let mut round = Round::run(line.port, CONNECTIONS, ROUND).await?;
            round.processor = process.cpu_time()?.saturating_sub(before);
            line.measured.add(round);
        }
    }
    print(&lines);
    Ok(())
}

fn rollouts_of(count: usize) -> serde_json::Value {
    let rollouts: Vec<Rollout> = (0..count)
        .map(|number| {
            // The one that is asked for is in the middle.
            let host = if number == count / 2 { "shop".to_owned() } else { format!("s{number}") };
            Rollout::new(&format!("shop/{host}"), &format!("{host}.example.com")).weight("50%")
        })
        .collect();
    document(revision_now(), &rollouts)
}

fn print(lines: &[Line]) {
    println!(
        "{ROUNDS} rounds of {ROUND:?} each in turn, {CONNECTIONS} connections as fast as they can; \
         medians of the rounds\n"
    );
    println!("| | requests/s | p50 | p99 | processor time a request |");
    println!("|---|---|---|---|---|");
    for line in lines {
        println!("| {} | {} |", line.name, line.measured.told());
    }
}
