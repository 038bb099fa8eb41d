//! Another system has a say: it is asked once all else speaks for a rise, and heeded.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use serin_tests::controller::{Api, Status};
use serin_tests::receiver::{Message, Mood, Receiver};
use serin_tests::shop::{RELEASE, Shop};

use super::LIMIT;

const STEPS: &str = "[{weight: 20%, bake: 1s}, {weight: 60%, bake: 1s}, {weight: 100%, bake: 1h}]";

#[tokio::test]
async fn another_system_holds_a_rollout_and_sends_it_back() -> Result<()> {
    let mut shop = Shop::start(STEPS).await?;
    let (board, test) =
        (Receiver::start(Mood::Failing).await?, Receiver::start(Mood::Hanging).await?);
    let gate = |name: &str, asked: &Receiver, before: &str, on_no: &str| {
        json!({"name": name, "kind": "webhook", "url": asked.address(), "before": before,
            "onNo": on_no, "timeout": "1s"})
    };
    shop.gate(&gate("board", &board, "start", "hold").to_string())?;
    shop.gate(&gate("load-test", &test, "60%", "rollback").to_string())?;
    let controller = shop.control().await?;
    let api = controller.api();

    // A no before the start: nobody gets the canary, and it is asked again, about the same thing.
    let status = waits_for(api, "board: no: answered HTTP 500").await?;
    ensure!(status.is("Pending") && status.weight == "0%", "{status:?}");
    board.until(LIMIT, |messages| messages.len() > 1).await?;
    board.turn(Mood::Well);
    api.until(RELEASE, LIMIT, |s| s.weight == "20%").await?;
    for message in board.messages() {
        is_question(&message, "board", "0%")?;
    }
    ensure!(ids(&board.messages())?.len() == 1, "{:?}", board.messages());

    // No answer, and one of something in between: the weight stays.
    waits_for(api, "load-test: no answer within 1 s").await?;
    test.turn(Mood::Lying);
    let status = waits_for(api, "load-test: answered HTTP 503").await?;
    ensure!(status.weight == "20%", "{status:?}");
    is_question(test.messages().first().context("nobody asked")?, "load-test", "20%")?;

    // A no where that calls for a rollback.
    test.turn(Mood::Failing);
    let status = api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    let harm = status.decisions.iter().find(|decision| decision.reason == "Harm");
    let harm = &harm.context("no harm")?.message;
    ensure!(harm.contains("load-test fails: no: answered HTTP 500"), "{harm}");
    let reached = status.decisions.iter().any(|decision| decision.message.contains("to 60%"));
    ensure!(!reached, "{:?}", status.decisions);
    shop.judge()?;
    Ok(())
}

#[tokio::test]
async fn silence_before_a_rise_and_a_no_before_the_end_go_by_their_policies() -> Result<()> {
    let mut shop = Shop::start("[{weight: 20%, bake: 1s}, {weight: 100%, bake: 1s}]").await?;
    let strict = Receiver::start(Mood::Lying).await?;
    let lenient = Receiver::start(Mood::Lying).await?;
    let last = Receiver::start(Mood::Failing).await?;
    for (name, asked, before, on_error) in [
        ("strict", &strict, "rise", "rollback"),
        ("lenient", &lenient, "rise", "pass"),
        ("last", &last, "end", "rollback"),
    ] {
        let gate = json!({"name": name, "kind": "webhook", "url": asked.address(),
            "before": before, "onError": on_error, "timeout": "1s"});
        shop.gate(&gate.to_string())?;
    }
    let controller = shop.control().await?;
    let api = controller.api();

    // Where silence sends everyone back.
    let status = api.until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;
    let harm = status.decisions.iter().find(|decision| decision.reason == "Harm");
    let harm = &harm.context("no harm")?.message;
    ensure!(harm.contains("strict fails: answered HTTP 503"), "{harm}");
    is_question(strict.messages().first().context("nobody asked")?, "strict", "20%")?;
    ensure!(last.messages().is_empty(), "asked before the end: {:?}", last.messages());

    // Where it counts as a yes, and a no at the end holds there.
    strict.turn(Mood::Well);
    let answer = api.command(RELEASE, "retry").await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    let status = waits_for(api, "last: no: answered HTTP 500").await?;
    ensure!(status.weight == "100%" && status.is("Progressing"), "{status:?}");
    is_question(lenient.messages().last().context("nobody asked")?, "lenient", "20%")?;
    is_question(last.messages().first().context("nobody asked")?, "last", "100%")?;
    last.turn(Mood::Well);
    api.until(RELEASE, LIMIT, |s| s.is("Succeeded")).await.map(drop)
}

async fn waits_for(api: Api, said: &str) -> Result<Status> {
    let waits = |status: &Status| {
        status.reason.as_deref() == Some("WaitingForAnswer") && status.message.contains(said)
    };
    api.until(RELEASE, LIMIT, waits).await.with_context(|| format!("waiting for {said:?}"))
}

fn is_question(message: &Message, gate: &str, weight: &str) -> Result<()> {
    let asked = message.json()?;
    let data = asked.get("data").context("no data")?;
    let is = |field: &str, value: &str| data.get(field).and_then(Value::as_str) == Some(value);
    ensure!(asked.get("type").is_some_and(|kind| kind == "serin.question"), "{asked}");
    ensure!(is("gate", gate) && is("weight", weight) && is("name", "shop"), "{asked}");
    Ok(())
}

fn ids(messages: &[Message]) -> Result<std::collections::BTreeSet<String>> {
    messages.iter().map(|message| Ok(message.header("webhook-id")?.to_owned())).collect()
}
