//! What becomes of configurations, good and bad.

use super::{Lab, SOURCE, TICK, Worker, document, rollout};
use crate::fake::Proxy;
use crate::plugin::Plugin;

const BROKEN: &str = r#"{"formatVersion": "1.0", "source": {"cluster": 5}}"#;

fn inline(weight: &str) -> String {
    let rollout = rollout("shop", 0, weight, "");
    format!(r#"{{"formatVersion": "1.0", "rollouts": [{rollout}]}}"#)
}

#[test]
fn any_json_is_accepted_and_nothing_else() {
    let proxy = Proxy::new();
    let worker = Worker::start(&proxy, SOURCE);
    for (bytes, accepted) in [
        (b"".as_slice(), false),
        (b"not json", false),
        (b"{\"formatVersion\": ", false),
        (b"\xff\xfe", false),
        (b"{}", true),
        (b"[1, 2]", true),
        (b"null", true),
        (b"{\"formatVersion\": \"9.0\"}", true),
        (SOURCE.as_bytes(), true),
    ] {
        let mut plugin = Plugin::new(worker.vm.clone(), 2);
        assert_eq!(plugin.configure(&worker.host, bytes), accepted, "{bytes:?}");
    }
    let log = proxy.log();
    assert_eq!(log.len(), 4, "{log:?}");
    assert_eq!(log[0], "plugin \"\": no configuration: a document or a source is needed");
}

#[test]
fn configuring_writes_nothing_to_shared_data() {
    let mut lab = Lab::new(1, SOURCE);
    lab.publish(5, "10%");
    let before = lab.proxy.writes();
    for config in [SOURCE, BROKEN, &inline("7%"), &inline("700%")] {
        let checking = Worker::start(&lab.proxy, config);
        drop(checking);
    }
    assert_eq!(lab.proxy.writes(), before);
    assert_eq!(lab.proxy.log(), [""; 0]);
}

#[test]
fn an_inline_document_holds_whatever_its_revision() {
    let mut worker = Worker::start(&Proxy::new(), &document(9, "100%"));
    assert_eq!(worker.mark("shop.test", "alice"), ["canary"]);
    worker.reconfigure(&document(3, "0%"));
    assert_eq!(worker.mark("shop.test", "alice"), ["stable"]);
}

#[test]
fn json_that_is_no_document_is_reported_and_the_last_good_one_goes_on() {
    let mut lab = Lab::new(3, &inline("100%"));
    lab.proxy.set_property("plugin_name", "serin");
    for worker in &mut lab.workers {
        worker.reconfigure(&inline("100%"));
        worker.reconfigure(BROKEN);
    }
    lab.run(2 * TICK);
    assert_eq!(lab.marks("alice").concat(), ["canary"; 3]);
    assert_eq!(lab.metric(&["serin_config_refused"]), Some(1));
    let log = lab.proxy.log();
    assert_eq!(log.len(), 1, "{log:?}");
    for part in ["plugin \"serin\"", "source.cluster", ": 5:", "text"] {
        assert!(log[0].contains(part), "{part}: {log:?}");
    }
}

#[test]
fn a_left_out_rollout_is_named_once_and_refuses_nothing() {
    let good = rollout("shop", 5, "100%", "");
    let bad = rollout("bad", 5, "500%", "");
    let config = super::document_of(5, &[&bad, &good]);
    let mut lab = Lab::new(3, &config);
    lab.run(2 * TICK);
    assert_eq!(lab.marks("alice").concat(), ["canary"; 3]);
    assert_eq!(lab.proxy.log().len(), 1, "{:?}", lab.proxy.log());
    assert_eq!(lab.metric(&["serin_left_out"]), Some(1));
    assert_eq!(lab.metric(&["serin_config_refused"]), None);
}

#[test]
fn a_source_goes_on_beneath_a_broken_configuration() {
    let mut lab = Lab::new(2, SOURCE);
    lab.publish(5, "0%");
    for worker in &mut lab.workers {
        worker.reconfigure(BROKEN);
    }
    lab.publish(6, "100%");
    lab.tick();
    assert_eq!(lab.marks("alice").concat(), ["canary"; 2]);
}

#[test]
fn without_a_good_one_nothing_is_marked_and_forged_marks_go() {
    let mut worker = Worker::start(&Proxy::new(), BROKEN);
    worker.plugin.tick(&worker.host);
    let request = crate::fake::FakeRequest::new(&[
        (":authority", b"shop.test"),
        ("x-serin-variant", b"canary"),
        ("x-serin-variant", b"stable"),
    ]);
    worker.mark_request(&request);
    assert_eq!(request.writes(), ["-x-serin-variant"]);
    assert!(request.values("x-serin-variant").is_empty());
}

#[test]
fn a_new_configuration_of_the_same_source_leaves_no_gap() {
    let other_times = SOURCE.replace(r#""jitter": "0%""#, r#""wait": "5s", "minInterval": "2s""#);
    let mut lab = Lab::new(2, SOURCE);
    lab.publish(5, "100%");
    lab.tick();
    for worker in &mut lab.workers {
        worker.reconfigure(&other_times);
        assert_eq!(worker.mark("shop.test", "alice"), ["canary"]);
    }
    // A worker that starts now has it from its first request on, too.
    assert_eq!(Worker::start(&lab.proxy, SOURCE).mark("shop.test", "alice"), ["canary"]);
    // Another source has said nothing yet.
    let elsewhere = SOURCE.replace("\"serin\"", "\"other\"");
    assert!(Worker::start(&lab.proxy, &elsewhere).mark("shop.test", "alice").is_empty());
}

#[test]
fn what_differs_per_proxy_changes_with_the_configuration_at_once() {
    let mut lab = Lab::new(2, SOURCE);
    lab.publish(5, "100%");
    lab.tick();
    // A rollout that is older than the one in force changes nothing, then as now.
    lab.publish_json(6, &super::document_of(6, &[&rollout("shop", 4, "0%", "")]));
    lab.tick();
    let own = SOURCE.replacen('{', r#"{"mark": "x-lane", "#, 1);
    let request =
        || crate::fake::FakeRequest::new(&[(":authority", b"shop.test"), ("x-user-id", b"alice")]);
    for (config, written) in [(own.as_str(), "x-lane=canary"), (SOURCE, "x-serin-variant=canary")] {
        for worker in &mut lab.workers {
            worker.reconfigure(config);
            let request = request();
            worker.mark_request(&request);
            assert_eq!(request.writes(), [written]);
        }
    }
}

#[test]
fn a_request_that_has_begun_keeps_what_it_began_with() {
    let mut worker = Worker::start(&Proxy::new(), &inline("100%"));
    let begun = std::rc::Rc::clone(worker.plugin.serving());
    worker.reconfigure(&inline("0%"));
    let request =
        crate::fake::FakeRequest::new(&[(":authority", b"shop.test"), ("x-user-id", b"a")]);
    let _ = crate::stream::mark(&request, &begun, worker.vm.counts());
    assert_eq!(request.values("x-serin-variant"), ["canary"]);
}

#[test]
fn what_differs_per_proxy_wins_over_the_document() {
    let own = SOURCE.replacen('{', r#"{"mark": "x-lane", "count": false, "incoming": "keep", "#, 1);
    let mut lab = Lab::new(1, &own);
    lab.publish(5, "100%");
    let request =
        crate::fake::FakeRequest::new(&[(":authority", b"shop.test"), ("x-lane", b"stable")]);
    lab.workers[0].mark_request(&request);
    assert_eq!(request.writes(), [""; 0]);
    let request =
        crate::fake::FakeRequest::new(&[(":authority", b"shop.test"), ("x-user-id", b"a")]);
    lab.workers[0].mark_request(&request);
    assert_eq!(request.writes(), ["x-lane=canary"]);
    lab.run(20 * TICK);
    assert_eq!(lab.metric(&["serin_assignments"]), None);
}

#[test]
fn bare_hosts_hold_in_their_namespace_only() {
    let json = rollout("shop", 5, "100%", r#", "bareHosts": {"here": ["web"]}"#);
    let config = format!(r#"{{"formatVersion": "1.0", "rollouts": [{json}]}}"#);
    for (namespace, marks) in [("here", vec!["canary"]), ("there", vec![])] {
        let proxy = Proxy::new();
        proxy.set_property("xds.node.metadata.NAMESPACE", namespace);
        assert_eq!(Worker::start(&proxy, &config).mark("web:8080", "alice"), marks);
    }
}
