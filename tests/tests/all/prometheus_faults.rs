//! Prometheus hangs, dies and lies: the weight holds, the users stay, and what comes after it is
//! back is decided on what it says then.
//!
//! Each fault meets a step whose time is over and whose gates pass, held by a pause alone; the pause
//! ends while the fault lasts, so that nothing but the fault stands against the next rise.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serin_tests::controller::{Api, Status, StepClock};
use serin_tests::flaky::{Flaky, Mood};
use serin_tests::prometheus::{Prometheus, Target};
use serin_tests::shop::{RELEASE, Shop};

/// A phase takes seconds; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_mins(1);
/// The release's gate that asks for one number.
const GATE: &str = "traffic";

#[tokio::test]
async fn a_prometheus_that_hangs_or_is_down_holds_the_weight() -> Result<()> {
    let mut shop =
        Shop::start("[{weight: 20%, bake: 2s}, {weight: 60%, bake: 2s}, {weight: 100%, bake: 1h}]")
            .await?;
    let controller = shop.control().await?;
    let api = controller.api();

    ready_to_rise(api, "20%").await?;
    shop.prometheus.process().signal(Signal::STOP)?;
    holds(api, "20%", "broken", "no answer within").await.context("a Prometheus that hangs")?;
    shop.prometheus.process().signal(Signal::CONT)?;

    ready_to_rise(api, "60%").await.context("after it went on")?;
    shop.prometheus.process().kill()?;
    holds(api, "60%", "broken", "cannot be reached").await.context("a Prometheus that is down")?;
    let (port, targets) = (shop.prometheus.port(), [Target::envoy(shop.envoy.admin().port())]);
    shop.prometheus = Prometheus::start_on(port, &targets, &shop.scratch).await?;

    api.until(RELEASE, LIMIT, |s| s.weight == "100%").await.context("after it was back")?;
    shop.judge()?;
    Ok(())
}

#[tokio::test]
async fn answers_that_prove_nothing_hold_the_weight() -> Result<()> {
    let mut shop = Shop::start("[{weight: 20%, bake: 2s}, {weight: 60%, bake: 1h}]").await?;
    let flaky = Flaky::start(shop.prometheus.port()).await?;
    shop.ask_metrics_at(&flaky.address())?;
    let controller = shop.control().await?;
    let api = controller.api();

    ready_to_rise(api, "20%").await?;
    let faults = [
        (Mood::Garbage, "broken", "not one of Prometheus' query API: expected value"),
        (Mood::CutOff, "broken", "not one of Prometheus' query API: EOF"),
        (Mood::Broken, "broken", "HTTP 500"),
        (Mood::Refusing, "broken", "timeout: too busy"),
        (Mood::Huge, "broken", "exceeds 8 MiB"),
        (Mood::Hanging, "broken", "no answer within 2000 ms"),
        (Mood::Warning, "broken", "a part of the data is missing"),
        (Mood::Old, "broken", "answered for another time"),
        (Mood::Twice, "broken", "2 series where one is needed"),
        (Mood::NotANumber, "noData", "the value is NaN"),
        (Mood::Empty, "noData", "no series matches"),
    ];
    for (mood, verdict, detail) in faults {
        flaky.turn(mood);
        holds(api, "20%", verdict, detail).await.with_context(|| format!("{mood:?}"))?;
    }
    flaky.turn(Mood::Honest);
    let live = |s: &Status| s.weight == "60%" && s.step_clock.is_some();
    api.until(RELEASE, LIMIT, live).await.context("after it was honest again")?;

    harm_unseen(&shop, api, &flaky).await.context("harm while it lies")?;
    shop.judge()?;
    Ok(())
}

/// Harm that nobody can tell rolls nothing back, and as soon as it can be told, it does.
async fn harm_unseen(shop: &Shop, api: Api, flaky: &Flaky) -> Result<()> {
    flaky.turn(Mood::Broken);
    holds(api, "60%", "broken", "HTTP 500").await?;
    shop.fail_canary(0.5);
    let (asked, start) = (shop.canary.answered(), Instant::now());
    // Several times what the gate wants.
    while shop.canary.answered() < asked + 100 {
        ensure!(start.elapsed() < LIMIT, "the canary is not asked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    holds(api, "60%", "broken", "HTTP 500").await?;
    flaky.turn(Mood::Honest);
    let status = api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    ensure!(status.decisions.iter().any(|d| d.reason == "Harm"), "{status:?}");
    Ok(())
}

/// Waits until nothing but a pause holds this weight.
async fn ready_to_rise(api: Api, weight: &str) -> Result<()> {
    api.until(RELEASE, LIMIT, |s| s.weight == weight).await?;
    let answer = api.command(RELEASE, "pause").await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    let ready = |s: &Status| {
        s.step_clock.as_ref().is_some_and(StepClock::over)
            && s.gates.iter().all(|gate| gate.verdict == "pass")
    };
    let status = api.until(RELEASE, LIMIT, ready).await?;
    ensure!(status.weight == weight, "{status:?}");
    Ok(())
}

/// Waits until the controller has decided on this fault, ends the pause where there is one, and
/// waits for one more decision: the weight is what it was.
async fn holds(api: Api, weight: &str, verdict: &str, detail: &str) -> Result<()> {
    let faulty = |s: &Status| {
        let told = |gate: &&serin_tests::controller::Gate| gate.name == GATE;
        let gate = s.gates.iter().find(told);
        gate.is_some_and(|gate| gate.verdict == verdict && gate.detail.contains(detail))
    };
    let status = api.until(RELEASE, LIMIT, faulty).await?;
    if status.paused.is_some() {
        let answer = api.command(RELEASE, "resume").await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    }
    let waits = |s: &Status| s.reason.as_deref().is_some_and(|reason| HOLDING.contains(&reason));
    let status = api.until(RELEASE, LIMIT, |s| faulty(s) && waits(s)).await?;
    ensure!(status.weight == weight && status.canary_serves, "{status:?}");
    ensure!(status.is("Progressing") && status.paused.is_none(), "{status:?}");
    Ok(())
}

/// The decisions that a fault may lead to: which of them, hangs on which question is told first.
const HOLDING: [&str; 3] = ["WaitingForProxies", "BrokenMetrics", "NoData"];
