use core::time::Duration;
use std::sync::Arc;

use serin_rollout::{Alert, Command, Endpoints, Pause, Phase, Reason, State, Verdict, Version};
use tokio::time::{Instant, sleep, timeout};

use super::scripted::{Bench, Disk, HEALTHY, START_MS, clock, scratch};
use super::{Answer, Keep};
use crate::status::ConditionKind;
use crate::store::Record;

mod bounds;
mod judge;
mod recorded;
mod reload;
mod route;
mod tripped;

/// From the start to the end: two steps of 3 s, each proved within a pass.
const WHOLE_ROLLOUT: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_healthy_release_goes_to_the_end_and_each_weight_gets_a_revision_of_its_own() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    let first = bench.until_weight("5%").await;
    let second = bench.until_weight("100%").await;
    let end = bench.until_phase(Phase::Succeeded).await;
    assert!(START_MS <= first.revision && first.revision < second.revision);
    assert!(second.published_at > first.published_at);
    let reasons: Vec<Reason> = end.decisions.iter().map(|decision| decision.reason).collect();
    assert_eq!(reasons.last(), Some(&Reason::Succeeded));
    assert_eq!(reasons.iter().filter(|reason| **reason == Reason::Advanced).count(), 2);
    assert_eq!(bench.entry().unwrap().revision, end.revision);
    assert_eq!(bench.stored().unwrap().state.phase, Phase::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_done_and_stored_at_once_while_all_metrics_hang() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.set(|metrics| (metrics.gate_hangs, metrics.rest_hangs) = (true, true));
    sleep(Duration::from_secs(1)).await;
    let asked = Instant::now();
    let answer = bench.handle.command(Command::Abort, "somebody").await;
    assert!(asked.elapsed() < Duration::from_millis(10), "{:?}", asked.elapsed());
    assert!(matches!(&answer, Some(Answer::Done(status)) if status.weight.is_zero()), "{answer:?}");
    assert!(bench.entry().unwrap().weight.is_zero());
    assert_eq!(bench.stored().unwrap().state.phase, Phase::RollingBack);
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_of_former_traffic_proves_nothing_about_the_present_one() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    let risen = bench.until_weight("5%").await;
    // At the same moment: the newest observation is the one that let the weight rise.
    let answer = bench.handle.command(Command::Pause, "somebody").await;
    let Some(Answer::Done(status)) = answer else { panic!("{answer:?}") };
    assert_eq!((status.revision, status.step_clock), (risen.revision, None));
    bench.until(|status| status.step_clock.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn one_gate_that_sees_harm_is_enough_while_every_other_answer_hangs() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.set(|metrics| (metrics.verdict, metrics.rest_hangs) = (Verdict::Fail, true));
    let since = Instant::now();
    let status = bench.until_phase(Phase::RollingBack).await;
    // The next pass and the gate's own answer, and no query's timeout (2 s).
    assert!(since.elapsed() <= Duration::from_millis(1_100), "{:?}", since.elapsed());
    assert_eq!(status.reason, Some(Reason::Harm));
    assert!(bench.entry().unwrap().weight.is_zero());
}

#[tokio::test(start_paused = true)]
async fn metrics_that_hang_hold_and_never_raise() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.set(|metrics| metrics.gate_hangs = true);
    sleep(WHOLE_ROLLOUT).await;
    assert_eq!(bench.handle.status.borrow().reason, Some(Reason::BrokenMetrics));
    assert_eq!(bench.entry().unwrap().weight, "5%".parse().unwrap());
    bench.set(|metrics| metrics.gate_hangs = false);
    bench.until_weight("100%").await;
}

#[tokio::test(start_paused = true)]
async fn commands_that_do_not_fit_are_refused_with_the_reason_and_change_nothing() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    let before = bench.entry().unwrap().revision;
    for command in [Command::Retry, Command::Resume, Command::Approve] {
        let answer = bench.handle.command(command, "somebody").await;
        assert!(matches!(answer, Some(Answer::Refused(_))), "{command:?}: {answer:?}");
    }
    assert_eq!(bench.entry().unwrap().revision, before);
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_a_restart() {
    let (_scratch, folder) = scratch();
    let clock = clock();
    let mut bench = Bench::start(&folder, &clock, HEALTHY);
    bench.until_weight("5%").await;
    assert!(matches!(
        bench.handle.command(Command::Pause, "somebody").await,
        Some(Answer::Done(_))
    ));
    let before = bench.entry().unwrap();
    bench.stop.send_replace(true);
    (&mut bench.task).await.unwrap();
    drop(bench);
    let mut bench = Bench::start(&folder, &clock, HEALTHY);
    sleep(WHOLE_ROLLOUT).await;
    assert_eq!(bench.entry().unwrap().revision, before.revision);
    assert!(matches!(
        bench.handle.command(Command::Resume, "somebody").await,
        Some(Answer::Done(_))
    ));
    bench.until_phase(Phase::Succeeded).await;
}

/// At every write to the disk the process is killed, once before the write and once after it, and
/// started again: nothing that was published is forgotten, no step is skipped, and the end is the
/// same.
#[tokio::test(start_paused = true)]
async fn killed_at_any_write_it_goes_on_where_it_was() {
    for (harm, end) in [(false, Phase::Succeeded), (true, Phase::RolledBack)] {
        let metrics = if harm {
            super::scripted::Metrics { verdict: Verdict::Fail, ..HEALTHY }
        } else {
            HEALTHY
        };
        for after in [false, true] {
            let kills = kill_at_each_write(metrics, end, after).await;
            assert!(kills >= 6, "only {kills} writes were tried");
        }
    }
}

async fn kill_at_each_write(metrics: super::scripted::Metrics, end: Phase, after: bool) -> usize {
    for writes in 0.. {
        let (_scratch, folder) = scratch();
        let clock = clock();
        let bench = Bench::start(&folder, &clock, metrics);
        bench.kept.disk.send_replace(Disk::Kill { writes, after });
        let (killed, shown) = bench.killed_before(end).await;
        if !killed {
            return writes;
        }
        let mut bench = Bench::start(&folder, &clock, metrics);
        let place = format!("killed {} write {writes}", if after { "after" } else { "before" });
        if let Some(shown) = shown {
            let stored = bench.stored().expect(&place).state.traffic;
            let known = (stored.revision, stored.weight) >= (shown.revision, shown.weight);
            assert!(known, "{place}: {stored:?} forgets {shown:?}");
        }
        let status = bench.until_phase(end).await;
        let weights: Vec<_> = status.decisions.iter().map(|decision| decision.weight).collect();
        let ends_at = if end == Phase::Succeeded { "100%" } else { "0%" };
        assert_eq!(status.weight, ends_at.parse().unwrap(), "{place}");
        let first = "5%".parse().unwrap();
        assert!(weights.contains(&first), "{place}: {weights:?}");
        assert_eq!(bench.entry().unwrap().revision, status.revision, "{place}");
    }
    unreachable!("the loop has no end of its own")
}

#[tokio::test(start_paused = true)]
async fn lost_state_pauses_at_the_weight_in_force() {
    let (_scratch, folder) = scratch();
    let mut metrics = HEALTHY;
    metrics.in_force = Ok(Some("25%".parse().unwrap()));
    let mut bench = Bench::start(&folder, &clock(), metrics);
    let status = bench.until(|status| status.phase.is_some()).await;
    assert_eq!(status.paused, Some(Pause::StateLost));
    sleep(WHOLE_ROLLOUT).await;
    assert_eq!(bench.entry().unwrap().weight, "25%".parse().unwrap());
    bench.set(|metrics| metrics.verdict = Verdict::Fail);
    bench.until_phase(Phase::RollingBack).await;
    assert!(bench.entry().unwrap().weight.is_zero());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_while_nobody_can_say_what_is_in_force() {
    let (_scratch, folder) = scratch();
    let mut metrics = HEALTHY;
    metrics.in_force = Err(());
    let mut bench = Bench::start(&folder, &clock(), metrics);
    sleep(WHOLE_ROLLOUT).await;
    assert!(bench.entry().is_none() && bench.stored().is_none());
    let answer = bench.handle.command(Command::Abort, "somebody").await;
    assert!(matches!(answer, Some(Answer::NotReady(_))), "{answer:?}");
    let status = Arc::clone(&bench.handle.status.borrow());
    assert_eq!(status.phase, None);
    assert_eq!(status.conditions[0].kind, ConditionKind::StateUnknown);
    assert!(status.message.contains("connection refused"), "{}", status.message);
    bench.set(|metrics| metrics.in_force = Ok(None));
    bench.until_weight("5%").await;
}

#[tokio::test(start_paused = true)]
async fn without_a_disk_nothing_rises_and_harm_still_rolls_back() {
    for disk in [Disk::Full, Disk::Hangs] {
        let (_scratch, folder) = scratch();
        let mut bench = Bench::start(&folder, &clock(), HEALTHY);
        bench.until_weight("5%").await;
        bench.kept.disk.send_replace(disk);
        sleep(WHOLE_ROLLOUT).await;
        assert_eq!(bench.entry().unwrap().weight, "5%".parse().unwrap(), "{disk:?}");
        let status = Arc::clone(&bench.handle.status.borrow());
        let kinds: Vec<_> = status.conditions.iter().map(|condition| condition.kind).collect();
        assert!(kinds.contains(&ConditionKind::StateNotStored), "{disk:?}: {kinds:?}");
        bench.set(|metrics| metrics.verdict = Verdict::Fail);
        sleep(Duration::from_secs(5)).await;
        assert!(bench.entry().unwrap().weight.is_zero(), "{disk:?}");
        bench.kept.disk.send_replace(Disk::Good);
        bench.until_phase(Phase::RolledBack).await;
        assert_eq!(bench.stored().unwrap().state.phase, Phase::RolledBack, "{disk:?}");
    }
}

/// Who answers by what is stored takes a newer document alone.
#[tokio::test(start_paused = true)]
async fn a_rollback_that_could_not_be_stored_is_stored_later_under_a_revision_above_all_others() {
    for disk in [Disk::Full, Disk::Hangs] {
        let (_scratch, folder) = scratch();
        let mut bench = Bench::start(&folder, &clock(), HEALTHY);
        bench.until_weight("5%").await;
        bench.kept.disk.send_replace(disk);
        bench.set(|metrics| metrics.verdict = Verdict::Fail);
        bench.until(|status| status.weight.is_zero()).await;
        let mut other = bench.document().borrow().as_ref().unwrap().rollouts[0].as_ref().clone();
        other.name = "demo/other".parse().unwrap();
        other.hosts = vec!["other.example.com".parse().unwrap()];
        let reserved = bench.board.reserve(&other, START_MS + 3_600_000);
        let others = bench.board.publish(other, reserved).await.unwrap().unwrap();
        bench.kept.disk.send_replace(Disk::Good);
        bench.until_phase(Phase::RolledBack).await;
        let stored = bench.stored().unwrap().document_revision;
        let shown = bench.document().borrow().as_ref().unwrap().revision;
        assert!(shown > others, "{disk:?}");
        assert_eq!(stored, Some(shown.get()), "{disk:?}");
        sleep(WHOLE_ROLLOUT).await;
        assert_eq!(bench.document().borrow().as_ref().unwrap().revision, shown, "shown once more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_without_endpoints_loses_its_weight_though_nothing_can_be_stored() {
    for disk in [Disk::Full, Disk::Hangs] {
        let (_scratch, folder) = scratch();
        let mut bench = Bench::start(&folder, &clock(), HEALTHY);
        bench.until_weight("5%").await;
        bench.kept.disk.send_replace(disk);
        bench.set(|metrics| metrics.canary = Endpoints::NotReady);
        // The limit is 10 s.
        sleep(Duration::from_secs(20)).await;
        assert!(bench.entry().unwrap().weight.is_zero(), "{disk:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn alerts_are_raised_though_nothing_can_be_stored() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.kept.disk.send_replace(Disk::Full);
    bench.set(|metrics| metrics.gate_hangs = true);
    let named = |status: &crate::status::Status| {
        status.alerts.iter().any(|alert| alert.name == Alert::NoData)
    };
    bench.until(named).await;
    assert!(bench.stored().unwrap().alerts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rise_that_cannot_be_stored_does_not_happen_whenever_the_disk_fails() {
    for tenths in 0..40 {
        let (_scratch, folder) = scratch();
        let mut bench = Bench::start(&folder, &clock(), HEALTHY);
        bench.until_weight("5%").await;
        sleep(Duration::from_millis(tenths * 100)).await;
        if bench.handle.status.borrow().weight != "5%".parse().unwrap() {
            assert!(tenths > 30, "risen after {tenths} tenths of a second");
            return;
        }
        bench.kept.disk.send_replace(Disk::Full);
        sleep(WHOLE_ROLLOUT).await;
        assert_eq!(bench.entry().unwrap().weight, "5%".parse().unwrap(), "{tenths}");
        bench.kept.disk.send_replace(Disk::Good);
        bench.until_phase(Phase::Succeeded).await;
    }
    panic!("the first step never ended");
}

#[test]
fn a_disk_that_hangs_takes_only_one_thread_with_it() {
    let (_scratch, folder) = scratch();
    let file = Arc::new(folder.open("demo", "shop").unwrap());
    // Whoever opens a pipe to write waits until somebody reads.
    let pipe = file.path().with_extension("json.new");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let state = State::fresh(Version("v2".to_owned()), None, START_MS);
    let record = Record::new("demo", "shop", state, "salt".parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let (stored, others) = runtime.block_on(async {
        let mut stored = 0;
        for _ in 0..3 {
            let kept = timeout(Duration::from_millis(50), file.keep(record.clone())).await;
            stored += usize::from(kept.is_ok());
        }
        let other = tokio::task::spawn_blocking(|| ());
        (stored, timeout(Duration::from_secs(5), other).await.is_ok())
    });
    runtime.shutdown_background();
    drop(std::fs::File::open(&pipe));
    assert_eq!((stored, others), (0, true));
}
