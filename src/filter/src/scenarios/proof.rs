//! The proof that a weight is live: what the gauges say while VMs come, go, lag and hang.

use core::time::Duration;

use super::{Lab, SOURCE, TICK, Worker, document_of, rollout};

const REVISION: &[&str] = &["serin_rollout_revision", "rollout=.=shop;"];
const WEIGHT: &[&str] = &["serin_rollout_weight", "rollout=.=shop;"];

fn inline(revision: u64, weight: &str) -> String {
    document_of(revision, &[&rollout("shop", revision, weight, "")])
}

#[test]
fn a_new_weight_shows_within_two_ticks() {
    let mut lab = Lab::new(3, SOURCE);
    lab.publish(5, "10%");
    lab.run(2 * TICK);
    assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(5), Some(1000)));
    assert_eq!(lab.metric(&["serin_document_revision"]), Some(5));
    lab.publish(6, "20%");
    lab.run(2 * TICK);
    assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(6), Some(2000)));
}

#[test]
fn one_vm_that_lags_holds_it_back_until_it_has_been_silent_for_too_long() {
    let mut lab = Lab::new(3, SOURCE);
    lab.publish(5, "10%");
    lab.run(3 * TICK);
    let call = lab.next_call();
    let lagging = (call.vm + 1) % 3;
    lab.answer(&call, Some("200"), None, super::document(6, "20%").as_bytes());
    lab.run_without(&[lagging], Duration::from_millis(1_500));
    assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(5), Some(1000)));
    lab.run_without(&[lagging], Duration::from_millis(1_500));
    assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(6), Some(2000)));
    // It comes back, and so counts again; it has the document by then.
    lab.run(2 * TICK);
    assert_eq!(lab.metric(REVISION), Some(6));
    assert_eq!(lab.workers[lagging].mark("shop.test", "alice").len(), 1);
}

#[test]
fn a_vm_without_the_document_holds_it_back() {
    let mut lab = Lab::new(1, &inline(5, "10%"));
    lab.run(2 * TICK);
    assert_eq!(lab.metric(REVISION), Some(5));
    lab.workers.push(Worker::start(&lab.proxy, &inline(4, "1%")));
    lab.run(2 * TICK);
    assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(4), Some(100)));
    lab.workers[1].reconfigure(r#"{"formatVersion": "1.0", "rollouts": []}"#);
    lab.run(2 * TICK);
    assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(0), Some(0)));
    lab.workers[1].reconfigure(&inline(5, "10%"));
    lab.run(2 * TICK);
    assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(5), Some(1000)));
}

#[test]
fn other_plugins_of_the_proxy_hold_nothing_back() {
    let mut lab = Lab::new(1, SOURCE);
    lab.workers.push(Worker::start(&lab.proxy, &SOURCE.replace("\"serin\"", "\"other\"")));
    lab.tick();
    let calls = lab.proxy.take_sent();
    assert_eq!(calls.len(), 2);
    lab.answer(&calls[0], Some("200"), None, super::document(5, "10%").as_bytes());
    lab.run(2 * TICK);
    assert_eq!(lab.metric(REVISION), Some(5));
}

#[test]
fn a_rollout_that_is_gone_has_revision_zero_whoever_speaks() {
    for survivor in 0..3 {
        let mut lab = Lab::new(3, SOURCE);
        lab.publish(5, "10%");
        lab.run(3 * TICK);
        lab.publish_json(6, &document_of(6, &[&rollout("other", 6, "1%", "")]));
        // All others end just now: it has to clean up after whoever spoke before.
        let survivor = lab.workers.remove(survivor);
        for worker in core::mem::replace(&mut lab.workers, vec![survivor]) {
            let Worker { host, mut plugin, .. } = worker;
            plugin.done(&host);
        }
        lab.run(2 * TICK);
        assert_eq!((lab.metric(REVISION), lab.metric(WEIGHT)), (Some(0), Some(0)));
        assert_eq!(lab.metric(&["serin_rollout_revision", "rollout=.=other;"]), Some(6));
    }
}

#[test]
fn a_replaced_root_context_counts_while_it_decides_requests_and_no_longer() {
    let mut lab = Lab::new(1, &inline(5, "10%"));
    lab.run(2 * TICK);
    let mut old = lab.workers[0].replace(&inline(6, "20%"));
    let serving = std::rc::Rc::clone(old.serving());
    for _ in 0..20 {
        // A connection from before the change sends one request after the other.
        let request = crate::fake::FakeRequest::new(&[(":authority", b"shop.test")]);
        let _ = crate::stream::mark(&request, &serving, lab.workers[0].vm.counts());
        lab.tick();
        old.tick(&lab.workers[0].host);
    }
    assert_eq!(lab.metric(REVISION), Some(5));
    // Only an old stream is left, such as a web socket.
    lab.run(Duration::from_secs(5));
    assert_eq!(lab.metric(REVISION), Some(6));
}

#[test]
fn a_root_context_whose_replacement_ends_counts_again() {
    let mut lab = Lab::new(1, &inline(5, "10%"));
    lab.run(2 * TICK);
    let old = lab.workers[0].replace(&inline(6, "20%"));
    lab.run(5 * Duration::from_secs(1));
    assert_eq!(lab.metric(REVISION), Some(6));
    // A proxy that is given the earlier configuration back takes the root context that it still has.
    let worker = &mut lab.workers[0];
    let mut new = core::mem::replace(&mut worker.plugin, old);
    new.done(&worker.host);
    lab.run(5 * Duration::from_secs(1));
    assert_eq!(lab.metric(REVISION), Some(5));
}

#[test]
fn a_vm_whose_row_is_spoilt_writes_it_again_with_its_next_change() {
    let mut lab = Lab::new(2, SOURCE);
    lab.publish(5, "10%");
    lab.run(2 * TICK);
    for key in lab.proxy.keys() {
        lab.proxy.spoil(&key, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    }
    lab.run(Duration::from_secs(5));
    lab.publish(6, "20%");
    lab.run(Duration::from_secs(2));
    assert_eq!(lab.metric(REVISION), Some(6));
}
