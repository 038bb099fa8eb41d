//! Fifty changes of the weight under load: no request fails by one, nobody is on a side against the
//! rule, and a ramp sends nobody back.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use serin_assignment::{Salt, Variant, Weight};
use serin_tests::clock::now_us;
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::load::{self, Load, Outcome, Profile, Record};
use serin_tests::rules::{self, History, Revision};
use serin_tests::site::{APPLY_LIMIT, Site};
use serin_tests::source::Answer;

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
const USERS: u32 = 2_000;
const RATE: u32 = 400;
/// Enough that Envoy's two workers both get some.
const CONNECTIONS: u32 = 16;
/// Steps of the ramp, from 2.5 % to 100 %.
const RAMP: u16 = 40;
/// What follows it: up and down, the ends among them.
const JUMPS: [&str; 10] =
    ["0%", "100%", "37.5%", "0.01%", "62.5%", "62.49%", "5%", "99.99%", "50%", "0%"];
/// How long a weight is in force at least, so that many users see it.
const STAY: Duration = Duration::from_millis(100);
/// From publication to every worker, in the median. Measured: 0.2 s with the least interval
/// between two questions that is set here; more on a busy machine, never this.
const PROMPT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_changes_under_load_fail_nobody_and_move_nobody_against_the_rule() -> Result<()> {
    let site = Site::start_changed(1, Answer::Hang, often).await?;
    let load = Load::start(&Profile {
        port: site.envoy()?.port(),
        host: HOST.to_owned(),
        identity: "x-user-id".to_owned(),
        users: USERS,
        first_user: 0,
        broken: false,
        rate: RATE,
        connections: CONNECTIONS,
    });
    let ramp: Vec<Weight> = (1..=RAMP)
        .map(|step| Weight::from_basis_points(step * (10_000 / RAMP)))
        .collect::<Option<_>>()
        .context("a weight above 100 %")?;
    let mut revisions = vec![Revision::before_all(Salt::new(NAME)?)];
    for weight in &ramp {
        revisions.push(change(&site, *weight).await?);
    }
    let ramp_ended = load.records().len();
    for weight in JUMPS {
        revisions.push(change(&site, weight.parse()?).await?);
    }
    let records = load.stop().await;

    let times = times(&revisions);
    println!("{} requests; publication to every worker: {times}", records.len());
    nobody_failed(&records)?;
    nobody_moved_back(records.get(..ramp_ended).unwrap_or_default(), &revisions)?;
    let ids = load::user_ids(USERS);
    let found = rules::check(&History::new(revisions), &load::answers(&records, &ids));
    println!("{} users seen to differ while a change was under way", found.users_seen_to_differ);
    ensure!(found.judged == records.len(), "{} of {}", found.judged, records.len());
    ensure!(found.changed_sides == 0, "{:?}", found.violations.first());
    ensure!(times.median < PROMPT, "{times}");
    Ok(())
}

/// Without the usual second between two questions, fifty changes take seconds and not a minute.
fn often(configuration: Configuration) -> Result<Configuration> {
    let source = |fields: &str| format!("{{\"cluster\": \"serin\"{fields}}}");
    configuration.replace(&source(""), &source(", \"minInterval\": \"100ms\""))
}

/// Publishes a weight and waits until every worker has it.
async fn change(site: &Site, weight: Weight) -> Result<Revision> {
    let number = revision_now();
    let rollout = Rollout::new(NAME, HOST).with("weight", json!(weight));
    let published_us = now_us();
    site.source.publish(&document(number, &[rollout]));
    site.envoy()?.admin().applied(NAME, number, APPLY_LIMIT).await?;
    let applied_us = Some(now_us());
    tokio::time::sleep(STAY).await;
    let salt = Salt::new(NAME)?;
    Ok(Revision { number, salt, weight, canary_serves: true, published_us, applied_us })
}

fn nobody_failed(records: &[Record]) -> Result<()> {
    let failed = records.iter().filter(|record| !matches!(record.outcome, Outcome::Served(_)));
    ensure!(failed.clone().count() == 0, "{:?}", failed.clone().next());
    // Every weight was seen by many.
    let expected = 50 * RATE / 10;
    ensure!(records.len() > expected as usize, "{} requests only", records.len());
    Ok(())
}

/// Whoever was once on the canary, stays: from the moment when the last worker had the weight that
/// brought the user there. Told from the answers alone, whatever the hash says.
fn nobody_moved_back(ramp: &[Record], revisions: &[Revision]) -> Result<()> {
    let mut stays: BTreeMap<u32, u64> = BTreeMap::new();
    for record in ramp.iter().filter(|record| side(record) == Some(Variant::Canary)) {
        let newest = revisions.iter().rfind(|one| one.published_us <= record.received_us);
        let applied = newest.and_then(|one| one.applied_us).context("a revision without an end")?;
        let from = stays.entry(record.user).or_insert(applied);
        *from = applied.min(*from);
    }
    ensure!(stays.len() > 1_000, "{} users on the canary only", stays.len());
    let back = ramp.iter().find(|record| {
        side(record) == Some(Variant::Stable)
            && stays.get(&record.user).is_some_and(|from| record.sent_us > *from)
    });
    ensure!(back.is_none(), "{back:?}");
    Ok(())
}

fn side(record: &Record) -> Option<Variant> {
    record.outcome.side()
}

/// How long changes took from publication to the last worker.
struct Times {
    median: Duration,
    longest: Duration,
}

fn times(revisions: &[Revision]) -> Times {
    let mut all: Vec<Duration> = revisions
        .iter()
        .skip(1)
        .filter_map(|one| Some(Duration::from_micros(one.applied_us? - one.published_us)))
        .collect();
    all.sort();
    let at = |index: usize| all.get(index).copied().unwrap_or_default();
    Times { median: at(all.len() / 2), longest: at(all.len().saturating_sub(1)) }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "median {:.0?}, longest {:.0?}", self.median, self.longest)
    }
}
