//! What happens: a good version goes all the way and a bad one does not; then two that look bad to
//! anybody who only counts errors, and are as good as the one before.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serin_assignment::Salt;
use serin_tests::clock::now_us;
use serin_tests::controller::Status;
use serin_tests::demo::ends::{Ends, side_by_side};
use serin_tests::demo::script::{
    AFTERWARDS, ERROR_RATE, GOOD_AT_FIRST, NOISE, stranger_on_the_canary,
};
use serin_tests::demo::threshold;
use serin_tests::load::user_id;

use crate::screen::Screen;
use crate::stage::{RELEASE, Stage};

/// Often enough to follow, rarely enough to read.
const REDRAW: Duration = Duration::from_millis(500);
/// Five steps of 8 s, each with its proof and its readings, twice over for a busy machine.
const ACT_LIMIT: Duration = Duration::from_secs(110);
/// A rollback, its proof of three scrapes, and reserve.
const SHORT_LIMIT: Duration = Duration::from_secs(40);

/// Plays the acts; one that does not end as it should is the last.
pub(crate) async fn play(stage: &mut Stage, screen: &mut Screen) -> Result<Ends> {
    let mut ends = Ends::default();
    let (reached_full, phase) = to_the_end(stage, screen, "Act 1: v2 is fine", "v2").await?;
    ends.reached_full = reached_full;
    if ends.note(phase)
        && bad_version(stage, screen, &mut ends).await?
        && noisy_version(stage, screen, &mut ends).await?
    {
        broken_client(stage, screen, &mut ends).await?;
    }
    Ok(ends)
}

/// v3 looks good at first, then three in ten of its answers are errors.
async fn bad_version(stage: &mut Stage, screen: &mut Screen, ends: &mut Ends) -> Result<bool> {
    let act = "Act 2: v3 is bad";
    ends.second_us.0 = now_us();
    ship(stage, screen, act, "v3").await?;
    let good = Instant::now();
    follow(stage, screen, act, SHORT_LIMIT, |_| good.elapsed() > GOOD_AT_FIRST).await?;
    screen.note("v3 starts to fail: three in ten of its answers are errors");
    stage.canary.fail(ERROR_RATE).await?;
    let ended = |s: &Status| s.is("RolledBack") || s.is("Promoting") || s.is("Succeeded");
    let status = follow(stage, screen, act, ACT_LIMIT, ended).await?;
    linger(stage, screen, act).await?;
    let harm = status.decisions.iter().rfind(|decision| decision.reason == "Harm");
    ends.evidence = harm.map(|decision| decision.message.clone());
    ends.second_us.1 = now_us();
    Ok(ends.note(status.phase.unwrap_or_default()))
}

/// v4 is what v2 is, in bad weather: one request in fifty fails on either side.
async fn noisy_version(stage: &mut Stage, screen: &mut Screen, ends: &mut Ends) -> Result<bool> {
    let act = "Act 3: v4 is as noisy as v2";
    screen.note("bad weather: 2 % of all requests fail from now on, whoever serves them");
    stage.stable.noise(NOISE).await?;
    ship(stage, screen, act, "v4").await?;
    stage.canary.noise(NOISE).await?;
    let start_us = now_us();
    let (_, phase) = to_the_end(stage, screen, act, "v4").await?;
    stage.canary.noise(0.0).await?;
    let after = threshold::rolls_back_after(&[&stage.load.records()], start_us);
    screen.note(&side_by_side(after, &phase));
    ends.threshold_after[0] = after;
    Ok(ends.note(phase))
}

/// v5 is fine, and one of its users sends what no version can serve.
async fn broken_client(stage: &mut Stage, screen: &mut Screen, ends: &mut Ends) -> Result<bool> {
    let act = "Act 4: a broken client at v5";
    let status = ship(stage, screen, act, "v5").await?;
    let salt = Salt::new(&status.salt.context("the status names no salt")?)?;
    let (client, assignment) = stranger_on_the_canary(&salt)?;
    let cohort = assignment.cohort.get();
    ends.cohort = Some(cohort);
    screen.note(&format!(
        "a client of the canary breaks: {} (cohort {cohort}) fails with every request",
        user_id(client)
    ));
    let start_us = now_us();
    let broken = stage.broken_client(client);
    let over = |s: &Status| s.is("Promoting") || s.is("RolledBack");
    let status = follow(stage, screen, act, ACT_LIMIT, over).await?;
    let records = broken.stop().await;
    let names = format!("without cohort {cohort}: it comes from there alone");
    let naming = status.decisions.iter().find(|decision| {
        decision.at > first_of(&status, "v5") && decision.message.contains(&names)
    });
    ends.named = naming.map(|decision| decision.message.clone());
    let after = threshold::rolls_back_after(&[&stage.load.records(), &records], start_us);
    let (_, phase) = to_the_end(stage, screen, act, "v5").await?;
    screen.note(&side_by_side(after, &phase));
    ends.threshold_after[1] = after;
    Ok(ends.note(phase))
}

/// Deploys a version to the canary, names it in the release and waits until users are on it.
async fn ship(stage: &mut Stage, screen: &mut Screen, act: &str, version: &str) -> Result<Status> {
    screen.note(&format!("{version} is deployed to the canary"));
    let folder = stage.folder().to_path_buf();
    stage.canary.deploy(version, &folder).await?;
    stage.release(version)?;
    let live = |s: &Status| s.version == version && s.step_clock.is_some();
    follow(stage, screen, act, SHORT_LIMIT, live).await
}

/// Follows a version up to 100 %; then stable becomes it and takes the traffic back. Whether it
/// reached 100 %, and the phase in which it ended.
async fn to_the_end(
    stage: &mut Stage,
    screen: &mut Screen,
    act: &str,
    version: &str,
) -> Result<(bool, String)> {
    let ended = |s: &Status| s.is("Promoting") || s.is("RolledBack") || s.is("Succeeded");
    let status = follow(stage, screen, act, ACT_LIMIT, ended).await?;
    let reached_full = status.is("Promoting") && status.weight == "100%";
    if !reached_full {
        return Ok((false, status.phase.unwrap_or_default()));
    }
    screen.note(&format!(
        "all steps held: stable is brought to {version}, then `serin approve {RELEASE}`"
    ));
    let folder = stage.folder().to_path_buf();
    stage.stable.deploy(version, &folder).await?;
    let answer = stage.api().command(RELEASE, "approve").await?;
    ensure!(answer.status == 200, "approve: {} {}", answer.status, answer.text());
    let done = |s: &Status| s.is("Succeeded") || s.frozen;
    let status = follow(stage, screen, act, SHORT_LIMIT, done).await?;
    linger(stage, screen, act).await?;
    Ok((true, status.phase.unwrap_or_default()))
}

/// When the rollout of this version began; stamps of one form compare as text.
fn first_of(status: &Status, version: &str) -> String {
    let first = status
        .decisions
        .iter()
        .rfind(|decision| decision.reason == "NewVersion" && decision.message.contains(version));
    first.map(|decision| decision.at.clone()).unwrap_or_default()
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
