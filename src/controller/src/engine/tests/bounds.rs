//! Latency bounds that are chosen from stable before the rollout.

use core::time::Duration;
use std::sync::Arc;

use serin_rollout::{Command, Phase, Reason};
use tokio::time::sleep;

use crate::engine::scripted::{Bench, HEALTHY, Metrics, SLOW, clock, release_with, scratch};
use crate::engine::{Answer, Reload};
use crate::status::Status;

const UNKNOWN: Metrics = Metrics { stable_is_known: false, ..HEALTHY };
const HOST: &str = "shop.example.com";

fn requests(status: &Status, gate: &str) -> f64 {
    let gate = status.gates.iter().find(|one| one.name == gate);
    gate.and_then(|gate| gate.evidence.as_ref()).map_or(0.0, |evidence| evidence.canary.requests)
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_for_bounds_says_so_and_publishes_them_before_anybody_is_exposed() {
    let (_scratch, folder) = scratch();
    let release = release_with("v2", HOST, &[SLOW]);
    let mut bench = Bench::start_with(release, &folder, &clock(), UNKNOWN);
    let status = bench.until(|status| status.reason == Some(Reason::Preparing)).await;
    assert!(status.message.contains("slow: 7 requests of stable"), "{}", status.message);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(bench.handle.status.borrow().phase, Some(Phase::Pending));
    let before = bench.entry().unwrap();
    assert!(before.latency_bounds.is_empty(), "{before:?}");
    bench.set(|metrics| metrics.stable_is_known = true);
    let mut shown = bench.board.watch();
    let changed = |one: &Option<Arc<crate::publish::Published>>| {
        one.as_ref().is_some_and(|one| one.json.contains("latencyBounds"))
    };
    shown.wait_for(changed).await.unwrap();
    let entry = bench.entry().unwrap();
    assert_eq!(entry.latency_bounds, ["250ms", "1s"]);
    assert!(entry.weight.is_zero() && entry.revision > before.revision, "{entry:?}");
    bench.until_weight("5%").await;
    assert_eq!(bench.entry().unwrap().latency_bounds, ["250ms", "1s"]);
    bench.until_phase(Phase::Succeeded).await;
}

#[tokio::test(start_paused = true)]
async fn bounds_stay_within_a_rollout_and_are_chosen_again_for_the_next() {
    let (_scratch, folder) = scratch();
    let (clock, release) = (clock(), release_with("v2", HOST, &[SLOW]));
    let mut bench = Bench::start_with(Arc::clone(&release), &folder, &clock, HEALTHY);
    bench.until_weight("5%").await;
    bench.handle.command(Command::Pause, "somebody").await.unwrap();
    bench.stop.send_replace(true);
    (&mut bench.task).await.unwrap();
    drop(bench);
    // Nothing could be chosen now, and nothing has to be.
    let mut bench = Bench::start_with(release, &folder, &clock, UNKNOWN);
    bench.until(|status| requests(status, "slow") > 100.0).await;
    assert_eq!(bench.entry().unwrap().latency_bounds, ["250ms", "1s"]);
    bench.handle.command(Command::Abort, "somebody").await.unwrap();
    bench.until_phase(Phase::RolledBack).await;
    assert!(matches!(
        bench.handle.command(Command::Retry, "somebody").await,
        Some(Answer::Done(_))
    ));
    bench.handle.command(Command::Resume, "somebody").await.unwrap();
    bench.until(|status| status.reason == Some(Reason::Preparing)).await;
    bench.set(|metrics| metrics.stable_is_known = true);
    bench.until_weight("5%").await;
}

#[tokio::test(start_paused = true)]
async fn other_bounds_in_the_file_begin_with_no_evidence_and_leave_that_of_other_gates() {
    let (_scratch, folder) = scratch();
    let release = release_with("v2", HOST, &["{name: slow, kind: latency, bounds: [100ms]}"]);
    let mut bench = Bench::start_with(release, &folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.handle.command(Command::Pause, "somebody").await.unwrap();
    let before = bench.until(|status| requests(status, "slow") >= 500.0).await;
    let other = release_with("v2", HOST, &["{name: slow, kind: latency, bounds: [200ms]}"]);
    bench.reload.send(Box::new(Reload::Release(other, Arc::clone(&bench.world)))).await.unwrap();
    let after = bench.until(|status| requests(status, "slow") < 500.0).await;
    assert!(requests(&after, "answers") >= requests(&before, "answers"), "{after:?}");
    let revision = before.revision;
    bench.until(|status| status.revision > revision).await;
    assert_eq!(bench.entry().unwrap().latency_bounds, ["200ms"]);
    bench.until(|status| requests(status, "slow") >= 500.0).await;
}
