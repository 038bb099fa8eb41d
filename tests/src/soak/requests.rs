//! What hostile clients send, by number: the same in every run.

use crate::chance::draw;

/// The host of most requests.
pub(super) const HOST: &str = "shop.example.com";

/// A request.
pub(super) struct Hostile {
    pub(super) method: &'static str,
    pub(super) host: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, Vec<u8>)>,
}

const HOSTS: [&str; 8] = [
    "SHOP.Example.com:8080",
    "shop.example.com.",
    "a.b.example.com",
    "example.com",
    "192.0.2.7:1",
    "[2001:db8::7]:443",
    "xn--bcher-kva.example.com",
    "other.test",
];
const SIDES: [&[u8]; 5] = [b"canary", b"stable", b"CANARY", b"canary, stable", b"\xff"];

/// The request of a number.
pub(super) fn hostile(number: u64) -> Hostile {
    let mut bits = draw(number);
    let mut pick = |among: u64| {
        let picked = bits % among;
        bits = draw(bits ^ among);
        picked
    };
    let at = |place: u64| usize::try_from(place).unwrap_or_default();
    let host = match pick(3) {
        0 => HOSTS.get(at(pick(8))).copied().unwrap_or(HOST),
        _ => HOST,
    };
    let path = match pick(12) {
        0 => format!("/checkout?user=u{number}&opt=canary"),
        1 => "/x/../checkout//a".to_owned(),
        2 => format!("/a/b?u%73er=%ff%{number}&user=%zz&&=&user"),
        3 => format!("/{}?{}", "a/".repeat(40), "user=x&".repeat(200)),
        4 => format!("/?opt=stable&user={}", "9".repeat(300)),
        _ => "/".to_owned(),
    };
    let mut headers: Vec<(&'static str, Vec<u8>)> = Vec::new();
    match pick(8) {
        0 => headers.push(("x-user-id", b"\xff\xfe\x80".to_vec())),
        1 => headers.push(("x-user-id", vec![b'x'; at(250 + pick(20))])),
        2 => headers.push(("x-user-id", vec![b'y'; 8_000])),
        3 => {
            headers.push(("x-user-id", Vec::new()));
            headers.push(("x-user-id", format!("second-{number}").into_bytes()));
        }
        4 => {}
        _ => headers.push(("x-user-id", format!("user-{}", number % 100_000).into_bytes())),
    }
    match pick(6) {
        0 => headers.push(("cookie", format!("a=1; uid=c{number}; opt=canary").into_bytes())),
        1 => headers.push(("cookie", "x=y;;=; uid;".repeat(100).into_bytes())),
        2 => {
            headers.push(("cookie", b"\xff=\x80; uid=\xff".to_vec()));
            headers.push(("cookie", b"uid=second".to_vec()));
        }
        _ => {}
    }
    for _ in 0..pick(3) {
        let side = SIDES.get(at(pick(5))).copied().unwrap_or_default();
        let name = ["x-serin-variant", "x-cohort", "x-opt"].get(at(pick(3))).copied();
        headers.push((name.unwrap_or("x-opt"), side.to_vec()));
    }
    match pick(10) {
        0 => headers.extend((0..40).map(|_| ("x-many", b"again".to_vec()))),
        1 => headers.push(("x-request-id", b"not-an-id".to_vec())),
        2 => headers.push(("baggage", b"userId=%ff%zz,;,=,userId=a;p=1".to_vec())),
        3 => headers.push(("x-jwt-payload", b"eyJzdWIiOiJhbGljZSI\xff".to_vec())),
        4 => headers.push(("content-type", b"application/grpc".to_vec())),
        _ => {}
    }
    let method = ["GET", "GET", "GET", "DELETE"].get(at(pick(4))).copied().unwrap_or("GET");
    Hostile { method, host, path, headers }
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
