//! What hostile clients send, by number: the same in every run, but for the keys of what is signed.

use std::iter::repeat_n;

use super::secrets::Secrets;
use crate::chance::draw;
use crate::issuer::payload;

/// The host of most requests.
pub(super) const HOST: &str = "shop.example.com";
/// The host at which the canary fails.
pub(super) const BROKEN: &str = "broken.example.com";

/// A request.
pub(super) struct Hostile {
    pub(super) method: &'static str,
    pub(super) host: &'static str,
    pub(super) path: String,
    pub(super) headers: Headers,
}

/// A request's headers.
type Headers = Vec<(&'static str, Vec<u8>)>;

const ODD_HOSTS: [&str; 8] = [
    "SHOP.Example.com:8080",
    "shop.example.com.",
    "a.b.example.com",
    "example.com",
    "192.0.2.7:1",
    "[2001:db8::7]:443",
    "xn--bcher-kva.example.com",
    "other.test",
];
/// Each with a rollout of its own.
const HOSTS: [&str; 8] = [
    "new.example.com",
    "claims.example.com",
    "address.example.com",
    "two.example.com",
    "inner.example.com",
    "closed.example.com",
    "needs.example.com",
    BROKEN,
];
const SIDES: [&[u8]; 5] = [b"canary", b"stable", b"CANARY", b"canary, stable", b"\xff"];
/// Headers that the filter writes, and one in which it is asked.
const WRITTEN: [&str; 4] = ["x-serin-variant", "x-cohort", "x-search-variant", "x-opt"];
const ADDRESSES: [&str; 7] = [
    "10.1.2.3",
    "203.0.113.9",
    "2001:db8:1:2:3::4",
    "::ffff:203.0.113.9",
    "unknown, 10.0.0.1",
    ",,",
    "203.0.113.7:99, x",
];
const BAGGAGES: [&[u8]; 3] = [
    b"userId=%ff%zz,;,=,userId=a;p=1",
    b"tenant=a, userId = Am%C3%A9lie ;p=1",
    b"\xff=\xfe,,userId",
];
const PAYLOADS: [&[u8]; 4] = [
    b"eyJzdWIiOiJhbGljZSI\xff",
    b"eyJzdWIiOiJhbGljZSJ9",
    b"e30",
    // An object in an object, and so on, without an end.
    b"eyJzdWIiOnsic3ViIjp7InN1YiI6eyJzdWIiOns",
];

/// The request of a number.
pub(super) fn hostile(number: u64, secrets: &Secrets) -> Hostile {
    let mut dice = Dice(draw(number));
    let host = match dice.pick(3) {
        0 => dice.of(&ODD_HOSTS),
        1 => dice.of(&HOSTS),
        _ => HOST,
    };
    let path = path(number, &mut dice, secrets);
    let mut headers = Headers::new();
    ids(number, &mut dice, &mut headers);
    cookies(number, &mut dice, secrets, &mut headers);
    for _ in 0..dice.pick(3) {
        headers.push((dice.of(&WRITTEN), dice.of(&SIDES).to_vec()));
    }
    if dice.pick(12) == 0 {
        headers.push(("x-try", dice.text(secrets.tokens())));
    }
    match dice.pick(6) {
        0 => headers.push(("authorization", dice.text(secrets.bearers()))),
        1 => headers.push(("authorization", b"Bearer eyJhbGciOiJub25lIn0.e30.".to_vec())),
        _ => {}
    }
    others(number, &mut dice, &mut headers);
    let method = dice.of(&["GET", "GET", "GET", "DELETE"]);
    Hostile { method, host, path, headers }
}

fn path(number: u64, dice: &mut Dice, secrets: &Secrets) -> String {
    match dice.pick(16) {
        0 => format!("/checkout?user=u{number}&opt=canary"),
        1 => "/x/../checkout//a".to_owned(),
        2 => format!("/a/b?u%73er=%ff%{number}&user=%zz&&=&user"),
        3 => format!("/{}?{}", "a/".repeat(40), "user=x&".repeat(200)),
        4 => format!("/?opt=stable&user={}", "9".repeat(300)),
        5 => format!("/?try={}&a=%2f", String::from_utf8_lossy(&dice.text(secrets.tokens()))),
        6 => "/?try=forget&opt=forget".to_owned(),
        7 => "/healthz".to_owned(),
        _ => "/".to_owned(),
    }
}

fn ids(number: u64, dice: &mut Dice, headers: &mut Headers) {
    let id = match dice.pick(10) {
        0 => b"\xff\xfe\x80".to_vec(),
        1 => repeat_n(b'x', 250 + dice.place(20)).collect(),
        2 => vec![b'y'; 8_000],
        3 => {
            headers.push(("x-user-id", Vec::new()));
            format!("second-{number}").into_bytes()
        }
        4..7 => return,
        _ => format!("user-{}", number % 100_000).into_bytes(),
    };
    headers.push(("x-user-id", id));
}

fn cookies(number: u64, dice: &mut Dice, secrets: &Secrets, headers: &mut Headers) {
    let token = dice.text(secrets.tokens());
    let line = match dice.pick(12) {
        0 => format!("a=1; uid=c{number}; opt=canary").into_bytes(),
        1 => "x=y;;=; uid;".repeat(100).into_bytes(),
        2 => {
            headers.push(("cookie", b"\xff=\x80; uid=\xff".to_vec()));
            b"uid=second".to_vec()
        }
        3 => [b"a=1; try=", &*token, b"; b=\"2\""].concat(),
        4 => [b"kept=", &*token, b";;"].concat(),
        5 => {
            headers.push(("cookie", [b"try=", &*token].concat()));
            b"opted=canary; employee=yes".to_vec()
        }
        6 => format!("serin-id={:032x}; opted=stable", draw(number % 1_000)).into_bytes(),
        7 => b"serin-id=NOT-AN-ID".to_vec(),
        _ => return,
    };
    headers.push(("cookie", line));
}

fn others(number: u64, dice: &mut Dice, headers: &mut Headers) {
    match dice.pick(16) {
        0 => headers.extend((0..40).map(|_| ("x-many", b"again".to_vec()))),
        1 => headers.push(("x-request-id", b"not-an-id".to_vec())),
        2 => headers.push(("baggage", dice.of(&BAGGAGES).to_vec())),
        3 => headers.push(("baggage", format!("userId=b%2D{}", number % 5_000).into_bytes())),
        4 => headers.push(("x-claims", dice.of(&PAYLOADS).to_vec())),
        5 => {
            let claims = serde_json::json!({"sub": number % 5_000, "user": {"id": number}});
            headers.push(("x-claims", payload(&claims).into_bytes()));
        }
        6 => headers.push(("x-claims", vec![b'A'; 20_000])),
        7 => headers.push(("content-type", b"application/grpc".to_vec())),
        8 => headers.push(("user-agent", b"kube-probe/1.36".to_vec())),
        9 => headers.push(("x-region", b"nowhere".to_vec())),
        10 => headers.push(("x-plan", b"enterprise".to_vec())),
        11 | 12 => headers.push(("x-forwarded-for", dice.of(&ADDRESSES).as_bytes().to_vec())),
        _ => {}
    }
}

/// Draws one after another.
struct Dice(u64);

impl Dice {
    fn pick(&mut self, among: u64) -> u64 {
        let picked = self.0 % among;
        self.0 = draw(self.0 ^ among);
        picked
    }

    fn place(&mut self, among: usize) -> usize {
        let among = u64::try_from(among).unwrap_or(1).max(1);
        usize::try_from(self.pick(among)).unwrap_or_default()
    }

    fn of<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let place = self.place(all.len());
        all.get(place).copied().unwrap_or_default()
    }

    fn text(&mut self, all: &[String]) -> Vec<u8> {
        let place = self.place(all.len());
        all.get(place).map(|text| text.clone().into_bytes()).unwrap_or_default()
    }
}

/// What Envoy itself answers, and perhaps closes the connection for.
pub(super) const RUDE: [&[u8]; 9] = [
    b"GET /checkout%2f..%5cx HTTP/1.1\r\nhost: shop.example.com\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: shop.example.com\r\nx-user-id: a\x00b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: shop.example.com\r\nx_under: score\r\n\r\n",
    b"GET /#fragment HTTP/1.1\r\nhost: shop.example.com\r\n\r\n",
    b"GET /%00 HTTP/1.1\r\nhost: shop.example.com\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage that is no frame, and more of it",
    b"GET http://shop.example.com/ HTTP/0.9\r\n\r\n",
];
