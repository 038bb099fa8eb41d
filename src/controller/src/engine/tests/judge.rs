//! The judge within the loop: evidence is absorbed once, kept, and decides.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use serin_judge::{Look, RatioTest, Rule};
use serin_rollout::{Command, Phase, Reason, Verdict};
use tokio::time::{Instant, sleep};

use crate::engine::scripted::{Bench, Disk, HEALTHY, Metrics, clock, scratch};
use crate::engine::{Answer, Clock};
use crate::status::{GateEvidence, GateTest, Status};

/// A fifth of the canary's requests fail.
const FAILING: Metrics = Metrics { failing: 0.2, ..HEALTHY };

fn evidence(status: &Status) -> GateEvidence {
    let gate = status.gates.iter().find(|gate| gate.name == "answers").unwrap();
    gate.evidence.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failing_canary_is_rolled_back_by_evidence_that_the_log_can_prove() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), FAILING);
    bench.until_weight("5%").await;
    let since = Instant::now();
    let status = bench.until_phase(Phase::RolledBack).await;
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    let harm = status.decisions.iter().find(|one| one.reason == Reason::Harm).unwrap();
    assert!(harm.message.contains("answers fails: canary 20 % of"), "{}", harm.message);
    assert!(harm.message.contains("of 100"), "{}", harm.message);
    let inputs = harm.inputs.as_ref().unwrap().unfold();
    assert_eq!(inputs["state"]["traffic"]["weight"], "5%");
    assert_eq!(inputs["findings"]["rollback"], true);
    let log_e = inputs["findings"]["gates"][0]["logEWorst"].as_f64().unwrap();
    assert!(log_e >= 100_f64.ln(), "{log_e}");
    assert_eq!(inputs["observation"]["gates"][1]["verdict"], "fail");
    assert!(inputs["now"]["wallMs"].is_u64());
    // The terms too: the release file may be another one by the time that somebody looks.
    let rules = &inputs["rules"];
    assert_eq!((&rules["alpha"], &rules["setAside"]), (&0.01.into(), &"one".into()));
    assert_eq!(rules["gates"][0]["margin"], 1.1);
    assert_eq!(inputs["plan"]["steps"][0]["weight"], "5%");
    assert!(inputs["plan"]["steps"][0]["length"]["bakeMs"].is_u64(), "{}", inputs["plan"]);
    assert!(inputs["scrapeIntervalMs"].is_u64());

    let intervals = inputs["findings"]["gates"][0]["intervals"].as_u64().unwrap();
    let intervals = usize::try_from(intervals).unwrap();
    let again = computed_again(&bench, &evidence(&status).test, intervals);
    assert!((again - log_e).abs() < 1e-9, "{again} and {log_e}");
}

/// The evidence that is left without the worst cohort after so many intervals of the journal.
fn computed_again(bench: &Bench, test: &GateTest, intervals: usize) -> f64 {
    let absorbed = loop {
        let absorbed = bench.handle.journal.read("answers").unwrap();
        if absorbed.len() >= intervals {
            break absorbed;
        }
        // Another thread writes it.
        std::thread::yield_now();
    };
    let GateTest { worse, margin, floor, set_aside, phi, .. } = *test;
    let rule = Rule { worse, margin, floor, set_aside };
    let mut again: Option<RatioTest> = None;
    for one in &absorbed[..intervals] {
        let look = if one.skipped { Look::Skipped } else { Look::Judged };
        let interval = &one.streams[0];
        again
            .get_or_insert_with(|| RatioTest::new(&rule, interval.cohorts.len()))
            .absorb(&rule, interval, phi, look);
    }
    again.unwrap().log_e_worst().log_e
}

#[tokio::test(start_paused = true)]
async fn the_journal_of_a_controller_that_is_killed_has_every_interval_once() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.handle.command(Command::Pause, "somebody").await.unwrap();
    for gap in [3_700, 12_300] {
        sleep(Duration::from_millis(gap)).await;
        bench.task.abort();
        drop((&mut bench.task).await);
        drop(bench);
        bench = Bench::start(&folder, &clock(), HEALTHY);
    }
    let status = bench.until(|status| status.evidence.is_some_and(|all| all.intervals >= 30)).await;
    let found = evidence(&status);
    let intervals = usize::try_from(status.evidence.unwrap().intervals).unwrap();
    let again = computed_again(&bench, &found.test, intervals);
    assert!((again - found.log_e_worst).abs() < 1e-9, "{again} and {found:?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_scrapes_of_a_weight_are_no_lack_of_data() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    let status = bench.until_weight("100%").await;
    let reasons: Vec<Reason> = status.decisions.iter().map(|one| one.reason).collect();
    assert!(reasons.contains(&Reason::Skipped), "{reasons:?}");
    assert!(!reasons.contains(&Reason::NoData), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn one_broken_cohort_rolls_nothing_back_and_is_named() {
    let (_scratch, folder) = scratch();
    let broken = Metrics { broken_cohort: Some(7), ..HEALTHY };
    let mut bench = Bench::start(&folder, &clock(), broken);
    let status = bench.until_weight("100%").await;
    assert!(!status.decisions.iter().any(|one| one.reason == Reason::Harm));
    let evidence = evidence(&status);
    assert_eq!(evidence.set_aside, [7]);
    assert!(evidence.log_e > evidence.log_e_worst + 2.0, "{evidence:?}");
    let risen = status.decisions.last().unwrap();
    assert!(
        risen.message.contains("without cohort 7: it comes from there alone"),
        "{}",
        risen.message
    );
}

#[tokio::test(start_paused = true)]
async fn counts_that_are_told_again_and_again_count_once() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    let first = bench.until_weight("5%").await;
    let began = first.published_at.unwrap();
    bench.handle.command(Command::Pause, "somebody").await.unwrap();
    sleep(Duration::from_secs(20)).await;
    let status = bench.handle.status.borrow().clone();
    let (canary, stable) = (evidence(&status).canary, evidence(&status).stable);
    let seconds = (status.gates[1].at.duration_since(began)).as_secs_f64().round();
    assert!(seconds >= 18.0, "{seconds}");
    assert!((canary.requests + stable.requests - 1_000.0 * seconds).abs() < 1e-6, "{status:?}");
}

/// Whatever happens to the process, the evidence is that of one that was never killed.
#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_changes_no_evidence() {
    let (_scratch, folder) = scratch();
    let clock = clock();
    let mut bench = Bench::start(&folder, &clock, HEALTHY);
    bench.until_weight("5%").await;
    bench.handle.command(Command::Pause, "somebody").await.unwrap();
    for gap in [3_700, 12_300, 900] {
        sleep(Duration::from_millis(gap)).await;
        // Killed: what was absorbed since the last store is absorbed again.
        bench.task.abort();
        drop((&mut bench.task).await);
        drop(bench);
        bench = Bench::start(&folder, &clock, HEALTHY);
    }
    let killed = bench.until(|status| status.evidence.is_some_and(|all| all.intervals >= 30)).await;

    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &crate::engine::scripted::clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.handle.command(Command::Pause, "somebody").await.unwrap();
    let intervals = killed.evidence.unwrap().intervals;
    let whole =
        bench.until(|status| status.evidence.is_some_and(|all| all.intervals >= intervals)).await;
    assert_eq!(whole.evidence, killed.evidence);
    assert_eq!(evidence(&whole), evidence(&killed));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_counts_nothing_twice_and_holds() {
    let (_scratch, folder) = scratch();
    let back_ms = Arc::new(AtomicU64::new(0));
    let (ahead, back) = (clock(), Arc::clone(&back_ms));
    let clock = Clock::from_fn(move || ahead.wall_ms() - back.load(Ordering::Relaxed));
    let mut bench = Bench::start(&folder, &clock, HEALTHY);
    bench.until_weight("5%").await;
    bench.handle.command(Command::Pause, "somebody").await.unwrap();
    let before = bench.until(|status| status.evidence.is_some_and(|all| all.intervals >= 5)).await;
    back_ms.store(3_600_000, Ordering::Relaxed);
    let behind = |status: &Status| {
        status.gates.iter().any(|gate| {
            gate.verdict == Verdict::NoData && gate.detail.contains("clock was set back")
        })
    };
    let held = bench.until(behind).await;
    sleep(Duration::from_secs(20)).await;
    let still = bench.handle.status.borrow().clone();
    assert_eq!(evidence(&still).canary, evidence(&held).canary);
    assert!(evidence(&held).canary.requests <= evidence(&before).canary.requests + 150.0);
    // A new process counts from now on.
    bench.stop.send_replace(true);
    (&mut bench.task).await.unwrap();
    drop(bench);
    let mut bench = Bench::start(&folder, &clock, HEALTHY);
    let requests = evidence(&still).canary.requests;
    let more = |status: &Status| {
        status.gates.iter().any(|gate| {
            gate.evidence.as_ref().is_some_and(|it| it.canary.requests > requests + 200.0)
        })
    };
    bench.until(more).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_rollout_starts_without_the_evidence_of_the_one_before() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), FAILING);
    bench.until_phase(Phase::RolledBack).await;
    assert!(bench.stored().unwrap().panel.is_some());
    bench.set(|metrics| metrics.failing = 0.005);
    assert!(matches!(
        bench.handle.command(Command::Retry, "somebody").await,
        Some(Answer::Done(_))
    ));
    assert!(bench.stored().unwrap().panel.is_none());
    bench.until_phase(Phase::Succeeded).await;
}

#[tokio::test(start_paused = true)]
async fn evidence_rolls_back_though_nothing_can_be_stored() {
    for disk in [Disk::Full, Disk::Hangs] {
        let (_scratch, folder) = scratch();
        let mut bench = Bench::start(&folder, &clock(), HEALTHY);
        bench.until_weight("5%").await;
        bench.kept.disk.send_replace(disk);
        bench.set(|metrics| metrics.failing = 0.2);
        sleep(Duration::from_secs(15)).await;
        assert!(bench.entry().unwrap().weight.is_zero(), "{disk:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_full_weight_the_ratio_says_that_it_has_nothing_to_compare_with() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    let status = bench.until_phase(Phase::Succeeded).await;
    let gate = status.gates.iter().find(|gate| gate.name == "answers").unwrap();
    assert_eq!(gate.verdict, Verdict::NoComparison, "{gate:?}");
    // The canary gets worse when stable is gone: that is a person's to see to.
    bench.set(|metrics| metrics.failing = 0.2);
    let named = |status: &Status| {
        status.alerts.iter().any(|alert| alert.name == serin_rollout::Alert::SuspectAtFull)
    };
    let status = bench.until(named).await;
    assert_eq!((status.phase, status.weight), (Some(Phase::Succeeded), "100%".parse().unwrap()));
}
