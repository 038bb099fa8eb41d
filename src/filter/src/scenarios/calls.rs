//! How often a request leaves the VM, exactly: each call costs a microsecond or more, which is more
//! than the decision.

use super::{Worker, document_of, rollout};
use crate::fake::{FakeEnd, FakeRequest, FakeResponse, Proxy};
use crate::stream;

/// The calls of a request's three phases.
#[derive(Debug, PartialEq, Eq)]
struct Calls {
    request: usize,
    response: usize,
    end: usize,
}

const fn calls(request: usize, response: usize, end: usize) -> Calls {
    Calls { request, response, end }
}

/// What a request takes in a proxy with this rollout and one for other hosts.
fn taken(more: &str, headers: &[(&str, &[u8])]) -> Calls {
    let other = rollout("other", 5, "100%", r#", "mark": "x-other-variant""#);
    let rollouts = document_of(5, &[&rollout("shop", 5, "100%", more), &other]);
    let worker = Worker::start(&Proxy::new(), &rollouts);
    let all: Vec<_> =
        [(":authority", b"shop.test".as_slice())].iter().chain(headers).copied().collect();
    let request = FakeRequest::new(&all);
    let begun = worker.begin(&request);
    let response = FakeResponse::default();
    stream::respond(&response, &begun.marked.set_cookies);
    let end = FakeEnd { code: Some(200), grpc_status: Some(0), ..FakeEnd::default() };
    worker.end(&begun, &end);
    calls(request.calls(), response.added().len(), end.read().len())
}

const ALICE: (&str, &[u8]) = ("x-user-id", b"alice");
const RIGHT: (&str, &[u8]) = ("x-serin-variant", b"canary");
const FORGED: (&str, &[u8]) = ("x-serin-variant", b"stable");
const CLUSTERS: &str = r#", "clusters": {"stable": ["s"], "canary": ["c"]}"#;

#[test]
fn a_request_without_evidence_takes_one_call_to_read_and_one_to_write() {
    let off = r#", "count": false"#;
    for (what, more, headers, expected) in [
        ("marked", off, &[ALICE][..], calls(2, 0, 0)),
        ("marked already", off, &[ALICE, RIGHT], calls(1, 0, 0)),
        ("marked, a forged one replaced", off, &[ALICE, FORGED], calls(2, 0, 0)),
        (
            "marked, another's forged one removed",
            off,
            &[ALICE, ("x-other-variant", b"canary")],
            calls(3, 0, 0),
        ),
        ("no id, counted", "", &[], calls(2, 0, 0)),
        ("left to the route", r#", "anonymous": "route""#, &[], calls(1, 0, 0)),
        (
            "marked, cohort told",
            r#", "count": false, "cohortHeader": "x-cohort""#,
            &[ALICE],
            calls(3, 0, 0),
        ),
        ("nobody's", off, &[(":authority", b"elsewhere.test"), ALICE], calls(2, 0, 0)),
    ] {
        assert_eq!(taken(more, headers), expected, "{what}");
    }
    let nobody = Worker::start(&Proxy::new(), &document_of(5, &[&rollout("shop", 5, "1%", "")]));
    let request = FakeRequest::new(&[(":authority", b"elsewhere.test"), ALICE]);
    nobody.mark_request(&request);
    assert_eq!(request.calls(), 1, "no rollout's");
}

#[test]
fn evidence_takes_two_calls_at_the_end_and_one_for_each_thing_more() {
    let bounds = r#", "latencyBounds": ["250ms", "1s"]"#;
    let grpc = ("content-type", b"application/grpc".as_slice());
    for (what, more, headers, expected) in [
        ("flags and code", "", &[ALICE][..], calls(2, 0, 2)),
        ("flags and grpc-status", "", &[ALICE, grpc], calls(2, 0, 2)),
        ("and the duration", bounds, &[ALICE], calls(2, 0, 3)),
        ("and the cluster", CLUSTERS, &[ALICE], calls(2, 0, 3)),
        ("the cluster alone, no evidence", CLUSTERS, &[], calls(2, 0, 1)),
        ("all of it", &format!("{bounds}{CLUSTERS}"), &[ALICE, RIGHT], calls(1, 0, 4)),
    ] {
        assert_eq!(taken(more, headers), expected, "{what}");
    }
}
