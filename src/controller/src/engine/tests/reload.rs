//! The release file was read again.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serin_document::Buckets;
use serin_rollout::{Command, Phase};
use tokio::time::{Instant, sleep};

use crate::engine::scripted::{Bench, HEALTHY, clock, release, scratch};
use crate::engine::{Answer, Reload};
use crate::status::{ConditionKind, Status};

#[tokio::test(start_paused = true)]
async fn a_new_version_goes_back_to_stable_first_and_never_reshuffles_users_on_the_canary() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    let old = bench.entry().unwrap().salt;
    let new = release("v3", "shop.example.com");
    assert_ne!(new.assignment.salt.as_str(), old);
    let mut shown = bench.board.watch();
    let news = Reload::Release(new, Arc::clone(&bench.world));
    bench.reload.send(Box::new(news)).await.unwrap();
    loop {
        shown.changed().await.unwrap();
        let entry = bench.entry().unwrap();
        if entry.weight.is_zero() {
            break;
        }
        assert_eq!(entry.salt, old, "{entry:?}");
    }
    let status = bench.until(|status| status.version == "v3" && !status.weight.is_zero()).await;
    assert_eq!(status.weight, "5%".parse().unwrap());
    assert_ne!(bench.entry().unwrap().salt, old);
}

#[tokio::test(start_paused = true)]
async fn another_host_in_the_file_is_published_under_a_revision_of_its_own() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    let before = bench.entry().unwrap();
    sleep(Duration::from_secs(2)).await;
    let news = Reload::Release(release("v2", "www.example.com"), Arc::clone(&bench.world));
    bench.reload.send(Box::new(news)).await.unwrap();
    bench.until(|status| status.revision > before.revision).await;
    let after = bench.entry().unwrap();
    assert_eq!((after.weight, &after.salt), (before.weight, &before.salt));
    assert_eq!(after.hosts, ["www.example.com"]);
    // Other requests have to be observed for the whole time.
    let since = Instant::now();
    bench.until_weight("100%").await;
    assert!(since.elapsed() >= Duration::from_secs(3), "{:?}", since.elapsed());
    bench.until_phase(Phase::Succeeded).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_is_reported_and_changes_nothing() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.reload.send(Box::new(Reload::Refused("shop.yaml:3: no".to_owned()))).await.unwrap();
    let kind = ConditionKind::ReleaseFileRefused;
    let has =
        move |status: &Status| status.conditions.iter().any(|condition| condition.kind == kind);
    bench.until(has).await;
    bench.reload.send(Box::new(Reload::Unchanged)).await.unwrap();
    bench.until(|status| !has(status)).await;
    bench.until_phase(Phase::Succeeded).await;
}

/// Parts of the users: in the file at first, in the file then, and in force while users are on the
/// canary.
#[tokio::test(start_paused = true)]
async fn another_part_of_the_users_waits_unless_it_moves_nobody() {
    for (first, then, in_force) in [
        (["0%", "30%"], ["0%", "100%"], ["0%", "100%"]),
        (["0%", "100%"], ["0%", "30%"], ["0%", "100%"]),
        (["0%", "30%"], ["30%", "100%"], ["0%", "30%"]),
    ] {
        let part = |[from, to]: [&str; 2]| {
            Buckets::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
        };
        let with = |ends: [&str; 2]| {
            let mut release = release("v2", "shop.example.com").as_ref().clone();
            release.assignment.buckets = part(ends);
            Arc::new(release)
        };
        let (_scratch, folder) = scratch();
        let mut bench = Bench::start_with(with(first), &folder, &clock(), HEALTHY);
        bench.until_weight("5%").await;
        let news = Reload::Release(with(then), Arc::clone(&bench.world));
        bench.reload.send(Box::new(news)).await.unwrap();
        sleep(Duration::from_secs(2)).await;
        let expected = part(in_force);
        assert_eq!(bench.stored().unwrap().buckets, expected, "{first:?}, then {then:?}");
        assert_eq!(bench.entry().unwrap().buckets, expected);
        // Whatever the steps say, no more than the range holds is ever published.
        bench.until_phase(Phase::Succeeded).await;
        let published = bench.entry().unwrap();
        assert_eq!(published.weight, published.buckets.width(), "{first:?}, then {then:?}");
        assert_eq!(published.buckets, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn another_salt_waits_until_nobody_is_on_the_canary() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    let old = bench.entry().unwrap();
    let mut changed = release("v2", "shop.example.com").as_ref().clone();
    changed.assignment.salt = "another".parse().unwrap();
    let news = Reload::Release(Arc::new(changed), Arc::clone(&bench.world));
    bench.reload.send(Box::new(news)).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let now = bench.entry().unwrap();
    assert_eq!((now.revision, &now.salt), (old.revision, &old.salt));
    assert!(matches!(
        bench.handle.command(Command::Abort, "somebody").await,
        Some(Answer::Done(_))
    ));
    bench.until_phase(Phase::RolledBack).await;
    assert!(matches!(
        bench.handle.command(Command::Retry, "somebody").await,
        Some(Answer::Done(_))
    ));
    bench.until_weight("5%").await;
    assert_eq!(bench.entry().unwrap().salt, "another");
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_hardly_looked_at_and_a_new_version_starts_at_once() {
    let (_scratch, folder) = scratch();
    let mut bench = Bench::start(&folder, &clock(), HEALTHY);
    bench.until_weight("5%").await;
    bench.set(|metrics| metrics.failing = 0.5);
    bench.until_phase(Phase::RolledBack).await;
    bench.set(|metrics| *metrics = HEALTHY);
    sleep(Duration::from_secs(10)).await;
    let looks = || bench.world.looks.load(Ordering::Relaxed);
    let before = looks();
    sleep(Duration::from_mins(4)).await;
    assert!(looks() - before <= 1, "{} looks in four minutes", looks() - before);
    let since = Instant::now();
    let news = Reload::Release(release("v3", "shop.example.com"), Arc::clone(&bench.world));
    bench.reload.send(Box::new(news)).await.unwrap();
    bench.until(|status| status.version == "v3" && !status.weight.is_zero()).await;
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}
