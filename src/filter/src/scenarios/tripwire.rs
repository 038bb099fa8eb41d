//! The tripwire in several VMs: trips together, survives VMs that die and new configurations, ends as
//! stated.

use core::time::Duration;

use super::{Begun, Lab, TICK, Worker, document_of, rollout};
use crate::fake::{FakeEnd, FakeRequest, FakeVm};

const WIRE: &str = r#", "tripwire": {"lasts": "1m"}"#;
const TRIPPED: &[&str] = &["serin_tripped", "rollout=.=shop;"];

fn inline(revision: u64, weight: &str, more: &str) -> String {
    document_of(revision, &[&rollout("shop", revision, weight, more)])
}

fn wired(revision: u64, weight: &str) -> String {
    inline(revision, weight, WIRE)
}

fn request(user: usize) -> FakeRequest {
    let user = format!("user-{user}");
    FakeRequest::new(&[(":authority", b"shop.test"), ("x-user-id", user.as_bytes())])
}

fn is_canary(request: &FakeRequest) -> bool {
    request.values("x-serin-variant") == ["canary"]
}

/// A request that is answered at once: by stable well, by the canary as `canary` says.
fn send(worker: &Worker, user: usize, canary: u64) -> bool {
    let request = request(user);
    let begun = worker.begin(&request);
    let is_canary = is_canary(&request);
    let code = if is_canary { canary } else { 200 };
    worker.end(&begun, &FakeEnd { code: Some(code), ..FakeEnd::default() });
    is_canary
}

/// 200 requests a second for so long; how many went to the canary in each tick.
fn load(lab: &mut Lab, time: Duration, canary: impl Fn(usize) -> u64) -> Vec<usize> {
    load_without(lab, &[], time, canary)
}

fn load_without(
    lab: &mut Lab,
    dead: &[usize],
    time: Duration,
    canary: impl Fn(usize) -> u64,
) -> Vec<usize> {
    let ticks = usize::try_from(time.as_millis() / TICK.as_millis()).unwrap();
    let alive: Vec<usize> = (0..lab.workers.len()).filter(|it| !dead.contains(it)).collect();
    (0..ticks)
        .map(|tick| {
            let users = (tick * 20)..(tick * 20 + 20);
            let of = |user: usize| &lab.workers[alive[user % alive.len()]];
            let sent = users.filter(|user| send(of(*user), user * 7 % 997, canary(*user))).count();
            lab.run_without(dead, TICK);
            sent
        })
        .collect()
}

fn half(user: usize) -> u64 {
    if user.is_multiple_of(2) { 503 } else { 200 }
}

fn all_on_stable(lab: &Lab) -> bool {
    lab.workers.iter().all(|worker| {
        (0..200).all(|user| worker.mark("shop.test", &format!("user-{user}")) == ["stable"])
    })
}

/// A proxy with so many workers that has tripped.
fn tripped(workers: usize) -> Lab {
    let mut lab = Lab::new(workers, &wired(5, "25%"));
    load(&mut lab, Duration::from_secs(2), |_| 200);
    assert_eq!(lab.metric(TRIPPED), Some(0));
    load(&mut lab, Duration::from_secs(3), half);
    assert_eq!(lab.metric(TRIPPED), Some(1));
    lab
}

#[test]
fn gross_harm_sends_everyone_to_stable_in_all_vms_at_once() {
    for workers in [1, 2, 5] {
        let mut lab = Lab::new(workers, &wired(5, "25%"));
        let healthy = load(&mut lab, Duration::from_secs(5), |_| 200);
        assert!(healthy.iter().all(|sent| *sent > 0), "{healthy:?}");
        let sick = load(&mut lab, Duration::from_secs(3), half);
        let last = sick.iter().rposition(|sent| *sent > 0).unwrap();
        assert!(last < 12, "{workers} workers: {last} ticks");
        assert!(all_on_stable(&lab));
        assert_eq!(lab.metric(TRIPPED), Some(1));
        let lines = lab.proxy.log();
        assert_eq!(lines.len(), 1, "told once: {lines:?}");
        assert!(lines[0].starts_with("rollout \"shop\" tripped: canary "), "{lines:?}");
    }
}

#[test]
fn testers_go_to_stable_too_and_nothing_is_evidence_while_tripped() {
    let more = format!("{WIRE}, \"testers\": [{{\"header\": \"x-test\"}}]");
    let mut lab = Lab::new(2, &inline(5, "25%", &more));
    let tester = || {
        FakeRequest::new(&[
            (":authority", b"shop.test"),
            ("x-user-id", b"a"),
            ("x-test", b"canary"),
        ])
    };
    let asks = tester();
    lab.workers[0].mark_request(&asks);
    assert!(is_canary(&asks));
    load(&mut lab, Duration::from_secs(3), half);
    let asks = tester();
    lab.workers[0].mark_request(&asks);
    assert!(!is_canary(&asks));
    lab.run(Duration::from_secs(1));
    let evidence =
        || -> u64 { lab.proxy.metrics(&["serin_responses"]).iter().map(|(_, count)| count).sum() };
    let before = evidence();
    for user in 0..100 {
        send(&lab.workers[0], user, 200);
    }
    lab.proxy.pass(Duration::from_secs(1));
    let worker = &mut lab.workers[0];
    worker.plugin.tick(&worker.host);
    assert_eq!(evidence(), before);
    assert!(lab.metric(&["serin_assignments", "reason=.=tripped;"]).unwrap() > 100);
}

#[test]
fn harm_of_both_sides_of_one_client_or_of_few_requests_trips_nothing() {
    // Both sides fail alike.
    let mut lab = Lab::new(2, &wired(5, "25%"));
    for tick in 0..600 {
        for user in 0..20 {
            let worker = &lab.workers[user % 2];
            let request = request((tick * 20 + user) * 7 % 997);
            let begun = worker.begin(&request);
            let code = if (tick + user) % 3 == 0 { 503 } else { 200 };
            worker.end(&begun, &FakeEnd { code: Some(code), ..FakeEnd::default() });
        }
        lab.tick();
    }
    assert_eq!(lab.metric(TRIPPED), Some(0));

    // One client of the canary fails all its requests, and makes half of the canary's.
    let mut lab = Lab::new(1, &wired(5, "25%"));
    let broken = (0..1_000)
        .find(|user| lab.workers[0].mark("shop.test", &format!("user-{user}")) == ["canary"]);
    for tick in 0..600 {
        for user in 0..20 {
            send(&lab.workers[0], (tick * 20 + user) * 7 % 997, 200);
        }
        for _ in 0..5 {
            assert!(send(&lab.workers[0], broken.unwrap(), 503));
        }
        lab.tick();
    }
    assert_eq!(lab.metric(TRIPPED), Some(0));

    // One error in a few requests.
    let mut lab = Lab::new(1, &wired(5, "25%"));
    let mut errors = 0;
    for user in 0..60 {
        let code = if errors < 3 { 503 } else { 200 };
        errors += u32::from(send(&lab.workers[0], user, code));
        lab.tick();
    }
    assert_eq!((errors >= 3, lab.metric(TRIPPED)), (true, Some(0)));
}

#[test]
fn slow_answers_trip_where_a_bound_is_stated() {
    for (more, expected) in [(r#", "tripwire": {"slow": "1s"}"#, 1), (WIRE, 0)] {
        let mut lab = Lab::new(2, &inline(5, "25%", more));
        for tick in 0..40 {
            for user in 0..20 {
                let worker = &lab.workers[user % 2];
                let request = request((tick * 20 + user) * 7 % 997);
                let begun = worker.begin(&request);
                let took = if is_canary(&request) { 1_001 } else { 10 };
                let duration = Some(Duration::from_millis(took));
                worker.end(&begun, &FakeEnd { code: Some(200), duration, ..FakeEnd::default() });
            }
            lab.tick();
        }
        assert_eq!(lab.metric(TRIPPED), Some(expected), "{more}");
    }
}

#[test]
fn it_ends_at_a_lower_weight_a_new_release_full_weight_or_after_its_time() {
    // A document of the same or a higher weight ends nothing.
    let mut lab = tripped(2);
    for worker in &mut lab.workers {
        worker.reconfigure(&wired(6, "50%"));
    }
    lab.run(2 * TICK);
    assert!(all_on_stable(&lab));
    assert_eq!(lab.metric(TRIPPED), Some(1));
    let released = wired(7, "50%").replace("\"salt\": \"shop\"", "\"salt\": \"shop/2\"");
    for next in [wired(7, "49%"), wired(7, "100%"), released] {
        let mut lab = tripped(2);
        for worker in &mut lab.workers {
            worker.reconfigure(&wired(6, "50%"));
        }
        lab.run(2 * TICK);
        for worker in &mut lab.workers {
            worker.reconfigure(&next);
        }
        lab.run(2 * TICK);
        assert!(!all_on_stable(&lab), "{next}");
        assert_eq!(lab.metric(TRIPPED), Some(0), "{next}");
        // The old proof is gone: it takes new harm to trip again.
        load(&mut lab, Duration::from_secs(2), |_| 200);
        assert_eq!(lab.metric(TRIPPED), Some(0), "{next}");
    }
    let mut lab = tripped(2);
    load(&mut lab, Duration::from_secs(54), half);
    assert!(all_on_stable(&lab));
    load(&mut lab, Duration::from_secs(6), |_| 200);
    assert!(!all_on_stable(&lab));
    assert_eq!(lab.metric(TRIPPED), Some(0));
    assert!(lab.proxy.log().last().unwrap().contains("no more: its time is over"));
    load(&mut lab, Duration::from_secs(3), half);
    assert!(all_on_stable(&lab), "it trips again");
}

/// Takes a configuration in every VM.
fn configure(lab: &mut Lab, next: &str) {
    for worker in &mut lab.workers {
        worker.reconfigure(next);
    }
}

#[test]
fn neither_taking_the_tripwire_off_nor_counting_no_more_ends_a_trip() {
    let uncounted = format!("{WIRE}, \"count\": false");
    for more in ["", &uncounted] {
        let next = inline(6, "25%", more);
        let mut lab = tripped(2);
        configure(&mut lab, &next);
        // Before any tick.
        assert!(all_on_stable(&lab), "{more}");
        // A VM that starts with it knows within a beat.
        lab.workers.push(Worker::start(&lab.proxy, &next));
        lab.run(Duration::from_secs(2));
        assert!(all_on_stable(&lab), "{more}");
        assert_eq!(lab.metric(TRIPPED), Some(1), "{more}");
        lab.run(Duration::from_secs(58));
        assert!(!all_on_stable(&lab), "{more}: its time is over");
        assert_eq!(lab.metric(TRIPPED), Some(0), "{more}");

        // What ends others ends it too, and what it was tripped by is forgotten then.
        let mut lab = tripped(2);
        configure(&mut lab, &next);
        lab.run(2 * TICK);
        configure(&mut lab, &inline(7, "24%", more));
        lab.run(2 * TICK);
        assert!(!all_on_stable(&lab), "{more}");
        assert_eq!(lab.metric(TRIPPED), Some(0), "{more}");
        configure(&mut lab, &wired(8, "24%"));
        load(&mut lab, Duration::from_secs(2), |_| 200);
        assert_eq!(lab.metric(TRIPPED), Some(0), "{more}");
        load(&mut lab, Duration::from_secs(3), half);
        assert_eq!(lab.metric(TRIPPED), Some(1), "{more}: it watches as before");
    }
}

#[test]
fn a_rollout_that_leaves_the_document_and_comes_back_is_tripped_still() {
    let nothing = document_of(6, &[]);
    let mut lab = tripped(2);
    configure(&mut lab, &nothing);
    lab.run(Duration::from_secs(2));
    assert_eq!(lab.metric(TRIPPED), Some(0), "there is nobody whom it could send anywhere");
    configure(&mut lab, &wired(7, "25%"));
    // Before any tick.
    assert!(all_on_stable(&lab));
    lab.run(Duration::from_secs(2));
    assert!(all_on_stable(&lab));
    assert_eq!(lab.metric(TRIPPED), Some(1));
    // As another release it is none of the trip's matter, nor with a lower weight.
    let released = wired(8, "25%").replace("\"salt\": \"shop\"", "\"salt\": \"shop/2\"");
    for back in [released, wired(8, "24%")] {
        let mut lab = tripped(2);
        configure(&mut lab, &nothing);
        lab.run(2 * TICK);
        configure(&mut lab, &back);
        lab.run(2 * TICK);
        assert!(!all_on_stable(&lab), "{back}");
        assert_eq!(lab.metric(TRIPPED), Some(0), "{back}");
    }
    // Its time goes on while it is away.
    let mut lab = tripped(2);
    configure(&mut lab, &nothing);
    lab.run(Duration::from_mins(1));
    configure(&mut lab, &wired(7, "25%"));
    assert!(!all_on_stable(&lab));
    lab.run(Duration::from_secs(2));
    assert!(!all_on_stable(&lab));
    assert_eq!(lab.metric(TRIPPED), Some(0));
}

#[test]
fn an_old_document_in_a_slow_vm_ends_nothing() {
    let mut lab = tripped(2);
    lab.workers[0].reconfigure(&wired(4, "1%"));
    lab.run(2 * TICK);
    assert!(all_on_stable(&lab));
}

#[test]
fn without_revisions_a_changed_document_counts_where_it_arrives() {
    let bare = |weight: &str| wired(0, weight);
    let mut lab = Lab::new(2, &bare("25%"));
    load(&mut lab, Duration::from_secs(3), half);
    assert!(all_on_stable(&lab));
    // One VM after the other gets the higher weight: the lagging one has the lower, and ends nothing.
    lab.workers[0].reconfigure(&bare("50%"));
    lab.run(2 * TICK);
    lab.workers[1].reconfigure(&bare("50%"));
    lab.run(2 * TICK);
    assert!(all_on_stable(&lab));
    for worker in &mut lab.workers {
        worker.reconfigure(&bare("5%"));
    }
    lab.run(2 * TICK);
    assert!(!all_on_stable(&lab));
}

#[test]
fn a_vm_that_comes_late_or_dies_changes_nothing() {
    let mut lab = tripped(2);
    // The VM that knows most dies, another starts.
    let Worker { host, mut plugin, .. } = lab.workers.remove(0);
    plugin.done(&host);
    lab.workers.push(Worker::start(&lab.proxy, &wired(5, "25%")));
    lab.tick();
    assert!(all_on_stable(&lab));
    lab.run(Duration::from_secs(2));
    assert_eq!(lab.metric(TRIPPED), Some(1));
    // A VM that hangs in the middle of the evidence holds nothing up.
    let mut lab = Lab::new(3, &wired(5, "25%"));
    load(&mut lab, Duration::from_millis(300), half);
    load_without(&mut lab, &[1], Duration::from_secs(3), half);
    assert_eq!(lab.metric(TRIPPED), Some(1));
}

#[test]
fn a_new_configuration_begins_tripped_and_its_checks_share_nothing() {
    let mut lab = tripped(2);
    let keys = lab.proxy.keys();
    let writes = lab.proxy.writes();
    for worker in &mut lab.workers {
        worker.reconfigure(&wired(6, "30%"));
    }
    // Before any tick.
    assert!(all_on_stable(&lab));
    let checking = Worker::start(&lab.proxy, &wired(6, "1%"));
    assert_eq!((lab.proxy.keys(), lab.proxy.writes()), (keys, writes));
    drop(checking);
}

#[test]
fn requests_from_before_a_trip_are_no_evidence_after_it() {
    let mut lab = Lab::new(1, &wired(5, "25%"));
    let held: Vec<Begun> = (0..400)
        .map(request)
        .filter_map(|request| {
            let begun = lab.workers[0].begin(&request);
            is_canary(&request).then_some(begun)
        })
        .collect();
    assert!(held.len() > 50);
    load(&mut lab, Duration::from_secs(3), half);
    for begun in &held {
        lab.workers[0].end(begun, &FakeEnd { code: Some(503), ..FakeEnd::default() });
    }
    lab.tick();
    lab.workers[0].reconfigure(&wired(6, "20%"));
    load(&mut lab, Duration::from_secs(2), |_| 200);
    assert_eq!(lab.metric(TRIPPED), Some(0));
}

#[test]
fn a_lost_race_loses_no_counts() {
    let mut lab = Lab::new(2, &wired(5, "25%"));
    lab.tick();
    let rival = lab.workers.remove(1);
    let mut lone = lab.workers.remove(0);
    let (mut stolen, mut rounds) = (0, 0);
    // In every tick the rival writes between the other's read and its write.
    let rival = std::rc::Rc::new(core::cell::RefCell::new(rival));
    while lab.metric(TRIPPED) != Some(1) && rounds < 40 {
        for user in 0..10 {
            send(&lone, (rounds * 20 + user) * 7 % 997, half(user));
            send(&rival.borrow(), (rounds * 20 + 10 + user) * 7 % 997, half(user));
        }
        lab.proxy.pass(TICK);
        let other = std::rc::Rc::clone(&rival);
        let host: FakeVm = other.borrow().host.clone();
        lab.proxy.before_next_share(move || other.borrow_mut().plugin.tick(&host));
        lone.plugin.tick(&lone.host);
        stolen += 1;
        rounds += 1;
    }
    assert!(stolen < 14, "as fast as without: {stolen}");
}

#[test]
fn what_is_spoilt_is_begun_anew() {
    let mut lab = Lab::new(2, &wired(5, "25%"));
    load(&mut lab, Duration::from_secs(1), |_| 200);
    for key in lab.proxy.keys() {
        lab.proxy.spoil(&key, &[0xff; 40]);
    }
    load(&mut lab, Duration::from_secs(3), half);
    assert_eq!(lab.metric(TRIPPED), Some(1));
}

#[test]
fn a_rollout_without_a_tripwire_shares_nothing() {
    let mut lab = Lab::new(1, &inline(5, "25%", ""));
    load(&mut lab, Duration::from_secs(3), half);
    assert!(lab.proxy.keys().iter().all(|key| !key.contains("trip") && !key.contains("watch")));
    assert_eq!(lab.metric(TRIPPED), None);
}
