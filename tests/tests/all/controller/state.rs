//! The stored state: held by one controller, never guessed, never overwritten where it cannot be
//! read. `serin status --watch` watches all the while.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use serin_tests::artifacts;
use serin_tests::controller::{Controller, Status};
use serin_tests::process::Process;
use serin_tests::shop::{RELEASE, Shop};

use super::LIMIT;

const STEPS: &str = "[{weight: 20%, bake: 1h}, {weight: 100%, bake: 1h}]";
/// A refusal comes before anything is asked or served.
const REFUSED: Duration = Duration::from_secs(15);
/// The exit codes that `serin --help` names.
const FAILED: i32 = 1;
const HELD: i32 = 6;
/// What `serin status --watch` says of a controller that it cannot reach.
const AWAY: &str = "no controller answers at http://127.0.0.1:";

#[tokio::test]
async fn state_is_held_by_one_and_never_guessed() -> Result<()> {
    let shop = Shop::start(STEPS).await?;
    let controller = shop.control().await?;
    let mut watching = watching(&shop)?;
    controller.api().until(RELEASE, LIMIT, |s| s.step_clock.is_some()).await?;

    let controller = held(&shop, controller).await.context("a second controller")?;
    let controller =
        unusable(&shop, controller, &mut watching).await.context("state that cannot be read")?;
    let controller = lost(&shop, controller).await.context("state that was lost")?;

    controller.api().until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    watched(&mut watching).await.context("serin status --watch")?;
    shop.judge()?;
    Ok(())
}

/// The second one says who has the state, and goes; the first one goes on.
async fn held(shop: &Shop, mut first: Controller) -> Result<Controller> {
    let mut second = shop.launch_second()?;
    let status = second.process().wait(REFUSED).await?;
    let said = second.process().log();
    ensure!(status.code() == Some(HELD), "{status}: {said}");
    let holder = format!("held by another controller: process {} on ", first.process().id());
    ensure!(said.contains(&holder), "{said}");
    ensure!(first.api().status(RELEASE).await?.weight == "20%");
    Ok(first)
}

/// Refused with the file's name, and left as it is.
async fn unusable(
    shop: &Shop,
    mut controller: Controller,
    watching: &mut Process,
) -> Result<Controller> {
    controller.process().kill()?;
    let file = shop.state_file();
    let good = fs::read_to_string(&file)?;
    let half = good.split_at(good.len() / 2).0.to_owned();
    let newer = good.replacen("\"formatVersion\": 1", "\"formatVersion\": 99", 1);
    let unknown = good.replacen('{', "{\"zzzzzz\": 1,", 1);
    let bad = [
        ("", "no JSON"),
        (&half, "no JSON"),
        (&newer, "formatVersion is 99"),
        (&unknown, "zzzzzz"),
    ];
    for (number, (content, why)) in bad.into_iter().enumerate() {
        fs::write(&file, content)?;
        let mut refusing = shop.launch_second()?;
        let status = refusing.process().wait(REFUSED).await?;
        let said = refusing.process().tail();
        ensure!(status.code() == Some(FAILED), "{number}: {status}: {said}");
        let named = said.contains(&file.display().to_string()) && said.contains(why);
        ensure!(named && said.contains("stays as it is"), "{number}: {said}");
        ensure!(fs::read_to_string(&file)? == content, "{number}: the file was changed");
    }
    fs::write(&file, good)?;
    // Looks once a second, so that a shorter absence would not be seen.
    until_said(watching, AWAY).await?;
    shop.control().await
}

/// The weight in force stays, nothing rises, and a person can still send everyone back.
async fn lost(shop: &Shop, mut controller: Controller) -> Result<Controller> {
    let api = controller.api();
    let before = api.until(RELEASE, LIMIT, |s| s.step_clock.is_some()).await?;
    controller.process().kill()?;
    fs::remove_file(shop.state_file())?;

    let controller = shop.control().await?;
    let live = |s: &Status| s.paused.is_some() && s.step_clock.is_some();
    let status = api.until(RELEASE, LIMIT, live).await?;
    ensure!(status.paused == Some(Value::from("stateLost")), "{status:?}");
    ensure!(
        status.weight == "20%" && status.canary_serves && status.is("Progressing"),
        "{status:?}"
    );
    ensure!(status.revision > before.revision, "{} after {}", status.revision, before.revision);
    ensure!(
        status.alerts.iter().any(|alert| alert.get("name").is_some_and(|name| name == "StateLost")),
        "{status:?}"
    );

    let answer = api.command(RELEASE, "abort").await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    ensure!(answer.json::<Status>()?.weight == "0%");
    Ok(controller)
}

fn watching(shop: &Shop) -> Result<Process> {
    let server = format!("http://127.0.0.1:{}", shop.port());
    let args = ["status", RELEASE, "--watch", "--output", "json", "--server", &server];
    Process::start("watch", &artifacts::serin()?, args.map(str::to_owned), shop.scratch.path())
}

/// It has outlived the time without a controller, and its JSON is one object a line.
async fn watched(watching: &mut Process) -> Result<()> {
    let back = until_said(watching, "the controller answers again").await?;
    ensure!(back.contains(AWAY), "{back}");
    let log = until_said(watching, "\"phase\":\"RolledBack\"").await?;
    for line in log.lines().filter(|line| line.starts_with('{')) {
        let status: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        ensure!(status.get("name").is_some_and(|name| name == "shop"), "{line}");
    }
    Ok(())
}

/// Waits until a process has written this; gives all that it has written.
async fn until_said(process: &mut Process, text: &str) -> Result<String> {
    let start = Instant::now();
    loop {
        let log = process.log();
        if log.contains(text) {
            return Ok(log);
        }
        let ended = process.ended()?;
        ensure!(ended.is_none() && start.elapsed() < LIMIT, "{ended:?}, no {text}: {log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
