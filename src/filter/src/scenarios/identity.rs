//! Ids that the proxy has to be asked for, and those that are made.

use super::{Worker, document_of, rollout};
use crate::fake::{FakeRequest, Proxy};

const SHOP: (&str, &[u8]) = (":authority", b"shop.test");
const CLAIM: &str = "metadata.filter_metadata.envoy.filters.http.jwt_authn.payload.sub";
const NEW_ID: &str = "07070707070707070707070707070707";

/// A worker with one rollout at 100 %, so that who has an id is on the canary.
fn worker(identity: &str) -> Worker {
    let shop = rollout("shop", 5, "100%", "").replace(r#"[{"header": "x-user-id"}]"#, identity);
    Worker::start(&Proxy::new(), &document_of(5, &[&shop]))
}

fn request(headers: &[(&str, &[u8])]) -> FakeRequest {
    let mut request = FakeRequest::new(headers);
    request.random = [7; 16];
    request.properties.insert("source.address".to_owned(), b"203.0.113.7:4711".to_vec());
    request
}

#[test]
fn the_proxy_is_asked_for_no_more_than_it_takes() {
    let worker = worker(
        r#"[{"header": "x-user-id"}, {"jwt": {"claim": "sub", "metadata": "payload"}}, {"address": {}},
            {"generated": {"cookie": "serin-id"}}]"#,
    );
    let user = ("x-user-id", b"alice".as_slice());
    for (headers, claim, asked) in [
        (&[SHOP, user][..], Some("alice"), &[][..]),
        (&[SHOP], Some("alice"), &[CLAIM]),
        (&[SHOP], None, &[CLAIM, "source.address"]),
        (&[(":authority", b"elsewhere.test")], Some("alice"), &[]),
    ] {
        let mut request = request(headers);
        if let Some(claim) = claim {
            request.properties.insert(CLAIM.to_owned(), claim.into());
        }
        let begun = worker.begin(&request);
        assert_eq!(request.asked(), asked);
        assert_eq!(begun.respond(), [""; 0]);
    }
}

#[test]
fn a_new_id_is_told_once_the_response_passes() {
    let worker = worker(r#"[{"cookie": "uid"}, {"generated": {"cookie": "serin-id"}}]"#);
    let new = request(&[SHOP]);
    let begun = worker.begin(&new);
    assert_eq!(new.asked(), ["random"]);
    assert_eq!(new.writes(), ["x-serin-variant=canary"], "the request goes on as it came");
    let set = format!(
        "set-cookie: serin-id={NEW_ID}; Max-Age=31536000; Path=/; HttpOnly; Secure; SameSite=Lax"
    );
    assert_eq!(begun.respond(), [set]);

    for cookie in [format!("serin-id={NEW_ID}"), "uid=alice".to_owned()] {
        let known = request(&[SHOP, ("cookie", cookie.as_bytes())]);
        let begun = worker.begin(&known);
        assert_eq!(known.asked(), [""; 0]);
        assert_eq!(begun.respond(), [""; 0]);
    }
}
