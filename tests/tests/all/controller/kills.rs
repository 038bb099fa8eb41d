//! Killed without warning as soon as anything new is stored, again and again: the rollout ends as
//! it would have.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serin_assignment::Weight;
use serin_tests::shop::Shop;
use serin_tests::stored::{Follower, Stored, every_step_baked, rises_strictly};

/// Twelve seconds of it are bake time and proofs, the rest starts.
const LIMIT: Duration = Duration::from_mins(2);
/// How often one looks whether the controller has ended by itself.
const LOOK: Duration = Duration::from_secs(1);
/// The time of every step.
const BAKE: Duration = Duration::from_secs(2);
const STEPS: &str =
    "[{weight: 20%, bake: 2s}, {weight: 60%, bake: 2s, minRequests: 20}, {weight: 100%, bake: 2s}]";

#[tokio::test]
async fn a_controller_killed_at_every_stored_step_goes_on_where_it_was() -> Result<()> {
    let shop = Shop::start(STEPS).await?;
    shop.fail_canary(0.5);
    let bad = kill_until(&shop, "v2", "RolledBack").await.context("a bad version")?;
    ensure!(weights(&bad) == ["0%", "20%", "0%"], "{:?}", weights(&bad));

    shop.fail_canary(0.0);
    shop.release("v3")?;
    let good = kill_until(&shop, "v3", "Succeeded").await.context("a good version")?;
    ensure!(weights(&good) == ["0%", "20%", "60%", "100%"], "{:?}", weights(&good));
    ensure!(every_step_baked(&good, BAKE)? == 3, "not every step was seen to end");

    let all: Vec<&Stored> = bad.iter().chain(&good).collect();
    rises_strictly(&all)?;
    shop.judge()?;
    Ok(())
}

/// Kills the controller at each new step, and starts it again, until it has stored this phase of
/// this version and been killed at that too. Gives all that it stored.
async fn kill_until(shop: &Shop, version: &str, phase: &str) -> Result<Vec<Stored>> {
    let start = Instant::now();
    let mut follower = Follower::new(shop.state_file());
    let (mut kills, mut between) = (0, 0);
    loop {
        let mut controller = shop.launch()?;
        let new;
        (follower, new) = wait(follower, controller.process()).await?;
        if new {
            controller.process().kill()?;
            kills += 1;
            between += usize::from(follower.last().is_some_and(Stored::is_intent));
        }
        let ended = follower
            .last()
            .is_some_and(|last| last.state.version == version && last.state.phase == phase);
        if ended && !new {
            println!(
                "{version} {phase} after {kills} kills, {between} of them between intent and \
                 outcome, in {:.0?}",
                start.elapsed()
            );
            return Ok(follower
                .versions
                .into_iter()
                .filter(|v| v.state.version == version)
                .collect());
        }
        ensure!(
            start.elapsed() < LIMIT,
            "not {phase}: {:?}\n{}",
            follower.last(),
            controller.process().tail()
        );
    }
}

/// Waits for a new step, or until one cannot come any more because the rollout is over.
async fn wait(
    mut follower: Follower,
    process: &mut serin_tests::process::Process,
) -> Result<(Follower, bool)> {
    loop {
        let new;
        (follower, new) = follower.new_step(LOOK).await?;
        if let Some(status) = process.ended()? {
            bail!("the controller ended with {status}:\n{}", process.tail());
        }
        let over = |last: &Stored| ["RolledBack", "Succeeded"].contains(&last.state.phase.as_str());
        if new || follower.last().is_some_and(over) {
            return Ok((follower, new));
        }
    }
}

/// The weights in their order.
fn weights(stored: &[Stored]) -> Vec<String> {
    let mut weights: Vec<Weight> = stored.iter().map(|one| one.state.traffic.weight).collect();
    weights.dedup();
    weights.iter().map(ToString::to_string).collect()
}
