//! What happens: a good version that goes all the way, then a bad one that does not.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serin_tests::controller::Status;

use crate::screen::Screen;
use crate::stage::{RELEASE, Stage};

/// Often enough to follow, rarely enough to read.
const REDRAW: Duration = Duration::from_millis(500);
/// Five steps of 8 s, each with its proof and its readings, twice over for a busy machine.
const ACT_LIMIT: Duration = Duration::from_secs(110);
/// A rollback, its proof of three scrapes, and reserve.
const SHORT_LIMIT: Duration = Duration::from_secs(40);
/// How long the bad version looks good.
const GOOD_AT_FIRST: Duration = Duration::from_secs(3);
/// The share of the bad version's requests that fail.
const ERROR_RATE: f64 = 0.3;
/// How long the load goes on after an act, to see whether anything still reaches the canary.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// The phase in which each act ended.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) reached_full: bool,
    pub(crate) first: String,
    pub(crate) second: String,
}

/// Plays both acts.
pub(crate) async fn play(stage: &mut Stage, screen: &mut Screen) -> Result<Ends> {
    let (reached_full, first) = good_version(stage, screen).await?;
    if first != "Succeeded" {
        return Ok(Ends { reached_full, first, second: "not played".to_owned() });
    }
    let second = bad_version(stage, screen).await?;
    Ok(Ends { reached_full, first, second })
}

/// v2 is as good as v1: 5, 25, 50, 75, 100 %, then stable becomes v2 and takes the traffic back.
async fn good_version(stage: &mut Stage, screen: &mut Screen) -> Result<(bool, String)> {
    let act = "Act 1: v2 is fine";
    let ended = |s: &Status| s.is("Promoting") || s.is("RolledBack") || s.is("Succeeded");
    let status = follow(stage, screen, act, ACT_LIMIT, ended).await?;
    let reached_full = status.is("Promoting") && status.weight == "100%";
    if !reached_full {
        return Ok((false, status.phase.unwrap_or_default()));
    }
    screen.note("all steps held: stable is brought to v2, then `serin approve demo/shop`");
    let folder = stage.folder().to_path_buf();
    stage.stable.deploy("v2", &folder).await?;
    let answer = stage.api().command(RELEASE, "approve").await?;
    ensure!(answer.status == 200, "approve: {} {}", answer.status, answer.text());
    let done = |s: &Status| s.is("Succeeded") || s.frozen;
    let status = follow(stage, screen, act, SHORT_LIMIT, done).await?;
    linger(stage, screen, act).await?;
    Ok((true, status.phase.unwrap_or_default()))
}

/// v3 looks good at first, then three in ten of its answers are errors.
async fn bad_version(stage: &mut Stage, screen: &mut Screen) -> Result<String> {
    let act = "Act 2: v3 is bad";
    screen.note("v3 is deployed to the canary");
    let folder = stage.folder().to_path_buf();
    stage.canary.deploy("v3", &folder).await?;
    stage.release("v3")?;
    let live = |s: &Status| s.version == "v3" && s.step_clock.is_some();
    follow(stage, screen, act, SHORT_LIMIT, live).await?;
    let good = Instant::now();
    follow(stage, screen, act, SHORT_LIMIT, |_| good.elapsed() > GOOD_AT_FIRST).await?;
    screen.note("v3 starts to fail: three in ten of its answers are errors");
    stage.canary.fail(ERROR_RATE).await?;
    let ended = |s: &Status| s.is("RolledBack") || s.is("Promoting") || s.is("Succeeded");
    let status = follow(stage, screen, act, ACT_LIMIT, ended).await?;
    linger(stage, screen, act).await?;
    Ok(status.phase.unwrap_or_default())
}

/// Shows what goes on until `wanted` holds.
async fn follow(
    stage: &Stage,
    screen: &mut Screen,
    act: &str,
    limit: Duration,
    wanted: impl Fn(&Status) -> bool,
) -> Result<Status> {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(REDRAW);
    loop {
        ticks.tick().await;
        // Right after its start the controller may not know its state yet.
        let status = match stage.api().status(RELEASE).await {
            Ok(status) => status,
            Err(_) if start.elapsed() < limit => continue,
            Err(error) => return Err(error),
        };
        screen.show(act, &status, stage);
        if wanted(&status) {
            return Ok(status);
        }
        if start.elapsed() > limit {
            bail!("{act}: not over after {limit:?}; the controller says: {}", status.message);
        }
    }
}

async fn linger(stage: &Stage, screen: &mut Screen, act: &str) -> Result<()> {
    let start = Instant::now();
    follow(stage, screen, act, SHORT_LIMIT, |_| start.elapsed() > AFTERWARDS).await?;
    Ok(())
}

/// Goes on until a signal ends the program, or a part of the stage ends by itself.
pub(crate) async fn keep_playing(stage: &mut Stage) -> Result<()> {
    loop {
        tokio::time::sleep(REDRAW).await;
        stage.all_running()?;
    }
}
