//! `serin replay` over two days of history: two releases that make no errors, each healthy and each
//! with 3 % of what users do missing, judged rightly and at the step that `serin plan` names.
//!
//! One Prometheus holds all of it, told apart by the label `run`. Its database is made by
//! Prometheus' own tool from counters that are drawn here, cohort by cohort.

mod audience;
mod draws;
mod examples;
mod history;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serin_tests::artifacts;
use serin_tests::controller::fill_template;
use serin_tests::prometheus::Prometheus;
use serin_tests::scratch::Scratch;

use examples::{Example, FEED_RANKING, HARM, RECOMMENDATIONS, REQUESTS_PER_SECOND, USERS};
use history::{END, History, Run, START};

/// Runs of each kind.
const SEEDS: u64 = 20;
/// How many of them may be judged wrongly.
const WRONG: usize = 1;
/// Replays at the same time.
const AT_ONCE: usize = 2;

/// What `serin replay --output json` says, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Replayed {
    outcome: String,
    step: usize,
}

/// What `serin plan --output json` says.
#[derive(Debug, Deserialize)]
struct Planned {
    seen: Vec<Seen>,
}

/// Where a gate sees a ratio with 90 %.
#[derive(Debug, Deserialize)]
struct Seen {
    ratio: f64,
    step: Option<usize>,
}

#[tokio::test]
async fn healthy_versions_succeed_and_harmful_ones_end_at_the_step_of_the_plan() -> Result<()> {
    let scratch = Scratch::new()?;
    let runs: Vec<Run> = [false, true]
        .into_iter()
        .flat_map(|harmful| (0..SEEDS).map(move |seed| Run { harmful, seed }))
        .collect();
    let releases = [&FEED_RANKING, &RECOMMENDATIONS];
    let histories = releases.map(|example| History::draw(example, &runs));
    history::store(&histories, scratch.path(), &scratch.folder("prometheus")?)?;
    drop(histories);
    let prometheus = Prometheus::start(&[], &scratch).await?;

    let mut files = Vec::new();
    for example in releases {
        for run in &runs {
            files.push((example, *run, release(example, *run, &prometheus, &scratch)?));
        }
    }
    let replayed = tokio::task::spawn_blocking(move || replay_all(&files)).await??;
    for example in releases {
        let any = Run { harmful: true, seed: 0 };
        let named = planned_step(&release(example, any, &prometheus, &scratch)?, example)?;
        for harmful in [false, true] {
            let wrong: Vec<_> = replayed
                .iter()
                .filter(|(of, run, _)| of.name == example.name && run.harmful == harmful)
                .filter(|(_, _, replayed)| {
                    let healthy = replayed.outcome == "succeeded";
                    let harm_seen = replayed.outcome == "rolledBack" && replayed.step == named;
                    if harmful { !harm_seen } else { !healthy }
                })
                .map(|(_, run, replayed)| (run.label(), replayed))
                .collect();
            ensure!(
                wrong.len() <= WRONG,
                "{}: the plan names step {named}; judged wrongly: {wrong:?}",
                example.name
            );
        }
    }
    Ok(())
}

/// The release file of a run.
fn release(
    example: &Example,
    run: Run,
    prometheus: &Prometheus,
    scratch: &Scratch,
) -> Result<PathBuf> {
    let template = artifacts::root()?.join(format!("tests/replay/{}.yaml", example.name));
    let (address, label) = (prometheus.address(), run.label());
    let text = fill_template(&template, &[("prometheus", &address), ("run", &label)])?;
    scratch.write(&format!("{}-{label}.yaml", example.name), text)
}

type Judged = (&'static Example, Run, Replayed);

/// Replays them all, some at a time.
fn replay_all(files: &[(&'static Example, Run, PathBuf)]) -> Result<Vec<Judged>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let work = || {
            while let Some((example, run, file)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let replayed = replay(file)?;
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push((*example, *run, replayed));
            }
            anyhow::Ok(())
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| anyhow::bail!("a replay panicked"))
        })
    })?;
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn replay(file: &Path) -> Result<Replayed> {
    let file = file.to_string_lossy();
    let args = ["replay", &file, "--start", START, "--end", END, "--output", "json"];
    Ok(serde_json::from_slice(&serin(&args)?)?)
}

/// The step at which, by the plan, a harmful version is seen with 90 %: by the first gate that
/// sees it.
fn planned_step(file: &Path, example: &Example) -> Result<usize> {
    let mut args = vec!["plan".to_owned(), file.to_string_lossy().into_owned()];
    args.extend([format!("--rps={REQUESTS_PER_SECOND}"), format!("--users={USERS}")]);
    args.extend(example.rates.iter().map(|rate| format!("--rate={rate}")));
    args.push("--output=json".to_owned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = serin(&args)?;
    let plan: Planned = serde_json::from_slice(&said)?;
    let harm = plan.seen.iter().filter(|seen| (seen.ratio - HARM).abs() < 1e-9);
    let steps = harm.filter_map(|seen| seen.step);
    steps.min().with_context(|| format!("the plan sees it nowhere: {plan:?}"))
}

fn serin(args: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(artifacts::serin()?).args(args).output().context("running serin")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "serin {args:?}: {complaint}");
    Ok(output.stdout)
}
