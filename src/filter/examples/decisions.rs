//! Decides about one request again and again, for `tests/tests/all/instructions.rs`, which counts the
//! instructions: `decisions <case> <times>`. All but the calls to the proxy is here as it is in the
//! module: the headers' block is searched, decided about, and the mark written.

use core::cell::Cell;
use core::time::Duration;
use std::process::ExitCode;
use std::rc::Rc;

use serin_assignment::Variant;
use serin_document::token::{Claims, TesterKey, TesterKeys};
use serin_document::{Audience, Compiled, Environment, KeyId, RolloutName, parse};
use serin_filter::counts::Counts;
use serin_filter::headers::{HeaderBlock, encode};
use serin_filter::host::RequestHeaders;
use serin_filter::serving::Serving;
use serin_filter::stream;

/// One rollout, by one header.
const PLAIN: &str = r#"{"name": "shop", "revision": 1, "hosts": ["shop.example.com"], "salt": "shop",
    "weight": "50%", "canaryServes": true, "count": false, "identity": [{"header": "x-user-id"}]}"#;

/// One of many, by a cookie before the query, with testers, paths and wildcards.
fn full(number: usize) -> String {
    let host = if number == 50 { "shop".to_owned() } else { format!("shop-{number}") };
    format!(
        r#"{{"name": "shop/{number}", "revision": 1, "hosts": ["{host}.example.com", "*.{host}.example.net"],
        "paths": ["/checkout", "/basket", "/checkout/express"], "salt": "shop", "weight": "50%",
        "canaryServes": true, "count": false, "identity": [{{"cookie": "uid"}}, {{"query": "user"}}],
        "testers": [{{"header": "x-serin-opt-in"}}]}}"#
    )
}

/// The same with all that decides before the hash, and the application told the cohort.
const EVERY: &str = r#""exclude": [{"header": "user-agent", "prefix": "kube-probe/"}],
    "eligible": {"not": {"header": "x-internal", "present": true}},
    "users": {"salt": "shop-team", "canary": ["0123456789abcdef0123456789abcdef"]},
    "segments": [{"name": "staff", "when": {"cookie": "staff", "is": "yes"}, "variant": "canary"}],
    "cohortHeader": "x-serin-cohort", "#;

/// An id that is too long to be remembered with what lists say of it, so that it is hashed each time, as
/// that of a user who comes for the first time.
const NOT_REMEMBERED: &str = "user-4bf92f35-77b3-4da6-a3ce-929d0e0e4736-42";

/// Where testers show tokens.
const SIGNED: &str = r#""testers": [{"header": "x-try", "signed": {"audience": "shop"}}], "#;

/// One key: 32 bytes 7.
const KEYS: &[u8] = br#"[{"id": "k1", "key": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}]"#;

/// A tester's token that does not hold: its signature differs from the right one in its first or its
/// last byte alone, or its key is another one.
fn forged(case: &str) -> Option<String> {
    let claims = Claims {
        rollout: RolloutName::new("shop").ok()?,
        variant: Variant::Canary,
        expires: 4_102_444_800,
        audience: Audience::new("shop").ok()?,
    };
    let id = if case == "unknown-key" { "k2" } else { "k1" };
    let token = claims.sign(&TesterKey::new(KeyId::new(id).ok()?, &[7; 32]).ok()?);
    // Of the first digit all bits are the first byte's, of the last one four the last byte's.
    let place = match case {
        "forged-first" => token.rfind('~')? + 1,
        "forged-final" => token.len() - 1,
        "unknown-key" => return Some(token),
        _ => return None,
    };
    // Changed where it stands: elsewhere in memory, copies of it would take other instructions.
    let mut bytes = token.into_bytes();
    let digit = bytes.get_mut(place)?;
    *digit = other(*digit)?;
    String::from_utf8(bytes).ok()
}

/// Another digit of base64 whose last two bits are 0 as well, where those of this one are. It is of the
/// same kind, as the sender knows what kinds there are in a token.
fn other(digit: u8) -> Option<u8> {
    let pair = match digit {
        b'A'..=b'Z' => b"AE",
        b'a'..=b'z' => b"cg",
        b'0'..=b'9' => b"04",
        _ => b"-_",
    };
    pair.iter().copied().find(|it| *it != digit)
}

/// A request that is always the same, and what is written to it.
struct Request {
    headers: Vec<u8>,
    written: Cell<usize>,
}

impl RequestHeaders for Request {
    fn all(&self) -> HeaderBlock {
        HeaderBlock::new(self.headers.clone())
    }

    fn add(&self, _: &str, _: &[u8]) {
        self.written.set(self.written.get() + 1);
    }

    fn set(&self, _: &str, _: &[u8]) {
        self.written.set(self.written.get() + 1);
    }

    fn remove(&self, _: &str) {
        self.written.set(self.written.get() + 1);
    }

    fn property(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn tell(&self, _: &str, _: &str) {}

    fn random(&self) -> [u8; 16] {
        [0; 16]
    }

    fn time_of_day(&self) -> Duration {
        Duration::ZERO
    }
}

fn headers(id: &str, token: Option<&str>, more: usize) -> Vec<u8> {
    let cookie = format!("theme=dark; lang=en; uid={id}");
    let mut headers: Vec<(String, String)> = [
        (":authority", "shop.example.com"),
        (":path", "/checkout/42?step=2"),
        (":method", "GET"),
        (":scheme", "https"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"),
        ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("x-user-id", id),
        ("cookie", &cookie),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    headers.extend(token.map(|token| ("x-try".to_owned(), token.to_owned())));
    headers.extend((0..more).map(|n| (format!("x-context-{n:02}"), format!("value-{n:024}"))));
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    encode(&pairs.collect::<Vec<_>>())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [case, times] = args.as_slice() else { return ExitCode::from(2) };
    let (rollouts, more) = match case.as_str() {
        "plain" => (PLAIN.to_owned(), 0),
        "full" => ((0..100).map(full).collect::<Vec<_>>().join(", "), 0),
        "full-30" => ((0..100).map(full).collect::<Vec<_>>().join(", "), 20),
        "every" | "every-30" | "every-hashed" => {
            let rollouts: Vec<String> = (0..100)
                .map(|number| full(number).replacen('{', &format!("{{{EVERY}"), 1))
                .collect();
            (rollouts.join(", "), if case == "every-30" { 20 } else { 0 })
        }
        "elsewhere" => (PLAIN.replace("shop.example.com", "other.example.com"), 0),
        "forged-first" | "forged-final" | "unknown-key" => {
            (PLAIN.replacen('{', &format!("{{{SIGNED}"), 1), 0)
        }
        _ => return ExitCode::from(2),
    };
    let document =
        format!(r#"{{"formatVersion": "1.0", "revision": 1, "rollouts": [{rollouts}]}}"#);
    let (Ok(parsed), Ok(times)) = (parse(document.as_bytes()), times.parse::<usize>()) else {
        return ExitCode::from(2);
    };
    let counts = Counts::default();
    let Ok(keys) = TesterKeys::read(KEYS, "keys") else { return ExitCode::from(2) };
    let env = Environment { keys, ..Environment::default() };
    let compiled = Compiled::compile(parsed, None, &env);
    let serving = Serving::new(Rc::new(compiled), false, &counts);
    let id = if case == "every-hashed" { NOT_REMEMBERED } else { "user-00042" };
    let token = forged(case);
    let headers = headers(id, token.as_deref(), more);
    let request = Request { headers, written: Cell::new(0) };
    for _ in 0..times {
        core::hint::black_box(stream::mark(&request, &serving, &counts));
    }
    // The mark, and the cohort beside it, or the token that is taken off.
    let expected = match case.as_str() {
        "elsewhere" => 0,
        _ if token.is_some() => 2 * times,
        "every" | "every-30" | "every-hashed" => 2 * times,
        _ => times,
    };
    if request.written.get() == expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
