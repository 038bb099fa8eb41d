//! Signed tokens of testers on the real Envoy, made by the real `serin`: whom they let in, that none
//! gets upstream, what is remembered, and where keys may stand.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use serin_tests::configuration::Configuration;
use serin_tests::documents::{Rollout, document, revision_now};
use serin_tests::scratch::Scratch;
use serin_tests::site::Site;
use serin_tests::source::Answer;
use serin_tests::webapp::Shown;
use serin_tests::{artifacts, http};

use super::{marked, unmarked};

const SHOP: &str = "shop.example.com";
const CLOSED: &str = "closed.example.com";
const OTHER: &str = "other.example.com";
const NOWHERE: &str = "nowhere.example.com";

/// A file of keys that `serin token key` has made.
pub(crate) struct Keys {
    scratch: Scratch,
    pub(crate) text: String,
}

impl Keys {
    pub(crate) fn make() -> Result<Self> {
        let scratch = Scratch::new()?;
        let text = serin(&["token", "key", "--id", "k1"])?;
        scratch.write("keys.json", &text)?;
        Ok(Self { scratch, text })
    }

    /// The same keys after a new one.
    pub(crate) fn after_a_new_one(&self) -> Result<Self> {
        let scratch = Scratch::new()?;
        let file = self.scratch.path().join("keys.json");
        let file = file.to_string_lossy();
        let text = serin(&["token", "key", "--id", "k2", "--key-file", &file])?;
        scratch.write("keys.json", &text)?;
        Ok(Self { scratch, text })
    }

    fn secret(&self) -> Result<String> {
        let keys: Value = serde_json::from_str(&self.text)?;
        Ok(keys.pointer("/0/key").and_then(Value::as_str).context("no key")?.to_owned())
    }

    pub(crate) fn token(
        &self,
        rollout: &str,
        variant: &str,
        audience: &str,
        life: &str,
    ) -> Result<String> {
        let file = self.scratch.path().join("keys.json");
        let file = file.to_string_lossy();
        let token = serin(&[
            "token",
            "create",
            "--rollout",
            rollout,
            "--variant",
            variant,
            "--audience",
            audience,
            "--expires",
            life,
            "--key-file",
            &file,
        ])?;
        Ok(token.trim_end().to_owned())
    }
}

fn serin(arguments: &[&str]) -> Result<String> {
    let output = Command::new(artifacts::serin()?).args(arguments).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "serin {arguments:?}: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}

fn rollouts() -> Vec<Rollout> {
    let signed = json!({"audience": "shop"});
    let testers = json!([
        {"header": "x-try", "signed": signed, "remember": "kept"},
        {"cookie": "try", "signed": signed, "remember": "kept"},
        {"query": "try", "signed": signed, "remember": "kept"},
    ]);
    let plain = json!([{"query": "try", "remember": "kept"}]);
    vec![
        Rollout::new("shop/checkout", SHOP).with("testers", testers.clone()),
        Rollout::new("shop/closed", CLOSED)
            .with("canaryServes", json!(false))
            .with("testers", testers),
        Rollout::new("shop/other", OTHER).with("testers", plain),
    ]
}

/// A proxy with a source, whose configuration has been changed.
async fn site(change: impl FnOnce(Configuration) -> Result<Configuration>) -> Result<Site> {
    let site = Site::start_changed(1, Answer::document(&document(1, &[])), change).await?;
    site.publish(revision_now(), &rollouts()).await?;
    Ok(site)
}

/// A proxy whose configuration has keys, and a token by them.
async fn with_keys(
    change: impl FnOnce(Configuration) -> Configuration,
) -> Result<(Site, Keys, String)> {
    let keys = Keys::make()?;
    let beside = format!("\"testerKeys\": {}, \"source\"", keys.text.trim_end());
    let site = site(|example| change(example).replace("\"source\"", &beside)).await?;
    let token = keys.token("shop/checkout", "canary", "shop", "1h")?;
    Ok((site, keys, token))
}

/// With a changed example, testers are let in at every place, and remembered.
pub(crate) async fn let_testers_in(
    change: impl FnOnce(Configuration) -> Configuration,
) -> Result<()> {
    let (site, keys, token) = with_keys(change).await?;
    every_place(&site, &token).await.context("places")?;
    remembered(&site, &keys, &token).await.context("remembered")
}

#[tokio::test]
async fn signed_tokens_let_testers_in_and_never_get_upstream() -> Result<()> {
    let (site, keys, token) = with_keys(|example| example).await?;
    every_place(&site, &token).await.context("places")?;
    refused(&site, &keys, &token).await.context("refused")?;
    remembered(&site, &keys, &token).await.context("remembered")?;
    remembered_words(&site).await.context("remembered words")?;

    let log = fs::read_to_string(site.scratch.path().join("envoy-1.log"))?;
    ensure!(!log.contains(&keys.secret()?) && !log.contains(&token), "secrets in the log");
    let admin = site.envoy()?.admin().port();
    let stats = http::get(admin, "/stats").await?.text();
    ensure!(!stats.contains(&keys.secret()?), "secrets in the statistics");
    // As README warns.
    let dump = http::get(admin, "/config_dump").await?.text();
    ensure!(dump.contains(&keys.secret()?), "the config dump shows no configuration");
    Ok(())
}

async fn every_place(site: &Site, token: &str) -> Result<()> {
    let (cookies, query) = (format!("a=1; try={token}; b=2"), format!("/x?a=%2f&try={token}&b=+"));
    let plain = [("x-other", b"1".as_slice())];
    let header = [("x-try", token.as_bytes()), ("X-Try", b"2".as_slice())];
    let cookie = [("cookie", cookies.as_bytes()), ("cookie", b"c=3".as_slice())];
    for (host, side) in [(SHOP, "canary"), (CLOSED, "stable")] {
        let shown = site.see(host, "/x", &header).await?;
        marked(&shown, side)?;
        arrived(&shown, "/x", &[])?;
        let shown = site.see(host, "/x", &cookie).await?;
        marked(&shown, side)?;
        arrived(&shown, "/x", &["a=1; b=2; c=3"])?;
        let shown = site.see(host, &query, &plain).await?;
        marked(&shown, side)?;
        arrived(&shown, "/x?a=%2f&b=+", &[])?;
    }
    // Neither where another rollout looks for words, nor where there is none.
    let all = [header[0], cookie[0], cookie[1]];
    let other = site.see(OTHER, &query, &all).await?;
    marked(&other, "stable")?;
    arrived(&other, "/x?a=%2f&b=+", &["a=1; b=2; c=3"])?;
    let nowhere = site.see(NOWHERE, &query, &all).await?;
    unmarked(&nowhere)?;
    arrived(&nowhere, "/x?a=%2f&b=+", &["a=1; b=2; c=3"])?;
    // There, what is no token is somebody else's.
    let theirs = [("x-try", b"1".as_slice()), ("cookie", b"try=1; kept=2")];
    let shown = site.see(NOWHERE, "/?try=3", &theirs).await?;
    ensure!(shown.values("x-try") == ["1"], "{:?}", shown.headers);
    ensure!(shown.path == "/?try=3" && shown.values("cookie") == ["try=1; kept=2"]);
    Ok(())
}

/// What the application sees of path and cookies; of the header nothing.
fn arrived(shown: &Shown, path: &str, cookies: &[&str]) -> Result<()> {
    ensure!(shown.path == path, "{} arrived", shown.path);
    ensure!(shown.values("cookie") == cookies, "{:?} arrived", shown.values("cookie"));
    let header = shown.values("x-try");
    ensure!(header.is_empty(), "{header:?} arrived");
    let token = shown.headers.iter().find(|(_, value)| value.contains("serin1~"));
    ensure!(token.is_none(), "{token:?} arrived");
    Ok(())
}

/// Each reason, some of them twice.
async fn refused(site: &Site, keys: &Keys, token: &str) -> Result<()> {
    let ended = keys.token("shop/checkout", "canary", "shop", "1s")?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    remembered_for_longer(site, &ended).await.context("a remembered one that has ended")?;
    for (bad, reason, sofar) in [
        ("canary".to_owned(), "malformed", 1.0),
        ("\u{fffd}".to_owned(), "malformed", 2.0),
        (token.replace("~k1~", "~k2~"), "unknown-key", 1.0),
        (token.replace("~canary~", "~stable~"), "bad-signature", 1.0),
        (ended, "expired", 2.0),
        (keys.token("shop/checkout", "canary", "site", "1h")?, "other-audience", 1.0),
        (keys.token("shop/closed", "canary", "shop", "1h")?, "other-rollout", 1.0),
    ] {
        let shown = site.see(SHOP, "/", &[("x-try", bad.as_bytes())]).await?;
        marked(&shown, "stable").with_context(|| bad.clone())?;
        arrived(&shown, "/", &[])?;
        counted(site, "shop/checkout", reason, sofar).await?;
    }
    Ok(())
}

/// Who carries it is like everybody from then on, and the browser is told to forget it.
async fn remembered_for_longer(site: &Site, ended: &str) -> Result<()> {
    let (shown, set) = browse(site, SHOP, "/", Some(&format!("kept={ended}; a=1"))).await?;
    marked(&shown, "stable")?;
    arrived(&shown, "/", &["a=1"])?;
    ensure!(set == ["kept=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"], "{set:?}");
    counted(site, "shop/checkout", "expired", 1.0).await
}

pub(crate) async fn counted(site: &Site, rollout: &str, reason: &str, count: f64) -> Result<()> {
    let (admin, labels) = (site.envoy()?.admin(), [("rollout", rollout), ("reason", reason)]);
    for _ in 0..100 {
        // Counts go to Envoy once a second.
        if admin.sum("serin_tokens_refused", &labels).await? == Some(count) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{:?}, not {count} {reason}", admin.stats("serin_tokens_refused").await?)
}

/// Sends a request like a browser; what the application saw, and which cookies are set.
async fn browse(
    site: &Site,
    host: &str,
    path: &str,
    cookie: Option<&str>,
) -> Result<(Shown, Vec<String>)> {
    let mut headers = vec![("host", host)];
    headers.extend(cookie.map(|cookie| ("cookie", cookie)));
    let request = http::request(Method::GET, path, &headers, "")?;
    let answer = http::send(site.envoy()?.port(), request).await?;
    let set = answer.headers.get_all("set-cookie").iter();
    let set = set.map(|value| value.to_str().map(str::to_owned)).collect::<Result<_, _>>()?;
    Ok((answer.json()?, set))
}

async fn remembered(site: &Site, keys: &Keys, token: &str) -> Result<()> {
    let (shown, set) = browse(site, SHOP, &format!("/?try={token}"), Some("a=1")).await?;
    marked(&shown, "canary")?;
    let expected = [format!("kept={token}; Path=/; HttpOnly; SameSite=Lax")];
    ensure!(set == expected, "{set:?}");
    // The browser sends it back from now on, and nobody else sees it.
    let kept = format!("kept={token}; a=1");
    let (shown, set) = browse(site, SHOP, "/next", Some(&kept)).await?;
    marked(&shown, "canary")?;
    arrived(&shown, "/next", &["a=1"])?;
    ensure!(set.is_empty(), "{set:?}");
    let (shown, _) = browse(site, SHOP, "/", Some("kept=canary")).await?;
    marked(&shown, "stable")?;
    // What is said goes before what is remembered, and in its place.
    let stable = keys.token("shop/checkout", "stable", "shop", "1h")?;
    let (shown, set) = browse(site, SHOP, &format!("/?try={stable}"), Some(&kept)).await?;
    marked(&shown, "stable")?;
    ensure!(set == [format!("kept={stable}; Path=/; HttpOnly; SameSite=Lax")], "{set:?}");
    let (shown, set) = browse(site, SHOP, "/?try=forget", Some(&kept)).await?;
    marked(&shown, "stable")?;
    arrived(&shown, "/", &["a=1"])?;
    ensure!(set == ["kept=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"], "{set:?}");
    Ok(())
}

/// Plain words are remembered as they are, and go upstream like any cookie.
async fn remembered_words(site: &Site) -> Result<()> {
    let (shown, set) = browse(site, OTHER, "/?try=canary", None).await?;
    marked(&shown, "canary")?;
    ensure!(set == ["kept=canary; Path=/; HttpOnly; SameSite=Lax"], "{set:?}");
    ensure!(shown.path == "/?try=canary", "{}", shown.path);
    let (shown, set) = browse(site, OTHER, "/", Some("kept=canary")).await?;
    marked(&shown, "canary")?;
    ensure!(shown.values("cookie") == ["kept=canary"] && set.is_empty(), "{set:?}");
    Ok(())
}

#[tokio::test]
async fn keys_may_stand_in_the_environment_and_their_lack_is_said_once() -> Result<()> {
    let keys = Keys::make()?;
    let token = keys.token("shop/checkout", "canary", "shop", "1h")?;
    let tester = [("x-try", token.as_bytes())];

    let variables = json!({"key_values": {"SERIN_TESTER_KEYS": keys.text.trim_end()}});
    let runtime = "runtime: envoy.wasm.runtime.v8";
    let with = format!("{runtime}\n                  environment_variables: {variables}");
    let set = site(|example| example.replace(runtime, &with)).await?;
    marked(&set.see(SHOP, "/", &tester).await?, "canary")?;
    let log = fs::read_to_string(set.scratch.path().join("envoy-1.log"))?;
    ensure!(!log.contains(&keys.secret()?), "secrets in the log");
    drop(set);

    let without = site(Ok).await?;
    for _ in 0..10 {
        marked(&without.see(SHOP, "/", &tester).await?, "stable")?;
    }
    counted(&without, "shop/checkout", "unknown-key", 10.0).await?;
    without.publish(revision_now(), &rollouts()).await?;
    let log = fs::read_to_string(without.scratch.path().join("envoy-1.log"))?;
    let said = log.matches("no key for testers' tokens").count();
    ensure!(said == 1, "said {said} times:\n{log}");
    ensure!(log.contains("to shop/checkout, shop/closed: set testerKeys"), "{log}");
    Ok(())
}
