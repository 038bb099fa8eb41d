//! How requests ended, as the filter counts it on the real Envoy: exactly what was sent, by variant,
//! cohort and class.

mod counted;
mod grpc;
mod replaced;
mod site;
mod upstream;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use serin_assignment::{Salt, assign};
use serin_tests::documents::Rollout;

use counted::{Counts, Sent, counted, reached};
use site::{SLOW, Site, read_part, rollout};

const SHOP: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
/// Half of the users share this one out among themselves; nobody of the others is sent anything.
const PART: &str = "part.example.com";
const PART_NAME: &str = "shop/part";
/// `printf '%s' 'team:ann' | sha256sum | cut -c-32`.
const ANN: &str = "341e32d8f475874806c7951619c431e3";
/// Enough for every cohort on both sides.
const USERS: usize = 240;
/// Enough for both sides, where each request takes its time.
const FEW: usize = 6;

#[tokio::test]
async fn counts_are_what_was_sent() -> Result<()> {
    let site = Site::start().await?;
    let mut sent = Sent::new(NAME);
    let segment =
        json!({"name": "few", "when": {"header": "x-rule", "is": "segment"}, "variant": "canary"});
    let by_rules = rollout(NAME, SHOP, "50%")
        .with("testers", json!([{"header": "x-try"}]))
        .with("exclude", json!([{"header": "x-rule", "is": "exclude"}]))
        .with("eligible", json!({"not": {"header": "x-rule", "is": "eligible"}}))
        .with("users", json!({"salt": "team", "canary": [ANN]}))
        .with("segments", json!([segment]));
    let part = rollout(PART_NAME, PART, "50%").with("buckets", json!(["50%", "100%"]));
    site.publish(&[by_rules, part]).await?;

    statuses(&site, &mut sent).await.context("statuses")?;
    nobody_else(&site).await.context("testers and the anonymous")?;
    by_rule(&site).await.context("who is somewhere by a rule")?;
    sent.is_counted(site.admin()).await.context("at once")?;
    let of_others = counted(site.admin(), "serin_responses", PART_NAME, &["variant"]).await?;
    ensure!(of_others.is_empty(), "users of another part are evidence: {of_others:?}");
    badly(&site, &mut sent).await.context("slow, broken and left")?;
    sent.is_counted(site.admin()).await.context("slow, broken and left")?;
    a_change_in_between(&site, &mut sent).await.context("a change in between")?;
    sent.is_counted(site.admin()).await.context("a change in between")?;
    served(&site, &sent).await.context("who served")?;
    site.both_workers_took_part().await
}

fn users(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user-{number}"))
}

async fn statuses(site: &Site, sent: &mut Sent) -> Result<()> {
    let classes =
        [("/", "ok"), ("/status/404", "ok"), ("/status/500", "error"), ("/status/503", "error")];
    for user in users(USERS) {
        for (path, class) in classes {
            site.user(SHOP, path, &user).await?;
            sent.add(&user, "50%", class)?;
        }
    }
    let cohorts: BTreeSet<_> = sent.counts.keys().map(|key| key.get(..2)).collect();
    ensure!(cohorts.len() == 32, "not every cohort on both sides: {cohorts:?}");
    Ok(())
}

/// They differ from the rest, and are no evidence: what is sent here is not expected anywhere.
async fn nobody_else(site: &Site) -> Result<()> {
    for choice in [b"canary".as_slice(), b"stable"] {
        for user in users(FEW) {
            let headers = [("x-user-id", user.as_bytes()), ("x-try", choice)];
            site.get(SHOP, "/status/500", &headers).await?;
        }
    }
    for _ in 0..FEW {
        site.get(SHOP, "/status/500", &[]).await?;
        site.user("elsewhere.example.com", "/status/500", "user-1").await?;
    }
    Ok(())
}

/// Nor are these, each by one rule.
async fn by_rule(site: &Site) -> Result<()> {
    for user in users(FEW) {
        for rule in [b"exclude".as_slice(), b"eligible", b"segment"] {
            let headers = [("x-user-id", user.as_bytes()), ("x-rule", rule)];
            site.get(SHOP, "/status/500", &headers).await?;
        }
        site.user(SHOP, "/status/500", "ann").await?;
    }
    let salt: Salt = PART_NAME.parse()?;
    let is_outside = |user: &String| assign(&salt, user.as_bytes()).bucket.get() < 5_000;
    for user in users(USERS).filter(is_outside).take(FEW) {
        site.user(PART, "/status/500", &user).await?;
    }
    let counts = |reasons: &[(&str, usize)]| -> Counts {
        reasons.iter().map(|(reason, count)| (vec![(*reason).to_owned()], *count as u64)).collect()
    };
    let few = ["opt-in", "opt-out", "anonymous", "excluded", "ineligible", "listed", "segment"];
    let mut reasons = few.map(|reason| (reason, FEW)).to_vec();
    reasons.push(("hash", 4 * USERS));
    let (admin, metric) = (site.admin(), "serin_assignments");
    reached(admin, metric, NAME, &["reason"], &counts(&reasons)).await?;
    let others = counts(&[("other-range", FEW)]);
    reached(admin, metric, PART_NAME, &["reason"], &others).await
}

async fn badly(site: &Site, sent: &mut Sent) -> Result<()> {
    // Before anything of the answer has come, and in the middle of it.
    let waiting = site.begin(SHOP, "/hang", users(FEW)).await?;
    let mut reading = site.begin(SHOP, "/drip", users(FEW)).await?;
    for stream in &mut reading {
        read_part(stream).await?;
    }
    drop((waiting, reading));
    for user in users(FEW) {
        sent.add(&user, "50%", "gone")?;
        sent.add(&user, "50%", "gone")?;
        // The first try of "once" is reset, the second is answered, and only that is seen. What is
        // cut off began well.
        for (path, status, class) in
            [("/once", 200, "ok"), ("/reset", 503, "error"), ("/cut", 200, "error")]
        {
            answers(site, &format!("{path}/{user}"), &user, status).await?;
            sent.add(&user, "50%", class)?;
        }
    }
    // All at the same time, since each takes seconds.
    let slow = [(SLOW[0], 200, "over_2s"), (SLOW[1], 200, "over_5s"), ("/hang", 504, "error")];
    let calls = slow.iter().flat_map(|slow| users(FEW).map(move |user| (slow, user)));
    try_join_all(
        calls.map(
            |((path, status, _), user)| async move { answers(site, path, &user, *status).await },
        ),
    )
    .await?;
    for (_, _, class) in slow {
        users(FEW).try_for_each(|user| sent.add(&user, "50%", class))?;
    }
    Ok(())
}

async fn answers(site: &Site, path: &str, user: &str, status: u16) -> Result<()> {
    let found = site.user(SHOP, path, user).await.with_context(|| path.to_owned())?;
    ensure!(found == status, "{path} answered {found}, not {status}");
    Ok(())
}

/// Requests that are under way are counted by what they began with.
async fn a_change_in_between(site: &Site, sent: &mut Sent) -> Result<()> {
    let waiting = site.begin(SHOP, "/hang", users(FEW)).await?;
    let before = site.upstream.arrived();
    let slow =
        try_join_all(users(FEW).map(|user| async move { site.user(SHOP, SLOW[0], &user).await }));
    let change = async {
        site.upstream.reaches(before + FEW).await?;
        let bounds = json!(["1m"]);
        site.publish(&[rollout(NAME, SHOP, "0%").with("latencyBounds", bounds)]).await
    };
    tokio::try_join!(slow, change)?;
    drop(waiting);
    for user in users(FEW) {
        sent.add(&user, "50%", "over_2s")?;
        sent.add(&user, "50%", "gone")?;
    }
    for user in users(USERS) {
        site.user(SHOP, "/status/500", &user).await?;
        sent.add(&user, "0%", "error")?;
    }
    try_join_all(users(FEW).map(|user| async move { site.user(SHOP, SLOW[0], &user).await }))
        .await?;
    users(FEW).try_for_each(|user| sent.add(&user, "0%", "ok"))
}

/// Every request of the rollout is compared with the cluster that it was sent to.
async fn served(site: &Site, sent: &Sent) -> Result<()> {
    let of = |variant: &str| -> u64 {
        sent.counts
            .iter()
            .filter(|(key, _)| key.first().is_some_and(|side| side == variant))
            .map(|(_, count)| count)
            .sum()
    };
    let few = FEW as u64;
    // Testers on either side; who is listed or in the segment; the anonymous, and whom rules keep out.
    let (canary, stable) = (of("canary") + 3 * few, of("stable") + 4 * few);
    let key = |side: &str| vec![side.to_owned(), side.to_owned()];
    let expected = Counts::from([(key("canary"), canary), (key("stable"), stable)]);
    reached(site.admin(), "serin_served", NAME, &["variant", "served"], &expected).await
}

#[tokio::test]
async fn what_is_drawn_has_no_cohort_and_what_is_not_counted_is_not() -> Result<()> {
    let site = Site::start().await?;
    let (drawn, quiet, after) = ("drawn.example.com", "quiet.example.com", "after.example.com");
    site.publish(&[
        Rollout::new("shop/drawn", drawn).weight("50%").with("anonymous", json!("random")),
        rollout("shop/quiet", quiet, "50%").with("count", json!(false)),
        Rollout::new("shop/after", after),
    ])
    .await?;
    for user in users(40) {
        site.get(drawn, "/status/500", &[]).await?;
        site.user(quiet, "/status/500", &user).await?;
    }
    let mut last = Sent::new("shop/after");
    for user in users(40) {
        site.user(after, "/", &user).await?;
        last.add(&user, "0%", "ok")?;
    }
    last.is_counted(site.admin()).await?;
    let labels = ["cohort", "class"];
    let expected = Counts::from([(vec!["none".to_owned(), "error".to_owned()], 40)]);
    reached(site.admin(), "serin_responses", "shop/drawn", &labels, &expected).await?;
    let sides = counted(site.admin(), "serin_responses", "shop/drawn", &["variant"]).await?;
    ensure!(sides.len() == 2, "drawn at 50 %: {sides:?}");
    for metric in ["serin_responses", "serin_served"] {
        let found = counted(site.admin(), metric, "shop/quiet", &labels).await?;
        ensure!(found.is_empty(), "{metric}: {found:?}");
    }
    // No clusters are named there.
    let served = counted(site.admin(), "serin_served", "shop/drawn", &["served"]).await?;
    ensure!(served.is_empty(), "{served:?}");
    Ok(())
}
