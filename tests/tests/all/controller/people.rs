//! What people ask for: approval, pause, abort, retry.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use serin_tests::artifacts;
use serin_tests::controller::{Api, Status, StepClock};
use serin_tests::shop::{RELEASE, Shop};

use super::LIMIT;

const STEPS: &str = "[{weight: 20%, bake: 2s, approval: manual}, {weight: 60%, bake: 2s}, {weight: 100%, bake: 1h}]";

#[tokio::test]
async fn people_hold_a_rollout_and_send_it_back_but_never_hide_harm() -> Result<()> {
    let shop = Shop::start(STEPS).await?;
    let controller = shop.control().await?;
    let api = controller.api();

    approval(api).await.context("approval")?;
    pause(&shop, api).await.context("pause")?;
    retry(&shop, api).await.context("retry")?;
    abort(api).await.context("abort")?;
    shop.judge()?;
    Ok(())
}

/// A step that wants a person waits for one, and for its time before.
async fn approval(api: Api) -> Result<()> {
    api.until(RELEASE, LIMIT, |s| s.weight == "20%").await?;
    refused(api, "approve").await.context("before the step's time is over")?;
    refused(api, "retry").await?;
    refused(api, "resume").await?;
    api.until(RELEASE, LIMIT, |s| is(s, "WaitingForApproval")).await?;
    done(api, "approve").await?;
    let status = api.until(RELEASE, LIMIT, |s| s.weight == "60%").await?;
    ensure!(status.decisions.iter().any(|d| d.reason == "Approved"), "{status:?}");
    Ok(())
}

/// A pause stops the rise when all else is ready for it, and does not stop a rollback.
async fn pause(shop: &Shop, api: Api) -> Result<()> {
    done(api, "pause").await?;
    let over = |s: &Status| s.step_clock.as_ref().is_some_and(StepClock::over);
    let status = api.until(RELEASE, LIMIT, over).await?;
    ensure!(status.weight == "60%" && is(&status, "Paused"), "{status:?}");

    shop.fail_canary(0.5);
    let status = api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    ensure!(status.weight == "0%" && !status.canary_serves, "{status:?}");
    let harm = status.decisions.iter().find(|d| d.reason == "Harm").context("no harm")?;
    ensure!(harm.message.contains("errors fails: canary"), "{}", harm.message);
    explained(shop, &harm.message).context("serin explain")?;
    refused(api, "abort").await?;
    refused(api, "approve").await
}

/// The log says why, in a sentence and with all that the decision follows from.
fn explained(shop: &Shop, sentence: &str) -> Result<()> {
    let server = format!("http://127.0.0.1:{}", shop.port());
    let explain = |output: &str| -> Result<String> {
        let args = ["explain", RELEASE, "--output", output, "--server", &server];
        let told = std::process::Command::new(artifacts::serin()?).args(args).output()?;
        ensure!(told.status.success(), "{told:?}");
        Ok(String::from_utf8(told.stdout)?)
    };
    let text = explain("text")?;
    ensure!(text.contains("Harm") && text.contains(sentence), "{text}");
    let all: Value = serde_json::from_str(&explain("json")?)?;
    let decisions = all.get("decisions").and_then(Value::as_array).context("no decisions")?;
    let harm = decisions
        .iter()
        .find(|one| one.get("reason").is_some_and(|reason| reason == "Harm"))
        .context("no harm")?;
    let log_e = harm
        .pointer("/inputs/findings/gates/0/logEWorst")
        .and_then(Value::as_f64)
        .with_context(|| format!("no evidence in {harm}"))?;
    // 1/alpha is 100.
    ensure!(log_e >= 100_f64.ln(), "{log_e}");
    ensure!(harm.pointer("/inputs/state/traffic/weight").is_some_and(|weight| weight == "60%"));
    let intervals = harm.pointer("/inputs/findings/gates/0/intervals").and_then(Value::as_u64);
    let intervals = usize::try_from(intervals.context("no number of intervals")?)?;
    let again = computed_again(&text, &server, intervals).context("computed again")?;
    ensure!((again - log_e).abs() < 1e-9, "{again} and {log_e}");
    Ok(())
}

/// The evidence without the worst cohort after so many intervals, by the command that the log
/// itself names.
fn computed_again(text: &str, server: &str, intervals: usize) -> Result<f64> {
    let line = text.lines().find_map(|line| line.split_once("errors, computed again: serin "));
    let (_, line) = line.with_context(|| format!("no such line in {text}"))?;
    let (explain, judge) = line.split_once(" | serin ").context("no pipe")?;
    let serin = artifacts::serin()?;
    let mut explain = std::process::Command::new(&serin)
        .args(explain.split(' '))
        .args(["--server", server])
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let lines = explain.stdout.take().context("no output")?;
    let judge = std::process::Command::new(&serin).args(judge.split(' ')).stdin(lines).output();
    ensure!(explain.wait()?.success());
    let judge = judge?;
    ensure!(judge.status.success(), "{judge:?}");
    let answers = String::from_utf8(judge.stdout)?;
    let answer = answers.lines().nth(intervals.checked_sub(1).context("no interval")?);
    let answer: Value = serde_json::from_str(answer.with_context(|| format!("only {answers}"))?)?;
    answer.get("log_e_worst").and_then(Value::as_f64).with_context(|| format!("in {answer}"))
}

/// After a rollback nothing starts by itself; a retry does, from the first step.
async fn retry(shop: &Shop, api: Api) -> Result<()> {
    shop.fail_canary(0.0);
    done(api, "retry").await?;
    // The pause was a person's, and only a person ends it.
    let status = api.until(RELEASE, LIMIT, |s| is(s, "Paused")).await?;
    ensure!(status.is("Pending") && status.weight == "0%", "{status:?}");
    done(api, "resume").await?;
    api.until(RELEASE, LIMIT, |s| s.weight == "20%").await?;
    Ok(())
}

async fn abort(api: Api) -> Result<()> {
    let live = |s: &Status| s.step_clock.is_some();
    api.until(RELEASE, LIMIT, live).await?;
    let answer = done(api, "abort").await?;
    ensure!(answer.is("RollingBack") && answer.weight == "0%", "{answer:?}");
    let status = api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    ensure!(status.decisions.iter().any(|d| d.reason == "Aborted"), "{status:?}");
    Ok(())
}

fn is(status: &Status, reason: &str) -> bool {
    status.reason.as_deref() == Some(reason)
}

/// Gives a command that fits; what it led to.
async fn done(api: Api, command: &str) -> Result<Status> {
    let answer = api.command(RELEASE, command).await?;
    ensure!(answer.status == 200, "{command}: {} {}", answer.status, answer.text());
    answer.json()
}

/// Gives a command that does not fit the phase, which the answer explains.
async fn refused(api: Api, command: &str) -> Result<()> {
    let answer = api.command(RELEASE, command).await?;
    let fits = format!("{command} does not fit (");
    ensure!(
        answer.status == 409 && answer.text().contains(&fits),
        "{command}: {} {}",
        answer.status,
        answer.text()
    );
    Ok(())
}
