//! How often a request leaves the VM, exactly: each call costs a microsecond or more, which is more
//! than the decision.

use super::testers::{TESTERS, keys, token};
use super::{Worker, document_of, rollout};
use crate::fake::{FakeEnd, FakeRequest, FakeResponse, Proxy};
use crate::stream;

/// The calls of a request's three phases; trailers are of the response's.
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
    taken_in(&rollouts, &request(headers), None)
}

fn request(headers: &[(&str, &[u8])]) -> FakeRequest {
    FakeRequest::new(&[&[(":authority", b"shop.test".as_slice())], headers].concat())
}

/// What it takes in a proxy with this configuration. `grpc_status` stands in its trailers.
fn taken_in(config: &str, request: &FakeRequest, grpc_status: Option<u64>) -> Calls {
    let worker = Worker::start(&Proxy::new(), config);
    let mut begun = worker.begin(request);
    let (headers, trailers) = (FakeResponse::default(), FakeResponse::of_grpc(grpc_status));
    stream::respond(&headers, &begun.marked.set_cookies);
    if let Some(pending) = &mut begun.marked.pending {
        stream::note_status(&headers, pending);
        stream::note_status(&trailers, pending);
    }
    let end = FakeEnd { code: Some(200), grpc_status: Some(0), ..FakeEnd::default() };
    worker.end(&begun, &end);
    calls(request.calls(), headers.calls() + trailers.calls(), end.read().len())
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
        ("flags and grpc-status", "", &[ALICE, grpc], calls(2, 2, 2)),
        ("and the duration", bounds, &[ALICE], calls(2, 0, 3)),
        ("and the cluster", CLUSTERS, &[ALICE], calls(2, 0, 3)),
        ("the cluster alone, no evidence", CLUSTERS, &[], calls(2, 0, 1)),
        ("all of it", &format!("{bounds}{CLUSTERS}"), &[ALICE, RIGHT], calls(1, 0, 4)),
    ] {
        assert_eq!(taken(more, headers), expected, "{what}");
    }
}

#[test]
fn grpc_takes_a_call_for_its_status_in_headers_and_in_trailers() {
    let grpc = ("content-type", b"application/grpc".as_slice());
    let counted = document_of(5, &[&rollout("shop", 5, "100%", "")]);
    let uncounted = document_of(5, &[&rollout("shop", 5, "100%", r#", "count": false"#)]);
    for (what, config, headers, status, expected) in [
        ("in trailers", &counted, &[ALICE, grpc][..], Some(14), calls(2, 2, 1)),
        ("in none of them", &counted, &[ALICE, grpc], None, calls(2, 2, 2)),
        ("no gRPC", &counted, &[ALICE], Some(14), calls(2, 0, 2)),
        ("no evidence", &counted, &[grpc], Some(14), calls(2, 0, 0)),
        ("not counted", &uncounted, &[ALICE, grpc], Some(14), calls(2, 0, 0)),
    ] {
        assert_eq!(taken_in(config, &request(headers), status), expected, "{what}");
    }
}

const CLAIM: &str = "metadata.filter_metadata.envoy.filters.http.jwt_authn.payload.sub";

#[test]
fn an_id_that_the_proxy_knows_or_makes_takes_one_call_more() {
    let claim = r#"{"jwt": {"claim": "sub", "metadata": "payload"}}"#;
    let payload = r#"{"jwt": {"claim": "sub", "header": "x-jwt-payload"}}"#;
    let generated = r#"{"generated": {"cookie": "serin-id"}}"#;
    let sent = ("x-jwt-payload", b"eyJzdWIiOiJhbGljZSJ9".as_slice());
    let known = ("cookie", b"serin-id=07070707070707070707070707070707".as_slice());
    for (what, identity, has_claim, headers, expected) in [
        ("a verified claim", claim, true, &[][..], calls(3, 0, 0)),
        (
            "a header before it",
            &format!(r#"{{"header": "x-user-id"}}, {claim}"#),
            true,
            &[ALICE],
            calls(2, 0, 0),
        ),
        ("a forwarded payload", payload, false, &[sent], calls(2, 0, 0)),
        ("an address", r#"{"address": {}}"#, false, &[], calls(3, 0, 0)),
        (
            "no claim, an address",
            &format!(r#"{claim}, {{"address": {{}}}}"#),
            false,
            &[],
            calls(4, 0, 0),
        ),
        ("baggage", r#"{"baggage": "user"}"#, false, &[("baggage", b"user=alice")], calls(2, 0, 0)),
        ("a new id, and its cookie", generated, false, &[], calls(3, 1, 0)),
        ("an id made before", generated, false, &[known], calls(2, 0, 0)),
    ] {
        let shop = rollout("shop", 5, "100%", r#", "count": false"#);
        let shop = shop.replace(r#"{"header": "x-user-id"}"#, identity);
        let mut request = request(headers);
        request.properties.insert("source.address".to_owned(), b"203.0.113.7:4711".to_vec());
        if has_claim {
            request.properties.insert(CLAIM.to_owned(), b"alice".to_vec());
        }
        assert_eq!(taken_in(&document_of(5, &[&shop]), &request, None), expected, "{what}");
    }
}

#[test]
fn a_token_takes_the_time_and_a_call_for_each_header_that_it_is_taken_off() {
    let testers = format!(r#"{TESTERS}, "count": false"#);
    let shop = document_of(5, &[&rollout("shop", 5, "0%", &testers)]);
    let config = shop.replacen('{', &format!(r#"{{"testerKeys": {}, "#, keys()), 1);
    let token = token();
    let header = ("x-try", token.as_bytes());
    let forged = token.replace("~canary~", "~stable~");
    let (cookies, query) = (format!("a=1; try={token}"), format!("/?try={token}"));
    let (cookie, path) = (("cookie", cookies.as_bytes()), (":path", query.as_bytes()));
    for (what, headers, expected) in [
        ("none", &[ALICE][..], calls(2, 0, 0)),
        ("in a header", &[header], calls(4, 0, 0)),
        ("in a cookie", &[cookie], calls(4, 0, 0)),
        ("in the query, remembered", &[path], calls(4, 1, 0)),
        ("everywhere, the first one read", &[header, cookie, path], calls(6, 0, 0)),
        ("a forged one, of no time", &[("x-try", forged.as_bytes())], calls(3, 0, 0)),
        ("a word, which is no token", &[("x-try", b"canary")], calls(3, 0, 0)),
    ] {
        assert_eq!(taken_in(&config, &request(headers), None), expected, "{what}");
    }
}

#[test]
fn what_is_told_takes_one_call_and_a_second_rollout_one_for_its_mark() {
    let told = |config: &str| config.replacen('{', r#"{"filterState": true, "#, 1);
    let part = |name: &str, more: &str| {
        rollout(name, 5, "50%", more)
            .replace(&format!("{name}.test"), "shop.test")
            .replace(&format!(r#""salt": "{name}""#), r#""salt": "shop""#)
    };
    let first = part("first", r#", "buckets": ["0%", "50%"]"#);
    let second = part("second", r#", "buckets": ["50%", "100%"], "mark": "x-second-variant""#);
    let one = document_of(5, &[&rollout("shop", 5, "100%", "")]);
    let two = document_of(5, &[&first, &second]);
    let elsewhere = FakeRequest::new(&[(":authority", b"elsewhere.test"), ALICE]);
    for (what, config, request, expected) in [
        ("one", &one, request(&[ALICE]), calls(2, 0, 2)),
        ("one, told", &told(&one), request(&[ALICE]), calls(3, 0, 2)),
        ("none, told nothing", &told(&one), elsewhere, calls(1, 0, 0)),
        // The user is evidence for one of the two.
        ("two", &two, request(&[ALICE]), calls(3, 0, 2)),
        ("two, told", &told(&two), request(&[ALICE]), calls(4, 0, 2)),
        ("two, no id", &two, request(&[]), calls(3, 0, 0)),
    ] {
        assert_eq!(taken_in(config, &request, None), expected, "{what}");
    }
}
