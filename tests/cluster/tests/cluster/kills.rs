//! Killed without warning at every write that it makes, before the API server has it and after, the
//! controller ends what it began as if nothing had happened.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_cluster::namespace::Namespace;
use serin_cluster::operator::Operator;
use serin_cluster::records::{none_failed, sides};
use serin_cluster::relay::{Fate, Relay, Write};
use serin_cluster::released::{KIND, Released, at, short_steps};
use serin_tests::stored::{Stored, every_step_baked, rises_strictly};
use tokio::time::sleep;

use crate::moves::{Moves, NOTHING, serving};

/// Each of some hundred kills costs a start.
const LIMIT: Duration = Duration::from_mins(8);
const BAKE: Duration = Duration::from_secs(3);
/// Longer than a controller that is let be takes to its next new write.
const QUIET: Duration = Duration::from_secs(12);

#[tokio::test]
async fn killed_at_every_write_of_a_rollout_and_its_promotion_it_moves_nothing_twice() -> Result<()>
{
    let (mut released, relay) = Released::relayed("killed-up", &short_steps()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    let killed = kill_until(&mut released, &relay, ("shop:1.1", "Succeeded"), step).await?;
    killed.both_moments_of(&[
        "PUT virtualservices/web",
        "PUT wasmplugins/serin",
        "PUT canaryreleases/shop/status",
        "PATCH deployments/web-stable",
        "PATCH deployments/web-canary",
        "PATCH deployments/web-canary/scale",
    ])?;
    let records = load.stop().await;
    none_failed(&records)?;
    let expected = [NOTHING, serving(10), serving(50), serving(100), NOTHING];
    moves.are(&expected).await?;
    ensure!(sides(&records).values().all(|sides| sides.len() <= 3), "users went back and forth");
    ensure!(released.image("web-stable").await? == "shop:1.1", "stable was not brought up");
    let stored = stored(&relay)?;
    ensure!(every_step_baked(&stored, BAKE)? == 3, "not every step was seen to end");
    rises_strictly(&stored.iter().collect::<Vec<_>>())?;
    Ok(())
}

#[tokio::test]
async fn killed_at_every_write_of_a_rollback_it_sends_everyone_back_once() -> Result<()> {
    let steps = json!([{"weight": "10%", "bake": "3s"}, {"weight": "50%", "bake": "1h"}]);
    let (mut released, relay) = Released::relayed("killed-down", &json!({"steps": steps})).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.2-fails10").await?;
    let killed =
        kill_until(&mut released, &relay, ("shop:1.2-fails10", "RolledBack"), step).await?;
    killed.both_moments_of(&[
        "PUT virtualservices/web",
        "PUT wasmplugins/serin",
        "PUT canaryreleases/shop/status",
        "PATCH deployments/web-canary/scale",
    ])?;
    none_failed(&load.stop().await)?;
    let seen = moves.seen();
    ensure!(seen.first() == Some(&NOTHING) && seen.last() == Some(&NOTHING), "{seen:?}");
    ensure!(seen.is_sorted_by(|a, b| a <= b || *b == NOTHING) && seen.len() <= 4, "{seen:?}");
    rises_strictly(&stored(&relay)?.iter().collect::<Vec<_>>())?;
    Ok(())
}

/// At which writes it was killed, and when.
pub(crate) struct Killed(BTreeSet<(String, Fate)>);

impl Killed {
    /// How often it was killed at writes of this kind.
    pub(crate) fn times(&self, write: &str) -> usize {
        self.0.iter().filter(|(what, _)| what.split(' ').take(2).eq(write.split(' '))).count()
    }

    /// Checks that the controller was killed before each of these writes, and after each.
    pub(crate) fn both_moments_of(&self, writes: &[&str]) -> Result<()> {
        for write in writes {
            for fate in [Fate::LoseRequest, Fate::LoseAnswer] {
                let hit = self.0.iter().any(|(what, when)| {
                    *when == fate && what.split(' ').take(2).eq(write.split(' '))
                });
                ensure!(hit, "never killed at {write}, {fate:?}: {:#?}", self.0);
            }
        }
        Ok(())
    }
}

/// Starts the controller again, and once more where it makes a write that it is killed at before it
/// has said that it is ready: without that write it never would.
async fn start_again(relay: &Relay, namespace: &Namespace) -> Result<Operator> {
    loop {
        tokio::select! {
            started = Operator::through(relay, namespace, "serin-0") => return started,
            stopped = relay.stopped() => {
                // Its process has ended with what was waited for.
                stopped?;
                relay.revive();
            }
        }
    }
}

/// Kills the controller at each write of a kind that it has not been killed at, and starts it again,
/// until it has ended a rollout of this image so, and makes no new write any more. `step` says what makes a
/// write one of its own, and nothing of those at which it is let be.
pub(crate) async fn kill_until(
    released: &mut Released,
    relay: &Relay,
    (image, end): (&str, &str),
    mut step: impl FnMut(&Write) -> Option<String> + Send + 'static,
) -> Result<Killed> {
    let start = Instant::now();
    let known: Arc<Mutex<BTreeSet<(String, Fate)>>> = Arc::default();
    let killed = Arc::clone(&known);
    relay.rule(move |write| {
        let Some(step) = step(write) else { return Fate::Pass };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        for fate in [Fate::LoseRequest, Fate::LoseAnswer] {
            if known.insert((step.clone(), fate)) {
                return fate;
            }
        }
        Fate::Pass
    });
    released.new_image(image).await?;
    let namespace = released.namespace().clone();
    loop {
        tokio::select! {
            stopped = relay.stopped() => {
                stopped?;
                released.operator.process().kill()?;
                relay.revive();
                released.operator = start_again(relay, &namespace).await?;
            }
            () = sleep(QUIET) => {
                let object = namespace.get(KIND, "shop").await?;
                let begun = at(&object, "/status/version") != "";
                if begun && at(&object, "/status/phase") == end {
                    break;
                }
            }
        }
        ensure!(start.elapsed() < LIMIT, "not {end}: {:#}", namespace.get(KIND, "shop").await?);
    }
    let killed = killed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("{image} {end} after {} kills in {:.0?}", killed.len(), start.elapsed());
    Ok(Killed(killed))
}

/// What makes a write one of its own: all but numbers that rise with time or with each start. What
/// is renewed all the time, and what is told for people alone, is none.
pub(crate) fn step(write: &Write) -> Option<String> {
    let Write { method, what, body, .. } = write;
    let kind = what.split('/').next().unwrap_or_default();
    let about = match kind {
        "leases" | "events" => return None,
        "virtualservices" => json!([0, 1, 2].map(|entry| {
            let of = |field: &str| at(body, &format!("/spec/http/{entry}/{field}")).clone();
            [of("route/1/weight"), of("mirror/subset")]
        })),
        "wasmplugins" => {
            let rollout = at(body, "/spec/pluginConfig/rollouts/0");
            json!([at(rollout, "/weight"), at(rollout, "/canaryServes")])
        }
        "canaryreleases" => match record(write) {
            Some(Stored { state, live, decisions, .. }) => {
                let published = live.map(|live| live.revision) == Some(state.traffic.revision);
                let reason = decisions.last().map(|last| last.decision.reason.clone());
                json!([
                    state.version,
                    state.phase,
                    state.traffic.weight.to_string(),
                    state.traffic.canary_serves,
                    state.traffic.mirror.map(|share| share.to_string()),
                    state.clock.is_some(),
                    published,
                    reason
                ])
            }
            None => Value::Null,
        },
        _ => json!([at(body, "/spec/replicas"), body.as_array().map(Vec::len)]),
    };
    Some(format!("{method} {what} {about}"))
}

pub(crate) fn record(write: &Write) -> Option<Stored> {
    serde_json::from_str(at(&write.body, "/status/record").as_str()?).ok()
}

/// What was stored of the version on trial, write by write.
fn stored(relay: &Relay) -> Result<Vec<Stored>> {
    let stored: Vec<Stored> = relay.made().iter().filter_map(record).collect();
    let version = stored.last().context("nothing was stored")?.state.version.clone();
    Ok(stored.into_iter().filter(|one| one.state.version == version).collect())
}
