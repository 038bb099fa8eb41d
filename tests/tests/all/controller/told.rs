//! Who is told of decisions misses none, however badly they behave, and holds up nothing.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64, Encoding as _};
use ring::hmac;
use serde_json::{Value, json};
use serin_tests::patience::until;
use serin_tests::receiver::{Message, Mood, Receiver};
use serin_tests::shop::{RELEASE, Shop};

use super::LIMIT;

const STEPS: &str = "[{weight: 20%, bake: 1h}, {weight: 100%, bake: 1h}]";
const KEY: &[u8; 32] = b"known to the two of them and me.";

#[tokio::test]
async fn everyone_is_told_of_everything_and_nothing_waits_for_them() -> Result<()> {
    let mut shop = Shop::start(STEPS).await?;
    let (program, room) =
        (Receiver::start(Mood::Failing).await?, Receiver::start(Mood::Well).await?);
    shop.tell(receivers(&shop, &program, &room)?);

    // One who refuses all, and a controller that is killed meanwhile.
    let mut controller = shop.control().await?;
    controller.api().until(RELEASE, LIMIT, |s| s.step_clock.is_some()).await?;
    let refused = program.until(LIMIT, |messages| !messages.is_empty()).await?;
    controller.process().kill()?;

    // One who sends others elsewhere, then never answers, while harm is done.
    program.turn(Mood::Redirecting);
    let controller = shop.control().await?;
    program.until(LIMIT, |messages| messages.iter().any(|m| m.mood == Mood::Redirecting)).await?;
    program.turn(Mood::Hanging);
    program.until(LIMIT, |messages| messages.iter().any(|m| m.mood == Mood::Hanging)).await?;
    shop.fail_canary(0.5);
    controller.api().until(RELEASE, LIMIT, |s| s.is("RolledBack")).await?;

    // One who has it and says no, then takes all.
    program.turn(Mood::Lying);
    program.until(LIMIT, |messages| messages.iter().any(|m| m.mood == Mood::Lying)).await?;
    program.turn(Mood::Well);
    let ended = |messages: &[Message]| taken(messages).last().is_some_and(is_end);
    let messages = program.until(LIMIT, ended).await?;
    ensure!(!program.has_strayed(), "a redirect was followed");

    let decided = controller.api().status(RELEASE).await?.decisions;
    let told: Vec<Value> = taken(&messages);
    let reasons: Vec<&str> = told.iter().filter_map(|data| data.get("reason")?.as_str()).collect();
    let logged: Vec<&str> = decided.iter().map(|decision| decision.reason.as_str()).collect();
    ensure!(reasons == logged, "{reasons:?} told, {logged:?} decided");
    for (place, data) in told.iter().enumerate() {
        ensure!(
            data.get("number") == Some(&json!(place + 1)),
            "{data} is not number {}",
            place + 1
        );
    }
    for message in messages.iter().chain(&refused) {
        verify(message)?;
    }

    // The chat room has had what begins and ends, while the other one was away.
    let texts = room.until(LIMIT, |messages| text(messages.last()).contains("RolledBack")).await?;
    let harm = texts.iter().filter(|message| text(Some(message)).contains("Harm")).count();
    ensure!(harm >= 1 && texts.iter().all(|m| !text(Some(m)).contains("Baking")), "{texts:?}");

    // Nothing that was taken comes again with the next process, once that it was is stored.
    stored(&shop, told.len()).await?;
    drop(controller);
    let before = program.messages().len();
    let controller = shop.control().await?;
    let api = controller.api();
    shop.fail_canary(0.0);
    let answer = api.command(RELEASE, "retry").await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let messages = program.until(LIMIT, |messages| messages.len() > before).await?;
    let next = messages.get(before).context("no message")?.json()?;
    ensure!(next.pointer("/data/number") == Some(&json!(told.len() + 1)), "{next}");
    shop.judge()?;
    Ok(())
}

/// Waits until it is stored that the program has so many decisions.
async fn stored(shop: &Shop, many: usize) -> Result<()> {
    let stored = async || {
        let record: Value = serde_json::from_slice(&fs::read(shop.state_file())?)?;
        Ok(record.pointer("/told/program") == Some(&json!(many)))
    };
    until(LIMIT, stored).await.map(drop).with_context(|| format!("{many} told"))
}

/// The file of receivers, with the key beside it.
fn receivers(shop: &Shop, program: &Receiver, room: &Receiver) -> Result<PathBuf> {
    let folder = shop.scratch.folder("receivers")?;
    fs::write(folder.join("key"), format!("whsec_{}\n", Base64::encode_string(KEY)))?;
    fs::write(folder.join("room"), format!("{}\n", room.address()))?;
    let file = folder.join("receivers.yaml");
    let program = json!({"name": "program", "format": "webhook", "url": program.address(),
        "signingKeyFile": "key", "about": "all", "releases": ["test/*"]});
    let room = json!({"name": "room", "format": "slack", "urlFile": "room"});
    let other = json!({"name": "other", "format": "teams", "url": "http://127.0.0.1:1/",
        "releases": ["other/*"]});
    fs::write(&file, json!({"receivers": [program, room, other]}).to_string())?;
    Ok(file)
}

/// The decisions in messages that were taken, each once.
fn taken(messages: &[Message]) -> Vec<Value> {
    let well = messages.iter().filter(|message| message.mood == Mood::Well);
    well.filter_map(|message| message.json().ok()?.get("data").cloned()).collect()
}

fn is_end(data: &Value) -> bool {
    data.get("reason").is_some_and(|reason| reason == "RolledBack")
}

fn text(message: Option<&Message>) -> String {
    let body = message.and_then(|message| message.json().ok()).unwrap_or_default();
    body.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Who has the key can tell that the message is the controller's, and how old it is.
fn verify(message: &Message) -> Result<()> {
    let (id, time) = (message.header("webhook-id")?, message.header("webhook-timestamp")?);
    let signature = message.header("webhook-signature")?.strip_prefix("v1,").context("no v1")?;
    let tag = Base64::decode_vec(signature).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut signed = format!("{id}.{time}.").into_bytes();
    signed.extend_from_slice(&message.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
    hmac::verify(&key, &signed, &tag).ok().context("the signature is wrong")?;
    let signed = UNIX_EPOCH + Duration::from_secs(time.parse()?);
    let age = SystemTime::now().duration_since(signed)?;
    ensure!(age < Duration::from_mins(10), "signed {age:?} ago");
    Ok(())
}
