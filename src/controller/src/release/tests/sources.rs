//! Where ids come from.

use super::*;

const PLAIN: &str = "identity: [{header: x-user-id}, {cookie: uid}]";

fn source(text: &str) -> String {
    fault(PLAIN, &format!("identity: [{text}]"))
}

#[test]
fn every_source_of_the_document_is_one_of_a_release() {
    let text = SHOP.replace("*.example.org", "*.example.com").replace(
        PLAIN,
        "identity:
    - {jwt: {claim: sub, metadata: payload}}
    - {jwt: {claim: [user, id], header: X-Jwt-Payload}}
    - {baggage: userId}
    - {address: {ipv6: 56}}
    - {generated: {cookie: serin-id, maxAge: 30d, domain: example.com, path: /, sameSite: strict, secure: false}}",
    );
    let release = parse(&text).unwrap();
    let json = serde_json::to_value(&release.assignment.identity).unwrap();
    assert_eq!(
        json,
        serde_json::json!([
            {"jwt": {"claim": "sub", "metadata": "payload"}},
            {"jwt": {"claim": ["user", "id"], "header": "x-jwt-payload"}},
            {"baggage": "userId"},
            {"address": {"ipv4": 32, "ipv6": 56}},
            {"generated": {
                "cookie": "serin-id", "maxAge": "30d", "domain": "example.com", "path": "/",
                "sameSite": "strict", "secure": false,
            }},
        ])
    );
}

#[test]
fn a_source_that_breaks_a_rule_is_named() {
    const AT: &str = "spec.assignment.identity[0]";
    for (text, field, rule) in [
        ("{}", ": missing: ", "one of header, cookie, query, jwt"),
        ("{header: a, baggage: b}", ": \"several\": ", "a line of its own"),
        ("{jwt: {claim: sub}}", ".jwt.metadata: missing: ", "either"),
        ("{jwt: {claim: sub, metadata: a, header: b}}", ".jwt.header: \"b\": ", "either"),
        ("{jwt: {claim: [], metadata: a}}", ".jwt.claim: \"[]\": ", "1 to 8 names"),
        ("{jwt: {claim: sub, header: ':path'}}", ".jwt.header: \":path\": ", "a header's name"),
        ("{baggage: 'a b'}", ".baggage: \"a b\": ", "userId"),
        ("{address: {ipv4: 33}}", ".address.ipv4: 33: ", "1 to 32"),
        ("{address: {ipv6: 0}}", ".address.ipv6: 0: ", "1 to 128"),
        ("{generated: {cookie: 'a;b'}}", ".generated.cookie: \"a;b\": ", "letters"),
        ("{generated: {cookie: v, maxAge: 500d}}", ".generated.maxAge: \"500d\": ", "400d"),
        ("{generated: {cookie: v, domain: com}}", ".generated.domain: \"com\": ", "a dot in it"),
        ("{generated: {cookie: v, path: 'a;b'}}", ".generated.path: \"a;b\": ", "without ';'"),
        ("{generated: {cookie: v, sameSite: Lax}}", ".generated.sameSite: \"Lax\": ", "\"lax\""),
        (
            "{generated: {cookie: v, sameSite: none, secure: false}}",
            ".generated.secure: false: ",
            "secure: true",
        ),
        (
            "{generated: {cookie: v, domain: example.com}}",
            ".generated.domain: \"example.com\": ",
            "*.example.org is none",
        ),
        ("{generated: {cookie: v}}, {cookie: uid}", ".generated: 1 after it: ", "it comes last"),
        ("{generated: {cookie: v, httpOnly: false}}", ".generated.httpOnly", "no such field"),
    ] {
        let error = source(text);
        assert!(error.contains(&format!("{AT}{field}")), "{text}\n{error}");
        assert!(error.contains(rule), "{text}\n{error}");
    }
}
