use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::join_all;
use serin_assignment::Weight;
use serin_rollout::Traffic;

use super::*;
use crate::release::Release;

const NOW_MS: u64 = 1_795_445_683_700;

fn rollout(name: &str, host: &str, revision: u64) -> Rollout {
    let text = format!(
        "{{apiVersion: serin.dev/v1alpha1, kind: CanaryRelease, metadata: {{name: {name}}}, spec: {{
          version: v2,
          traffic: {{hosts: [{host}], stable: {{cluster: a}}, canary: {{cluster: b}}}},
          assignment: {{identity: [{{header: x-user-id}}]}},
          metrics: {{prometheus: {{address: 'http://127.0.0.1:9'}}}},
          steps: [{{weight: 100%, bake: 1s}}]}}}}"
    );
    let traffic = Traffic::new(Weight::ZERO, false, revision);
    Release::parse(&text, Path::new("release.yaml")).unwrap().rollout(&traffic, &BTreeMap::new())
}

async fn publish(board: &Board, rollout: Rollout, now_ms: u64) {
    let reserved = board.reserve(&rollout, now_ms);
    board.publish(rollout, reserved).await.unwrap();
}

fn shown(board: &Board) -> Option<Arc<Published>> {
    board.watch().borrow().clone()
}

#[tokio::test]
async fn nothing_is_shown_until_every_release_is_known() {
    let board = Board::new(["default/a".to_owned(), "default/b".to_owned()]);
    publish(&board, rollout("a", "a.example.com", 5), NOW_MS).await;
    assert!(shown(&board).is_none());
    publish(&board, rollout("b", "b.example.com", 6), NOW_MS).await;
    let document = shown(&board).unwrap();
    let parsed = serin_document::parse(document.json.as_bytes()).unwrap();
    assert_eq!(parsed.document.revision, document.revision);
    assert_eq!(parsed.document.rollouts.len(), 2);
}

#[tokio::test]
async fn the_revision_rises_whatever_the_clock_does_and_is_never_below_a_rollouts() {
    let board = Board::new(["default/a".to_owned()]);
    let mut last = 0;
    for (own, now_ms) in [(5, NOW_MS), (6, NOW_MS), (7, 0), (NOW_MS + 9_999, 1), (8, 2)] {
        publish(&board, rollout("a", "a.example.com", own), now_ms).await;
        let revision = shown(&board).unwrap().revision.get();
        assert!(revision > last && revision >= own, "{revision} after {last} with {own}");
        last = revision;
    }
}

#[tokio::test]
async fn the_revision_is_above_what_an_earlier_process_gave() {
    let board = Board::new(["default/a".to_owned()]);
    let earlier = Revision::new(NOW_MS + 60_000);
    board.remember(earlier);
    publish(&board, rollout("a", "a.example.com", 5), NOW_MS).await;
    assert!(shown(&board).unwrap().revision > earlier);
}

#[tokio::test]
async fn a_revision_is_given_once_and_what_is_shown_rises_in_whatever_order_it_is_used() {
    let board = Board::new(["default/a".to_owned(), "default/b".to_owned()]);
    let (a, b) = (rollout("a", "a.example.com", 5), rollout("b", "b.example.com", 5));
    let first = board.reserve(&a, NOW_MS);
    let second = board.reserve(&b, NOW_MS);
    assert!(second > first);
    // Who is held back by another is not shown yet.
    assert_eq!(board.publish(a.clone(), first).await.unwrap(), None);
    board.publish(b, second).await.unwrap();
    assert_eq!(shown(&board).unwrap().revision, second);
    let slow = board.reserve(&a, NOW_MS);
    publish(&board, rollout("b", "c.example.com", 6), NOW_MS).await;
    let between = shown(&board).unwrap().revision;
    let told = board.publish(a, slow).await.unwrap();
    assert!(shown(&board).unwrap().revision > between);
    // It is stored, and others take what is new by it: the one that was reserved is overtaken.
    assert_eq!(told, Some(shown(&board).unwrap().revision));
}

#[tokio::test]
async fn a_rollout_that_is_withdrawn_is_gone_and_one_that_is_expected_holds_the_document_back() {
    let board = Board::new(["default/a".to_owned(), "default/b".to_owned()]);
    publish(&board, rollout("a", "a.example.com", 5), NOW_MS).await;
    publish(&board, rollout("b", "b.example.com", 5), NOW_MS).await;
    let before = shown(&board).unwrap().revision;
    board.withdraw("default/b", NOW_MS).await.unwrap();
    let after = shown(&board).unwrap();
    assert!(after.revision > before && !after.json.contains("b.example.com"));
    board.withdraw("default/b", NOW_MS).await.unwrap();
    assert_eq!(shown(&board).unwrap().revision, after.revision);
    board.expect("default/c".to_owned());
    publish(&board, rollout("a", "d.example.com", 6), NOW_MS).await;
    assert_eq!(shown(&board).unwrap().revision, after.revision);
    publish(&board, rollout("c", "c.example.com", 7), NOW_MS).await;
    assert!(shown(&board).unwrap().json.contains("d.example.com"));
}

#[tokio::test]
async fn what_was_held_back_for_a_rollout_is_shown_once_nobody_waits_for_it_any_more() {
    let board = Board::new(["default/a".to_owned()]);
    publish(&board, rollout("a", "a.example.com", 5), NOW_MS).await;
    let before = shown(&board).unwrap().revision;
    for name in ["default/b", "default/c"] {
        board.expect(name.to_owned());
    }
    board.give_up("default/b").await.unwrap();
    publish(&board, rollout("a", "d.example.com", 6), NOW_MS).await;
    assert_eq!(shown(&board).unwrap().revision, before);
    board.give_up_all().await.unwrap();
    let after = shown(&board).unwrap();
    assert!(after.revision > before && after.json.contains("d.example.com"));
    // Nothing is new where nothing was held back.
    board.expect("default/b".to_owned());
    board.give_up("default/b").await.unwrap();
    assert_eq!(shown(&board).unwrap().revision, after.revision);
}

#[tokio::test]
async fn of_two_that_want_the_same_requests_the_older_one_has_them_whatever_its_name() {
    let board = Board::new([]);
    board.made([("default/a".to_owned(), 2_000), ("default/b".to_owned(), 1_000)]);
    publish(&board, rollout("b", "same.example.com", 5), NOW_MS).await;
    publish(&board, rollout("a", "same.example.com", 6), NOW_MS).await;
    assert!(board.left_out("default/b").is_empty());
    assert!(!board.left_out("default/a").is_empty());
}

#[tokio::test]
async fn a_rollout_whose_release_is_gone_goes_though_nobody_ran_it() {
    let board = Board::new([]);
    board.adopt(rollout("gone", "gone.example.com", 5));
    publish(&board, rollout("a", "a.example.com", 6), NOW_MS).await;
    let before = shown(&board).unwrap();
    assert!(before.json.contains("gone.example.com"));
    let present = BTreeSet::from(["default/a".to_owned()]);
    for _ in 0..2 {
        board.keep_only(&present, NOW_MS).await.unwrap();
        let after = shown(&board).unwrap();
        assert!(after.json.contains("a.example.com") && !after.json.contains("gone.example.com"));
        assert_eq!(after.revision.get(), before.revision.get() + 1);
    }
}

#[tokio::test]
async fn every_content_has_an_etag_of_its_own() {
    let board = Board::new(["default/a".to_owned()]);
    publish(&board, rollout("a", "a.example.com", 5), NOW_MS).await;
    let before = shown(&board).unwrap().etag.clone();
    publish(&board, rollout("a", "b.example.com", 6), NOW_MS).await;
    assert_ne!(shown(&board).unwrap().etag, before);
}

#[tokio::test]
async fn a_release_that_does_not_compile_is_left_out_and_blocks_nobody() {
    let board = Board::new(["default/a".to_owned(), "default/b".to_owned()]);
    publish(&board, rollout("a", "same.example.com", 5), NOW_MS).await;
    publish(&board, rollout("b", "same.example.com", 6), NOW_MS).await;
    let document = shown(&board).unwrap();
    let parsed = serin_document::parse(document.json.as_bytes()).unwrap();
    let names: Vec<_> = parsed.document.rollouts.iter().map(|r| r.name.to_string()).collect();
    assert_eq!(names, ["default/a"]);
    assert!(board.left_out("default/a").is_empty());
    assert!(!board.left_out("default/b").is_empty());
    publish(&board, rollout("b", "other.example.com", 7), NOW_MS).await;
    assert!(board.left_out("default/b").is_empty());
}

#[tokio::test]
async fn what_comes_while_a_document_is_compiled_goes_into_the_next_one_together() {
    let board = Board::new([]);
    let mut shown = board.watch();
    let compiling = board.turn.lock().await;
    let rollouts = ["a", "b", "c"].map(|it| rollout(it, &format!("{it}.example.com"), 5));
    let all = join_all(rollouts.map(|it| publish(&board, it, NOW_MS)));
    let next = async {
        drop(compiling);
        shown.changed().await.unwrap();
        shown.borrow_and_update().as_ref().map(|shown| shown.rollouts.len())
    };
    let (_, first) = tokio::join!(all, next);
    assert_eq!(first, Some(3));
    assert!(!shown.has_changed().unwrap(), "each has shown the same once more");
}

#[tokio::test]
async fn a_rollout_is_shown_once_it_is_in_a_document_of_this_process() {
    let board = Board::new([]);
    let (a, b) = (rollout("a", "a.example.com", 5), rollout("b", "b.example.com", 6));
    board.adopt(a.clone());
    assert!(!board.shows(&a), "in no document yet");
    publish(&board, b.clone(), NOW_MS).await;
    assert!(board.shows(&a) && board.shows(&b));
    assert!(!board.shows(&rollout("a", "other.example.com", 5)));
    board.resign();
    assert!(!board.shows(&a), "shown in an earlier term");
}
