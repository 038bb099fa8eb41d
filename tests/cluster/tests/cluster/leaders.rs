//! Several replicas, of which one leads: who ends, sleeps, is cut off or is held up by the API server
//! writes nothing any more that another one has a say in.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use serin_cluster::cluster::Cluster;
use serin_cluster::namespace::Namespace;
use serin_cluster::operator::Operator;
use serin_cluster::records::{none_failed, sides};
use serin_cluster::relay::{Fate, Relay, Write};
use serin_cluster::released::{ROLLOUT, Released, at, stays_at_half};
use serin_tests::receiver::{Message, Mood, Receiver};
use tokio::time::sleep;

use crate::moves::{Moves, NOTHING, serving};

/// Each weight of a whole rollout once.
const WHOLE: [[u64; 3]; 5] = [NOTHING, serving(10), serving(50), serving(100), NOTHING];
/// How long a lease keeps others away.
const LEASE: Duration = Duration::from_secs(15);
/// The longest way from one leader that is asked to end to the next: two seconds between two looks at
/// the lease, and the end of what was under way.
const HANDOVER: Duration = Duration::from_secs(5);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(10);

async fn another(namespace: &Namespace) -> Result<Operator> {
    Operator::start(Cluster::shared().await?, namespace, "serin-1").await
}

/// Waits until the second replica has the lease.
async fn takes_over(namespace: &Namespace) -> Result<()> {
    let taken = |lease: &Value| at(lease, "/spec/holderIdentity") == "serin-1";
    namespace.until("lease", "serin", ROLLOUT, taken).await.map(drop)
}

#[tokio::test]
async fn another_replica_goes_on_where_one_was_killed() -> Result<()> {
    let desk = Receiver::start(Mood::Failing).await?;
    let told = json!({"name": "desk", "format": "webhook", "about": "all", "url": desk.address()});
    let mut released = Released::telling("replicas", &json!({ "receivers": [told] })).await?;
    let other = another(released.namespace()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(10).await?;
    ensure!(other.document().await?.is_some(), "the replica that does not lead has no document");
    let shown = other.releases().await?;
    let stands = |release: &Value| (at(release, "/phase").clone(), at(release, "/weight").clone());
    ensure!(shown.iter().map(stands).eq([("Progressing".into(), "10%".into())]), "{shown:?}");
    // It has decided, and has not been able to tell.
    desk.until(ROLLOUT, |messages| !messages.is_empty()).await?;
    released.operator.process().kill()?;
    desk.turn(Mood::Well);
    let start = Instant::now();
    takes_over(released.namespace()).await?;
    ensure!(start.elapsed() < LEASE + SLACK, "{:?}", start.elapsed());
    println!("killed: another one leads after {:?}", start.elapsed());
    released.until_phase("Succeeded").await?;
    let records = load.stop().await;
    none_failed(&records)?;
    moves.are(&WHOLE).await?;
    ensure!(sides(&records).values().all(|sides| sides.len() <= 3), "users went back and forth");
    every_decision_was_told(&desk).await
}

/// By the replica that went on: what the one before had decided and told in vain, and all that came
/// then.
async fn every_decision_was_told(desk: &Receiver) -> Result<()> {
    let messages = desk.until(ROLLOUT, is_over).await?;
    let (vain, heard): (Vec<&Message>, Vec<&Message>) =
        messages.iter().partition(|message| message.mood == Mood::Failing);
    let first = vain.first().context("nothing was told in vain")?;
    let again = heard.first().context("nothing was heard")?;
    ensure!(again.header("webhook-id")? == first.header("webhook-id")?, "another id");
    let mut numbers = heard.iter().map(|it| number(it)).collect::<Result<Vec<u64>>>()?;
    numbers.dedup();
    let in_order: Vec<u64> = (number(first)?..).take(numbers.len()).collect();
    ensure!(numbers == in_order, "{numbers:?} after {first:?} in vain");
    Ok(())
}

/// Whether they have heard of a rise, and then of the rollout's end.
fn is_over(messages: &[Message]) -> bool {
    let last = |reason: &str| {
        messages.iter().rposition(|message| {
            message.mood == Mood::Well
                && message.json().is_ok_and(|body| at(&body, "/data/reason") == reason)
        })
    };
    let rise = last("Advanced");
    rise.is_some() && last("Succeeded") > rise
}

/// Which of the release's decisions a message tells of.
fn number(message: &Message) -> Result<u64> {
    at(&message.json()?, "/data/number").as_u64().context("a message without a number")
}

/// Between the write that stores a decision and its Event.
#[tokio::test]
async fn the_next_leader_tells_of_what_the_one_before_decided_and_had_no_time_to_tell() -> Result<()>
{
    let (mut released, relay) = Released::relayed("untold", &stays_at_half()).await?;
    let _other = another(released.namespace()).await?;
    let loses = |write: &Write| write.what == "events" && at(&write.body, "/reason") == "Advanced";
    relay.rule(move |write| if loses(write) { Fate::LoseRequest } else { Fate::Pass });
    released.set_image("shop:1.1").await?;
    let (untold, _) = relay.stopped().await?;
    released.operator.process().kill()?;
    takes_over(released.namespace()).await?;
    let name = at(&untold.body, "/metadata/name").as_str().context("an Event without a name")?;
    let event = told(released.namespace(), name).await?;
    ensure!(at(&event, "/reportingInstance") == "serin-1", "{event:#}");
    ensure!(at(&event, "/message") == at(&untold.body, "/note"), "{event:#}");
    Ok(())
}

/// Waits for the Event of this name.
async fn told(namespace: &Namespace, name: &str) -> Result<Value> {
    let start = Instant::now();
    loop {
        let events = namespace.kubectl().get(&["events"]).await?;
        let mut items = at(&events, "/items").as_array().into_iter().flatten();
        if let Some(event) = items.find(|event| at(event, "/metadata/name") == name) {
            return Ok(event.clone());
        }
        ensure!(start.elapsed() < ROLLOUT, "nobody told of {name}: {events:#}");
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_replica_that_is_asked_to_end_hands_over_at_once_and_the_next_one_goes_on() -> Result<()>
{
    let mut released = Released::start("handover").await?;
    let _other = another(released.namespace()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(10).await?;
    let start = Instant::now();
    let ended = released.operator.process().stop()?;
    ensure!(ended.success(), "{ended}");
    takes_over(released.namespace()).await?;
    ensure!(start.elapsed() <= HANDOVER, "{:?}", start.elapsed());
    println!("asked to end: another one leads after {:?}", start.elapsed());
    released.until_phase("Succeeded").await?;
    none_failed(&load.stop().await)?;
    moves.are(&WHOLE).await?;
    Ok(())
}

#[tokio::test]
async fn a_leader_that_slept_through_its_lease_writes_nothing_when_it_wakes() -> Result<()> {
    let (mut released, relay) = Released::relayed("slept", &stays_at_half()).await?;
    let _other = another(released.namespace()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(50).await?;
    // As a machine that is suspended: it believes that it leads, and nobody tells it otherwise.
    released.operator.process().signal(Signal::STOP)?;
    takes_over(released.namespace()).await?;
    // The other one decides something new, which the sleeper knows nothing of.
    released.kubectl_serin(&["abort", "shop"]).await?;
    released.until_phase("RolledBack").await?;
    let made = relay.made().len();
    released.operator.process().signal(Signal::CONT)?;
    writes_nothing(&released, &relay, made).await?;
    moves.are(&[NOTHING, serving(10), serving(50), NOTHING]).await?;
    none_failed(&load.stop().await)?;
    Ok(())
}

#[tokio::test]
async fn a_leader_that_is_cut_off_writes_nothing_when_the_way_is_mended() -> Result<()> {
    let (released, relay) = Released::relayed("severed", &stays_at_half()).await?;
    let _other = another(released.namespace()).await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    released.set_image("shop:1.1").await?;
    released.until_weight(50).await?;
    relay.cut(true);
    takes_over(released.namespace()).await?;
    released.kubectl_serin(&["abort", "shop"]).await?;
    released.until_phase("RolledBack").await?;
    let made = relay.made().len();
    relay.cut(false);
    writes_nothing(&released, &relay, made).await?;
    moves.are(&[NOTHING, serving(10), serving(50), NOTHING]).await?;
    none_failed(&load.stop().await)?;
    Ok(())
}

/// Gives the first replica time for what it still believes that it should do. All that it makes is
/// seen by its relay.
async fn writes_nothing(released: &Released, relay: &Relay, made: usize) -> Result<()> {
    sleep(Duration::from_secs(6)).await;
    let written = relay.made().split_off(made);
    ensure!(written.is_empty(), "it wrote {written:#?}");
    // What it answers proxies is what the other one has stored.
    let document = released.operator.document().await?.unwrap_or_default();
    ensure!(document.contains(r#""canaryServes":false"#), "{document}");
    Ok(())
}

#[tokio::test]
async fn an_api_server_that_turns_most_requests_away_slows_a_rollout_and_moves_nothing_twice()
-> Result<()> {
    let mut released = Released::start("throttled").await?;
    let moves = Moves::follow(released.namespace()).await?;
    let load = released.shop.gateway().load();
    throttle(released.namespace()).await?;
    released.set_image("shop:1.1").await?;
    released.until_phase("Succeeded").await?;
    let log = released.operator.process().log();
    let turned_away = log.matches("Too many requests").count();
    ensure!(turned_away > 3, "it was turned away {turned_away} times");
    none_failed(&load.stop().await)?;
    moves.are(&WHOLE).await?;
    Ok(())
}

/// Leaves the controller one request at a time about this namespace, and lets none wait for its turn:
/// two at once and one is answered 429.
async fn throttle(namespace: &Namespace) -> Result<()> {
    let flow = format!(
        "
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {{name: throttled}}
spec:
  type: Limited
  limited: {{nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: {{type: Reject}}}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {{name: throttled}}
spec:
  matchingPrecedence: 2
  priorityLevelConfiguration: {{name: throttled}}
  rules:
  - subjects: [{{kind: ServiceAccount, serviceAccount: {{name: serin, namespace: serin-system}}}}]
    resourceRules: [{{verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: [{}]}}]
",
        namespace.name()
    );
    namespace.apply(&flow).await
}
