//! Who asks the source, when, and what becomes of its answers.

use core::time::Duration;

use super::{Lab, SOURCE, TICK, Worker, document};
use crate::host::CallRefused;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn one_vm_asks_and_all_have_the_answer() {
    let mut lab = Lab::new(4, SOURCE);
    lab.tick();
    let call = lab.sent();
    assert_eq!(call.path, "/v1/assignment?wait=25s");
    assert_eq!((call.cluster.as_str(), call.authority.as_str()), ("serin", "serin"));
    assert_eq!((call.etag.as_deref(), call.timeout), (None, Duration::from_secs(30)));
    assert!(lab.marks("alice").concat().is_empty());
    lab.answer(&call, Some("200"), Some("\"5\""), document(5, "100%").as_bytes());
    lab.tick();
    assert_eq!(lab.marks("alice").concat(), ["canary"; 4]);
    assert_eq!(lab.answers("applied"), 1);
}

#[test]
fn the_next_question_carries_the_etag_and_keeps_the_interval() {
    let mut lab = Lab::new(3, SOURCE);
    lab.tick();
    let first = lab.sent();
    lab.answer(&first, Some("200"), Some("\"5\""), document(5, "10%").as_bytes());
    lab.run(9 * TICK);
    assert_eq!(lab.proxy.take_sent(), []);
    lab.tick();
    let second = lab.sent();
    assert_eq!(second.etag.as_deref(), Some("\"5\""));
    assert_eq!(second.at.since(first.at), SECOND);
    // Held for long: what follows is asked at once.
    lab.run(20 * SECOND);
    assert_eq!(lab.proxy.take_sent(), []);
    lab.answer(&second, Some("304"), Some("\"5\""), b"");
    lab.tick();
    assert_eq!(lab.sent().etag.as_deref(), Some("\"5\""));
    assert_eq!(lab.answers("unchanged"), 1);
}

#[test]
fn jitter_only_lengthens_the_interval() {
    let config = r#"{"formatVersion": "1.0", "source": {"cluster": "serin", "jitter": "50%"}}"#;
    let mut lab = Lab::new(1, config);
    let mut last = None;
    let mut gaps = Vec::new();
    for _ in 0..40 {
        let call = lab.next_call();
        lab.answer(&call, Some("500"), None, b"");
        gaps.extend(last.map(|last| call.at.since(last)));
        last = Some(call.at);
    }
    // Ticks round up.
    assert!(gaps.iter().all(|gap| (SECOND..=SECOND * 3 / 2 + TICK).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().max() > gaps.iter().min());
}

#[test]
fn another_vm_takes_over_from_one_that_hangs() {
    let mut lab = Lab::new(3, SOURCE);
    lab.tick();
    let call = lab.sent();
    lab.run_without(&[call.vm], Duration::from_millis(2_800));
    assert_eq!(lab.proxy.take_sent(), []);
    lab.run_without(&[call.vm], Duration::from_millis(200));
    let next = lab.sent();
    assert_ne!(next.vm, call.vm);
    // The one that hung comes back with a newer document than the other's: no harm either way.
    lab.answer(&call, Some("200"), None, document(7, "100%").as_bytes());
    lab.answer(&next, Some("200"), None, document(6, "0%").as_bytes());
    lab.tick();
    assert_eq!(lab.marks("alice").concat(), ["canary"; 3]);
    assert_eq!(lab.answers("older"), 1);
}

#[test]
fn a_vm_that_ends_hands_the_lease_over_at_once() {
    let mut lab = Lab::new(2, SOURCE);
    lab.tick();
    let call = lab.sent();
    let mut ended = lab.workers.remove(call.vm);
    ended.plugin.done(&ended.host);
    lab.run(SECOND);
    assert_ne!(lab.sent().vm, ended.host.number);
}

#[test]
fn a_vm_that_cannot_send_leaves_the_lease_to_others() {
    let mut lab = Lab::new(2, SOURCE);
    for vm in [0, 1] {
        lab.proxy.mute(vm, Some(CallRefused::UnknownCluster));
    }
    lab.run(3 * SECOND);
    assert_eq!(lab.proxy.take_sent(), []);
    let failed = lab.answers("failed");
    assert!((2..=6).contains(&failed), "{failed}: pauses are missing or too long");
    let complaint = "source \"serin\": not asked: the proxy knows no cluster of that name";
    // Once by each VM, not once for each try.
    assert_eq!(lab.proxy.log(), [complaint; 2]);
    lab.proxy.mute(1, None);
    lab.run(20 * SECOND);
    assert_eq!(lab.sent().vm, 1);
}

#[test]
fn bad_answers_change_nothing_and_are_counted() {
    let mut lab = Lab::new(2, SOURCE);
    lab.publish(5, "100%");
    let mut big = document(9, "0%").into_bytes();
    big.resize((4 << 20) + 1, b' ');
    let wrong_version = br#"{"formatVersion": "2.0", "revision": 9, "rollouts": []}"#;
    let no_revision = br#"{"formatVersion": "1.0", "rollouts": []}"#;
    let older = document(4, "0%");
    let answers: [(Option<&str>, &[u8], &str); 8] = [
        (Some("200"), b"", "unreadable"),
        (Some("200"), b"<html>\xff", "unreadable"),
        (Some("200"), &big, "unreadable"),
        (Some("200"), wrong_version, "refused"),
        (Some("200"), no_revision, "refused"),
        (Some("200"), older.as_bytes(), "older"),
        (Some("503"), b"", "failed"),
        (None, b"", "failed"),
    ];
    for (status, body, result) in answers {
        let before = lab.answers(result);
        let call = lab.next_call();
        assert_eq!(call.etag.as_deref(), Some("\"5\""), "before {result}");
        lab.answer(&call, status, Some("\"9\""), body);
        assert_eq!(lab.answers(result), before + 1, "{result}");
        lab.tick();
        assert_eq!(lab.marks("alice").concat(), ["canary"; 2], "{result}");
    }
    assert_eq!(lab.answers("applied"), 1);
    lab.publish(6, "0%");
    lab.tick();
    assert_eq!(lab.marks("alice").concat(), ["stable"; 2]);
    assert_eq!(lab.proxy.log().last().map(String::as_str), Some("source \"serin\" answers again"));
}

#[test]
fn a_status_that_is_no_number_breaks_no_line_of_the_log() {
    let mut lab = Lab::new(1, SOURCE);
    for (status, said) in [("500", "500"), ("5\n0", "that is no number"), ("", "that is no number")]
    {
        let call = lab.next_call();
        lab.answer(&call, Some(status), None, b"");
        let line = format!("source \"serin\": status {said}");
        assert_eq!(lab.proxy.log().last(), Some(&line), "{status:?}");
    }
}

#[test]
fn a_source_without_etags_is_asked_without() {
    let mut lab = Lab::new(1, SOURCE);
    let call = lab.next_call();
    lab.answer(&call, Some("200"), Some("\"5\""), document(5, "10%").as_bytes());
    let call = lab.next_call();
    lab.answer(&call, Some("200"), None, document(5, "10%").as_bytes());
    assert_eq!(lab.next_call().etag, None);
    assert_eq!((lab.answers("applied"), lab.answers("unchanged")), (1, 1));
}

#[test]
fn a_source_that_lost_its_state_comes_back_with_a_higher_revision() {
    let mut lab = Lab::new(2, SOURCE);
    lab.publish(5, "100%");
    let call = lab.next_call();
    lab.answer(&call, Some("503"), None, b"");
    lab.publish(1_795_445_683_700, "0%");
    lab.tick();
    assert_eq!(lab.marks("alice").concat(), ["stable"; 2]);
}

#[test]
fn a_forgotten_call_does_not_stop_asking() {
    let mut lab = Lab::new(1, SOURCE);
    let lost = lab.next_call();
    lab.run(Duration::from_secs(35));
    assert_eq!(lab.proxy.take_sent(), []);
    let next = lab.next_call();
    assert_eq!(lab.answers("failed"), 1);
    // It does come after all: nobody waits for it any more.
    lab.answer(&lost, Some("200"), None, document(5, "100%").as_bytes());
    assert!(lab.marks("alice").concat().is_empty());
    lab.answer(&next, Some("200"), None, document(6, "100%").as_bytes());
    assert_eq!(lab.marks("alice").concat(), ["canary"]);
}

#[test]
fn a_shorter_interval_holds_at_once() {
    let rare =
        SOURCE.replace(r#""jitter""#, r#""minInterval": "1h", "staleAfter": "9h", "jitter""#);
    let mut lab = Lab::new(2, &rare);
    lab.publish(5, "100%");
    lab.run(10 * SECOND);
    assert_eq!(lab.proxy.take_sent(), []);
    for worker in &mut lab.workers {
        worker.reconfigure(SOURCE);
    }
    lab.run(2 * TICK);
    let call = lab.sent();
    lab.answer(&call, Some("304"), None, b"");
    lab.run(8 * TICK);
    assert_eq!(lab.proxy.take_sent(), [], "the new interval holds");
}

#[test]
fn a_replaced_root_context_leaves_asking_to_its_replacement() {
    let rare =
        SOURCE.replace(r#""jitter""#, r#""minInterval": "1h", "staleAfter": "9h", "jitter""#);
    let mut lab = Lab::new(1, &rare);
    lab.publish(5, "100%");
    // It lives on for as long as it has a stream, such as a web socket.
    let mut old = lab.workers[0].replace(SOURCE);
    for _ in 0..3 {
        old.tick(&lab.workers[0].host);
        lab.tick();
    }
    let call = lab.sent();
    lab.answer(&call, Some("503"), None, b"");
    // Its replacement ends first: it asks again, as it did before.
    let worker = &mut lab.workers[0];
    let mut new = core::mem::replace(&mut worker.plugin, old);
    new.done(&worker.host);
    lab.run(2 * SECOND);
    let call = lab.sent();
    lab.answer(&call, Some("304"), None, b"");
    lab.run(20 * SECOND);
    assert_eq!(lab.proxy.take_sent(), []);
}

#[test]
fn another_source_takes_over_once_it_has_answered() {
    let mut lab = Lab::new(2, SOURCE);
    lab.publish(9, "100%");
    lab.run(2 * TICK);
    let other = SOURCE.replace(r#""cluster": "serin""#, r#""cluster": "other""#);
    assert_ne!(other, SOURCE);
    for worker in &mut lab.workers {
        worker.reconfigure(&other);
        worker.reconfigure(r#"{"formatVersion": "9.0"}"#);
    }
    assert_eq!(lab.marks("alice").concat(), ["canary"; 2], "the former document goes on");
    // Its revisions have nothing to do with those of the other one.
    lab.publish(5, "0%");
    lab.run(2 * TICK);
    assert_eq!(lab.marks("alice").concat(), ["stable"; 2]);
    lab.publish(4, "100%");
    lab.run(2 * TICK);
    assert_eq!(lab.marks("alice").concat(), ["stable"; 2], "an older one of its own");
}

#[test]
fn a_stale_document_goes_on_or_marks_nothing_as_configured() {
    for (when_stale, marks) in [("keep", vec!["canary"; 2]), ("unmarked", vec![])] {
        let config = format!(
            r#"{{"formatVersion": "1.0", "source": {{"cluster": "serin", "wait": "1s",
                "staleAfter": "10s", "whenStale": "{when_stale}"}}}}"#
        );
        let mut lab = Lab::new(2, &config);
        assert_eq!(lab.metric(&["serin_source_state"]), None);
        lab.run(2 * TICK);
        assert_eq!(lab.metric(&["serin_source_state"]), Some(0));
        lab.publish(5, "100%");
        lab.run(2 * TICK);
        assert_eq!(lab.metric(&["serin_source_state"]), Some(1));
        lab.run(10 * SECOND);
        assert_eq!(lab.metric(&["serin_source_state"]), Some(2));
        assert_eq!(lab.marks("alice").concat(), marks, "{when_stale}");
        // A VM that starts meanwhile agrees with the others.
        let late = Worker::start(&lab.proxy, &config);
        assert_eq!(late.mark("shop.test", "alice"), marks[..marks.len() / 2]);
        let call = lab.next_call();
        lab.answer(&call, Some("304"), None, b"");
        lab.run(2 * TICK);
        assert_eq!(lab.metric(&["serin_source_state"]), Some(1));
        assert_eq!(lab.marks("alice").concat(), ["canary"; 2]);
    }
}

#[test]
fn left_out_rollouts_are_named_once_and_the_others_hold() {
    let mut lab = Lab::new(3, SOURCE);
    let bad = super::rollout("bad", 5, "500%", "");
    let good = super::rollout("shop", 5, "100%", "");
    lab.publish_json(5, &super::document_of(5, &[&bad, &good]));
    lab.run(2 * TICK);
    assert_eq!(lab.marks("alice").concat(), ["canary"; 3]);
    assert_eq!(lab.metric(&["serin_left_out"]), Some(1));
    let log = lab.proxy.log();
    assert_eq!(log.len(), 1, "{log:?}");
    for part in ["source \"serin\"", "rollout bad", "weight", "500%"] {
        assert!(log[0].contains(part), "{part}: {log:?}");
    }
}
