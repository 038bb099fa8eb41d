//! The acts of `make demo`: a good version goes all the way and a bad one does not; then two that
//! look bad to anybody who only counts errors, and are as good as the one before.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use serin_assignment::Salt;
use serin_cluster::released::at;
use serin_tests::clock::now_us;
use serin_tests::demo::ends::{Ends, side_by_side};
use serin_tests::demo::script::{
    AFTERWARDS, ERROR_RATE, GOOD_AT_FIRST, NOISE, stranger_on_the_canary,
};
use serin_tests::demo::threshold;
use serin_tests::load::user_id;
use serin_tests::webapp::Behaviour;
use tokio::time::sleep;

use crate::stage::{Stage, text};
use crate::view::View;

const LOOK: Duration = Duration::from_millis(500);
/// Five steps of 8 s, each with its proof and its pods, a promotion, and as much again for a busy
/// machine.
const ACT_LIMIT: Duration = Duration::from_mins(4);

/// Plays the acts; one that does not end as it should is the last.
pub(crate) async fn play(stage: &mut Stage, view: &mut View) -> Result<Ends> {
    let mut ends = Ends::default();
    ship(stage, view, "Act 1: v2 is fine", "shop:2").await?;
    let seen = to_the_end(stage).await?;
    ends.reached_full = seen.reached_full;
    if ends.note(seen.phase)
        && bad_version(stage, view, &mut ends).await?
        && noisy_version(stage, view, &mut ends).await?
    {
        broken_client(stage, view, &mut ends).await?;
    }
    Ok(ends)
}

/// v3 looks good at first, then three in ten of its answers are errors.
async fn bad_version(stage: &Stage, view: &mut View, ends: &mut Ends) -> Result<bool> {
    ends.second_us.0 = now_us();
    ship(stage, view, "Act 2: v3 is bad", "shop:3").await?;
    sleep(GOOD_AT_FIRST).await;
    view.note("v3 starts to fail: three in ten of its answers are errors");
    let fail = |behaviour| Behaviour { error_rate: ERROR_RATE, ..behaviour };
    stage.behave("canary", fail).await?;
    let seen = to_the_end(stage).await?;
    sleep(AFTERWARDS).await;
    ends.evidence =
        seen.decisions.iter().find(|it| it.reason == "Harm").map(|it| it.message.clone());
    if let Some(why) = &ends.evidence {
        view.note(why);
    }
    ends.second_us.1 = now_us();
    Ok(ends.note(seen.phase))
}

/// v4 is what v2 is, in bad weather: one request in fifty fails on either side.
async fn noisy_version(stage: &Stage, view: &mut View, ends: &mut Ends) -> Result<bool> {
    view.note("bad weather: 2 % of all requests fail from now on, whoever serves them");
    stage.behave("stable", |behaviour| Behaviour { noise: NOISE, ..behaviour }).await?;
    ship(stage, view, "Act 3: v4 is as noisy as v2", "shop:4-noise2").await?;
    let start_us = now_us();
    let seen = to_the_end(stage).await?;
    let after = threshold::rolls_back_after(&[&stage.load.records()], start_us);
    // Stable's pods have taken over the image by now, noise and all.
    stage.behave("stable", |behaviour| Behaviour { noise: 0.0, ..behaviour }).await?;
    view.note(&side_by_side(after, &seen.phase));
    ends.threshold_after[0] = after;
    Ok(ends.note(seen.phase))
}

/// v5 is fine, and one of its users sends what no version can serve.
async fn broken_client(stage: &Stage, view: &mut View, ends: &mut Ends) -> Result<bool> {
    let object = ship(stage, view, "Act 4: a broken client at v5", "shop:5").await?;
    let salt = Salt::new(text(&object, "/status/salt")).context("the status names no salt")?;
    let (client, assignment) = stranger_on_the_canary(&salt)?;
    let cohort = assignment.cohort.get();
    ends.cohort = Some(cohort);
    view.note(&format!(
        "a client of the canary breaks: {} (cohort {cohort}) fails with every request",
        user_id(client)
    ));
    let start_us = now_us();
    let broken = stage.broken_client(client);
    let seen = to_the_end(stage).await?;
    let records = broken.stop().await;
    let names = format!("without cohort {cohort}: it comes from there alone");
    let naming = seen.decisions.iter().find(|decision| decision.message.contains(&names));
    ends.named = naming.map(|decision| decision.message.clone());
    let after = threshold::rolls_back_after(&[&stage.load.records(), &records], start_us);
    view.note(&side_by_side(after, &seen.phase));
    ends.threshold_after[1] = after;
    Ok(ends.note(seen.phase))
}

/// Sets the canary's image, as people do, and waits until users are on it.
async fn ship(stage: &Stage, view: &mut View, act: &str, image: &str) -> Result<Value> {
    view.note(&format!("{act}: kubectl set image deployment/web-canary app={image}"));
    let to = format!("app={image}");
    let kubectl = stage.released.shop.namespace.kubectl();
    kubectl.run(&["set", "image", "deployment/web-canary", &to]).await?;
    let start = Instant::now();
    loop {
        let object = stage.object().await?;
        let weight = text(&object, "/status/weight");
        if text(&object, "/status/phase") == "Progressing" && weight != "0%" {
            return Ok(object);
        }
        if start.elapsed() > ACT_LIMIT {
            bail!("{act}: nobody is on the canary after {ACT_LIMIT:?}: {object:#}");
        }
        sleep(LOOK).await;
    }
}

/// What was seen of a rollout.
struct Seen {
    reached_full: bool,
    phase: String,
    decisions: Vec<Decision>,
}

/// A decision, as the status has it.
#[derive(Clone, Debug, PartialEq)]
struct Decision {
    at: String,
    reason: String,
    message: String,
}

/// Follows a rollout to its end.
async fn to_the_end(stage: &Stage) -> Result<Seen> {
    let start = Instant::now();
    let mut seen = Seen { reached_full: false, phase: String::new(), decisions: Vec::new() };
    // Those of the rollouts before.
    let older = decisions(&stage.object().await?);
    loop {
        let object = stage.object().await?;
        seen.reached_full |= text(&object, "/status/weight") == "100%";
        // The status keeps the newest alone.
        for decision in decisions(&object) {
            if !older.contains(&decision) && !seen.decisions.contains(&decision) {
                seen.decisions.push(decision);
            }
        }
        let phase = text(&object, "/status/phase");
        if matches!(phase, "Succeeded" | "RolledBack") {
            phase.clone_into(&mut seen.phase);
            return Ok(seen);
        }
        if start.elapsed() > ACT_LIMIT {
            bail!("not over after {ACT_LIMIT:?}: {object:#}");
        }
        sleep(LOOK).await;
    }
}

fn decisions(object: &Value) -> Vec<Decision> {
    let all = at(object, "/status/decisions").as_array();
    let decision = |it: &Value| Decision {
        at: text(it, "/at").to_owned(),
        reason: text(it, "/reason").to_owned(),
        message: text(it, "/message").to_owned(),
    };
    all.into_iter().flatten().map(decision).collect()
}
