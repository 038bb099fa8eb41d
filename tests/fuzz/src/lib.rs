//! The fuzz targets: each takes bytes as they may come from outside, and panics where something is
//! wrong. `targets/` hands them to libFuzzer.

mod documents;
mod known;
mod proxy;
mod requests;

use std::time::Duration;

use serin_document::token::Token;
use serin_document::{Compiled, Environment, TesterKeys, parse};
use serin_filter::host::Answer;
use serin_oracle::Request;

use crate::known::{compare, compare_signed};
use crate::proxy::Lab;
use crate::requests::{lines, pairs};

/// The time of day of the requests that show tokens.
const NOW: Duration = Duration::from_millis(1_000_500);

/// A document: what is accepted prints as it was read, and decides about requests.
pub fn document(bytes: &[u8]) {
    let Ok(parsed) = parse(bytes) else { return };
    let printed = parsed.document.to_json();
    let again = parse(printed.as_bytes());
    assert!(
        again.as_ref().is_ok_and(|again| again.document == parsed.document),
        "{printed} is read as {again:?}"
    );
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    let newer = parse(bytes)
        .map(|parsed| Compiled::compile(parsed, Some(&compiled), &Environment::default()));
    assert_eq!(newer.map(|newer| newer.rollouts().len()).ok(), Some(compiled.rollouts().len()));
    for request in requests::usual() {
        let _ = compiled.decide(&requests::Asked(&request));
    }
}

/// A plugin's configuration: the verdict is that on JSON, and the same every time.
pub fn configuration(bytes: &[u8]) {
    let is_json = std::str::from_utf8(bytes)
        .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    let mut lab = Lab::new();
    assert_eq!(lab.configure(bytes), is_json);
    assert_eq!(lab.configure(bytes), is_json);
    lab.tick();
    for request in requests::usual() {
        lab.mark(&request);
    }
    assert!(lab.configure(documents::SOURCE.as_bytes()));
    lab.tick();
}

/// A block of headers: as it is where the first byte says so, else made of lines `name: value`.
pub fn headers(bytes: &[u8]) {
    match bytes.split_first() {
        Some((0, block)) => {
            if let Some(request) = pairs(block) {
                compare(&request);
            }
        }
        _ => compare(&lines(bytes)),
    }
}

/// A `cookie` header.
pub fn cookies(bytes: &[u8]) {
    compare(&requests::with("cookie", bytes));
}

/// A `:path`, with query and fragment.
pub fn query(bytes: &[u8]) {
    compare(&requests::with(":path", bytes));
}

/// A source's answer. The first byte says which status and entity tag it has, the second whether
/// it tells its length rightly; whatever it is, the document before goes on or a newer one comes.
pub fn answer(bytes: &[u8]) {
    let [kind, length, body @ ..] = bytes else { return };
    let status: Option<&[u8]> = match kind % 5 {
        0 | 1 => Some(b"200"),
        2 => Some(b"304"),
        3 => Some(body.get(..3).unwrap_or(body)),
        _ => None,
    };
    let body_size = match length {
        0..=127 => body.len(),
        128..=191 => body.len() / 2,
        _ => usize::MAX / usize::from(*length),
    };
    let etag = (kind & 128 != 0).then(|| body.to_vec());
    let mut lab = Lab::new();
    assert!(lab.configure(documents::SOURCE.as_bytes()));
    lab.tick();
    let first =
        Answer { status: Some(b"200".to_vec()), etag: None, body_size: documents::FIRST.len() };
    lab.answer(&first, documents::FIRST.as_bytes());
    let before = lab.revision();
    assert!(before.is_some(), "the first answer is a good one");
    lab.pass_a_minute();
    lab.answer(&Answer { status: status.map(<[u8]>::to_vec), etag, body_size }, body);
    assert!(lab.revision() >= before, "revisions only rise");
    for request in requests::usual() {
        lab.mark(&request);
    }
}

/// A tester's token: as the bytes are or, where the first is below 32, a sound one of which they say
/// what is another's, when it ends, and which byte is changed. What is accepted is what signing
/// writes, and nothing that means to be one goes upstream.
pub fn token(bytes: &[u8]) {
    let token = match bytes.split_first() {
        Some((how, rest)) if *how < 32 => made(*how, rest),
        _ => bytes.to_vec(),
    };
    let keys = TesterKeys::read(documents::KEYS.as_bytes(), "keys");
    let Ok(keys) = keys else { panic!("{keys:?}") };
    if let Ok(read) = Token::read(&token)
        && let Ok(claims) = read.verify(&keys)
    {
        assert!(keys.iter().any(|key| claims.sign(key).as_bytes() == token), "{claims:?}");
    }
    let cookie = [b"a=1; token=", &*token, b"; b=2"].concat();
    let kept = [b"opted-too=", &*token, b"; b=2; opted=", &*token].concat();
    let path = [b"/?a=1&token=", &*token, b"&b=2&word=", &*token].concat();
    for (name, value) in [
        ("x-token", &token),
        ("x-other", &token),
        ("cookie", &cookie),
        ("cookie", &kept),
        (":path", &path),
    ] {
        for host in ["shop.test", "other.test"] {
            let mut request = requests::with(name, value);
            request.headers.retain(|(known, _)| known != ":authority");
            request.headers.push((":authority".to_owned(), host.into()));
            request.now = NOW;
            compare_signed(&request);
        }
    }
}

/// A token by a known key.
fn made(how: u8, rest: &[u8]) -> Vec<u8> {
    let is = |bit: u8| how & 1 << bit != 0;
    let side = if is(0) { "canary" } else { "stable" };
    let rollout = if is(1) { "shop/checkout" } else { "shop/other" };
    let audience = if is(2) { "shop" } else { "site" };
    let mut key = known::key();
    if is(3) {
        "old".clone_into(&mut key.id);
    }
    let (ends, rest) = rest.split_at(rest.len().min(2));
    // Around the time at which it is shown.
    let ends = ends.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    let mut token = serin_oracle::token(&key, rollout, side, ends, audience).into_bytes();
    if let (true, [place, byte, ..]) = (is(4), rest) {
        let place = usize::from(*place) % token.len();
        token.splice(place..=place, [*byte]);
    }
    token
}

/// The payload of a token that has been verified elsewhere, as a header hands it over: as it is, and
/// the bytes as what it encodes.
pub fn payload(bytes: &[u8]) {
    for payload in [bytes.to_vec(), requests::base64url(bytes)] {
        let mut request = requests::with(":authority", b"claims.test");
        request.headers.push(("x-jwt".to_owned(), payload));
        compare(&request);
    }
}

/// What the proxy knows besides: a claim that it has verified, or the caller's address. The first
/// byte says which.
pub fn property(bytes: &[u8]) {
    const CLAIMS: &str = "metadata.filter_metadata.envoy.filters.http.jwt_authn.payload";
    let Some((which, value)) = bytes.split_first() else { return };
    let (host, name) = match which % 4 {
        0 => ("verified.test", format!("{CLAIMS}.sub")),
        1 => ("verified.test", format!("{CLAIMS}.user.id")),
        2 => ("verified.test", format!("{CLAIMS}.role")),
        _ => ("address.test", "source.address".to_owned()),
    };
    let usual = requests::with(":authority", host.as_bytes());
    compare(&Request { properties: [(name, value.to_vec())].into(), ..usual });
}

/// A `baggage` header.
pub fn baggage(bytes: &[u8]) {
    let mut request = requests::with(":authority", b"baggage.test");
    request.headers.push(("baggage".to_owned(), bytes.to_vec()));
    compare(&request);
}
