//! Documents and requests that are likely to meet: few names, each used often, and every option.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::identity::encoded;
use crate::{Proxy, Request};

mod rules;
mod tokens;

const HOSTS: [&str; 7] =
    ["shop.test", "a.shop.test", "b.a.shop.test", "*.shop.test", "*.a.shop.test", "*", "192.0.2.7"];
const PATHS: [&str; 5] = ["/", "/a", "/a/b", "/a/", "/b"];
const MARKS: [&str; 2] = ["x-serin-variant", "x-side"];
const COHORTS: [&str; 2] = ["x-cohort", "x-sixteenth"];
const WEIGHTS: [&str; 7] = ["0%", "0.01%", "12.5%", "50%", "50.01%", "99.9%", "100%"];
const SALTS: [&str; 3] = ["a", "shop/checkout/5d4f8c", "!~"];

const BAGGAGES: [&str; 6] = [
    "userId=alice",
    "a=b, userId = al%20ice;p=1;q,userId=bob",
    "userId",
    "userId=",
    "userid=x",
    ",,=,",
];
/// What stands between a token's dots.
const PAYLOADS: [&str; 12] = [
    r#"{"sub":"alice"}"#,
    r#"{"sub":4711,"user":{"id":"u"}}"#,
    r#"{"user":{"id":true}}"#,
    r#"{"sub":[1],"user":[]}"#,
    r#"{"sub":4711.0}"#,
    r#"{"sub":-4.711e3}"#,
    r#"{"sub":9007199254740992}"#,
    r#"{"sub":"alice","sub":"bob"}"#,
    r#"{"aud":1,"aud":2,"sub":"a\u00fc"}"#,
    r#"{"sub":"a\u0000b"}"#,
    r#"{"x":"\ud800","sub":"alice"}"#,
    r#"{"sub":"alice"} x"#,
];
const ADDRESSES: [&str; 5] =
    ["203.0.113.7:4711", "[2001:db8:1:2::7]:80", "[::ffff:203.0.113.9]:1", "/tmp/socket", ""];

fn source() -> BoxedStrategy<Value> {
    let header =
        select(vec!["x-user-id", "X-User-Id", "x-other"]).prop_map(|n| json!({"header": n}));
    let cookie = select(vec!["uid", "Uid"]).prop_map(|n| json!({"cookie": n}));
    let query = select(vec!["user", "u s"]).prop_map(|n| json!({"query": n}));
    let others = select(vec![
        json!({"baggage": "userId"}),
        json!({"address": {"ipv4": 24, "ipv6": 48}}),
        json!({"address": {}}),
        json!({"jwt": {"claim": "sub", "header": "x-jwt"}}),
        json!({"jwt": {"claim": ["user", "id"], "header": "x-jwt"}}),
        json!({"jwt": {"claim": "sub", "metadata": "payload"}}),
        json!({"jwt": {"claim": ["user", "id"], "metadata": "payload"}}),
    ]);
    prop_oneof![2 => header, 2 => cookie, 2 => query, 3 => others].boxed()
}

/// Sources, perhaps with an id of our own at the end.
fn identity() -> impl Strategy<Value = Vec<Value>> {
    let generated = select(vec![
        json!({"cookie": "serin-id"}),
        json!({"cookie": "serin-id", "maxAge": "30d", "sameSite": "strict", "secure": false}),
        json!({"cookie": "own", "maxAge": "1h", "sameSite": "none", "secure": true}),
    ]);
    (vec(source(), 0..4), option::weighted(0.2, generated)).prop_map(|(mut sources, last)| {
        sources.extend(last.map(|generated| json!({"generated": generated})));
        sources
    })
}

/// Where all of a rollout's hosts are in one domain and all its paths below one, a cookie of its own
/// is for these alone.
fn narrow(identity: &mut [Value], hosts: &[&str], paths: Option<&[&str]>) {
    let Some(generated) = identity.last_mut().and_then(|source| source.get_mut("generated")) else {
        return;
    };
    if let Some(fields) = generated.as_object_mut() {
        if hosts.iter().all(|host| host.ends_with("a.shop.test")) {
            fields.insert("domain".to_owned(), json!("a.shop.test"));
        }
        if paths.is_some_and(|paths| paths.iter().all(|path| path.starts_with("/a"))) {
            fields.insert("path".to_owned(), json!("/a"));
        }
    }
}

fn tester() -> BoxedStrategy<Value> {
    let signed = json!({"audience": "shop"});
    select(vec![
        json!({"header": "x-opt"}),
        json!({"cookie": "opt", "remember": "kept-word"}),
        json!({"query": "opt"}),
        json!({"header": "X-Token", "signed": signed}),
        json!({"cookie": "token", "signed": signed}),
        json!({"query": "t k", "signed": signed, "remember": "kept"}),
        json!({"header": "x-token", "signed": {"audience": "other"}, "remember": "kept-other"}),
    ])
    .boxed()
}

fn rollout() -> impl Strategy<Value = Value> {
    let place = (
        subsequence(HOSTS.to_vec(), 1..=3),
        option::of(subsequence(PATHS.to_vec(), 1..=2)),
        option::of(Just(json!({"shop": ["web"], "other": ["web", "api"]}))),
    );
    let weight = (select(SALTS.to_vec()), select(WEIGHTS.to_vec()), prop::bool::weighted(0.9));
    let who =
        (identity(), option::of(select(vec!["stable", "random", "route"])), vec(tester(), 0..4));
    let how = (
        option::of(select(vec!["replace", "keep"])),
        option::of(select(MARKS.to_vec())),
        option::of(select(COHORTS.to_vec())),
        prop::bool::weighted(0.05),
    );
    (place, weight, who, how, rules::fields()).prop_map(|(place, weight, mut who, how, rules)| {
        narrow(&mut who.0, &place.0, place.1.as_deref());
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("hosts", Some(json!(place.0)));
        put("paths", place.1.map(|paths| json!(paths)));
        put("bareHosts", place.2);
        put("salt", Some(json!(weight.0)));
        put("weight", Some(json!(weight.1)));
        put("canaryServes", Some(json!(weight.2)));
        put("identity", Some(json!(who.0)));
        put("anonymous", who.1.map(|text| json!(text)));
        put("testers", Some(json!(who.2)));
        put("incoming", how.0.map(|text| json!(text)));
        put("mark", how.1.map(|text| json!(text)));
        put("cohortHeader", how.2.map(|text| json!(text)));
        for (name, value) in rules {
            put(name, Some(value));
        }
        put("requires", how.3.then(|| json!(["what nobody knows"])));
        Value::Object(fields)
    })
}

/// A rollout, or two that share its requests.
fn rollouts() -> impl Strategy<Value = Vec<Value>> {
    let cuts = option::weighted(0.3, (0..5_000_u32, 5_000..=10_000_u32));
    let percent = |points: u32| json!(format!("{}.{:02}%", points / 100, points % 100));
    (rollout(), cuts).prop_map(move |(rollout, cuts)| {
        let Some((from, cut)) = cuts else { return vec![rollout] };
        let part = |from: u32, to: u32, mark: &str| {
            let mut part = rollout.clone();
            if let Some(fields) = part.as_object_mut() {
                fields.insert("buckets".to_owned(), json!([percent(from), percent(to)]));
                fields.insert("mark".to_owned(), json!(mark));
                fields.insert("weight".to_owned(), percent((to - from) * 2 / 3));
                fields.remove("cohortHeader");
            }
            part
        };
        if cut == 10_000 {
            return vec![part(from, cut, "x-side")];
        }
        vec![part(from, cut, "x-side"), part(cut, 10_000, "x-serin-variant")]
    })
}

/// A document of up to ten rollouts.
pub fn document() -> impl Strategy<Value = Value> {
    vec(rollouts(), 1..6).prop_map(|rollouts| {
        let mut rollouts = rollouts.concat();
        for (number, rollout) in rollouts.iter_mut().enumerate() {
            if let Some(fields) = rollout.as_object_mut() {
                fields.insert("name".to_owned(), json!(format!("shop/r{number}")));
                fields.insert("revision".to_owned(), json!(number));
            }
        }
        json!({"formatVersion": "1.0", "revision": 7, "rollouts": rollouts})
    })
}

/// Where a proxy runs and what its own configuration says.
pub fn proxy() -> impl Strategy<Value = Proxy> {
    (
        option::of(select(vec!["shop", "other", "third"])),
        option::weighted(0.2, select(vec!["replace", "keep"])),
        option::weighted(0.2, select(MARKS.to_vec())),
        0..=2_usize,
    )
        .prop_map(|(namespace, incoming, mark, keys)| Proxy {
            namespace: namespace.map(str::to_owned),
            incoming,
            mark,
            keys: tokens::keys().into_iter().take(keys).collect(),
        })
}

fn authority() -> impl Strategy<Value = Vec<u8>> {
    let usual = select(vec![
        "shop.test",
        "Shop.TEST:8080",
        "a.shop.test.",
        "b.a.shop.test",
        "c.b.a.shop.test:1",
        "x.shop.test",
        ".shop.test",
        "..shop.test",
        "other.test",
        "web",
        "api",
        "192.0.2.7:80",
        "192.0.2.7",
        "[::1]:8080",
        "[::1]",
        ":80",
        "shop.test:",
        "shop.test.:1",
        "shop.test:x",
        "",
    ]);
    prop_oneof![
        8 => usual.prop_map(|text| text.as_bytes().to_vec()),
        1 => "[a.:*\\[\\]0-9]{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    let start = select(vec![
        "/", "/a", "/a/b", "/a/b/c", "/ab", "/a//b", "/b/", "//", "", "*", "a", "/%61", "/a#x",
    ]);
    let pair = (
        select(vec![
            "user", "%75ser", "opt", "t%20k", "t k", "u%20s", "u s", "u+s", "x", "", "User",
        ]),
        select(vec!["=", "==", "", "=%"]),
        id(),
    )
        .prop_map(|(name, equals, value)| [name.as_bytes(), equals.as_bytes(), &value].concat());
    let query = vec((select(vec!["?", "&", "&&", "#", ";"]), pair), 0..4);
    prop_oneof![
        9 => (start, query).prop_map(|(start, query)| {
            let mut path = start.as_bytes().to_vec();
            for (separator, pair) in query {
                path.extend_from_slice(separator.as_bytes());
                path.extend(pair);
            }
            path
        }),
        1 => vec(any::<u8>(), 0..40),
    ]
}

fn id() -> impl Strategy<Value = Vec<u8>> {
    let long = (255..258_usize).prop_map(|length| vec![b'x'; length]);
    prop_oneof![
        8 => "[a-z0-9]{1,12}".prop_map(String::into_bytes),
        2 => tokens::token(),
        1 => Just(b"forget".to_vec()),
        1 => Just(b"alice".to_vec()),
        1 => Just(b"bob".to_vec()),
        1 => Just(b"canary".to_vec()),
        1 => Just(b"stable".to_vec()),
        1 => Just(Vec::new()),
        1 => long,
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn cookie() -> impl Strategy<Value = Vec<u8>> {
    let words = select(vec!["canary", "stable", "forget"]);
    let words = words.prop_map(|word| word.as_bytes().to_vec());
    let pair = (
        select(vec![
            "uid",
            "Uid",
            " uid",
            "\tuid",
            "uid ",
            "opt",
            "token",
            "kept",
            "kept-word",
            "kept-other",
            "x",
            "",
        ]),
        select(vec!["=", "==", "", " = "]),
        prop_oneof![2 => id(), 1 => words],
    )
        .prop_map(|(name, equals, value)| [name.as_bytes(), equals.as_bytes(), &value].concat());
    let made = vec((select(vec![";", "; ", ";;", ",", " ;"]), pair), 0..5).prop_map(|pairs| {
        let mut cookie = Vec::new();
        for (separator, pair) in pairs {
            cookie.extend(pair);
            cookie.extend_from_slice(separator.as_bytes());
        }
        cookie
    });
    let remembering = select(vec![
        "opt=forget; kept-word=canary",
        "kept-word=canary; opt=stable",
        "kept-word=canary; opt=x",
    ]);
    prop_oneof![4 => made, 1 => remembering.prop_map(|line| line.as_bytes().to_vec())]
}

/// A payload as a header carries it, with padding or without, or garbage.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    (select(PAYLOADS.to_vec()), 0..10_u8).prop_map(|(json, how)| {
        let encoded = encoded(json.as_bytes());
        match how {
            0 => json.as_bytes().to_vec(),
            1 => format!("{encoded}.x").into_bytes(),
            2 => format!("{encoded}=").into_bytes(),
            3 => format!("{encoded}==").into_bytes(),
            4 => format!("{encoded}A").into_bytes(),
            _ => encoded.into_bytes(),
        }
    })
}

fn header() -> impl Strategy<Value = (String, Vec<u8>)> {
    let side = || {
        let usual = select(vec!["canary", "stable", "Canary", "canary ", "", "x"]);
        usual.prop_map(|text| text.as_bytes().to_vec())
    };
    let written = select([MARKS, COHORTS].concat());
    let named = |name: &'static str| move |value: Vec<u8>| (name.to_owned(), value);
    prop_oneof![
        4 => id().prop_map(named("x-user-id")),
        1 => id().prop_map(named("x-other")),
        3 => cookie().prop_map(named("cookie")),
        2 => side().prop_map(named("x-opt")),
        2 => prop_oneof![4 => tokens::token(), 1 => side(), 1 => id()].prop_map(named("x-token")),
        3 => (written, prop_oneof![side(), Just(b"7".to_vec())])
            .prop_map(|(name, value)| (name.to_owned(), value)),
        2 => select(BAGGAGES.to_vec()).prop_map(|text| ("baggage".to_owned(), text.into())),
        2 => payload().prop_map(named("x-jwt")),
        2 => "[a-f0-9-]{0,40}".prop_map(|text| ("x-request-id".to_owned(), text.into_bytes())),
    ]
}

/// Claims as Envoy hands them over: texts, numbers, booleans, and what is none of them.
fn claims() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let number =
        select(vec![0.0, -0.0, 4711.0, -3.0, 0.5, 9_007_199_254_740_991.0, 1e16, f64::NAN]);
    let value = prop_oneof![
        3 => id(),
        2 => number.prop_map(|number: f64| number.to_le_bytes().to_vec()),
        1 => any::<bool>().prop_map(|flag| vec![u8::from(flag)]),
        1 => select(vec!["a\0b", "\u{85}", "8 bytes.", "\u{7f}"]).prop_map(|text| text.as_bytes().to_vec()),
    ];
    let name = select(vec!["sub", "user.id", "user"]);
    vec((name, value), 0..3).prop_map(|claims| {
        let place =
            |name| format!("metadata.filter_metadata.envoy.filters.http.jwt_authn.payload.{name}");
        claims.into_iter().map(|(name, value)| (place(name), value)).collect()
    })
}

/// A request, well-formed or not.
pub fn request() -> impl Strategy<Value = Request> {
    let ours = select(vec!["0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef"]);
    let ours = option::weighted(0.1, ours);
    let scheme = option::weighted(0.3, select(vec!["https", "http"]));
    let head = (option::weighted(0.95, authority()), option::weighted(0.95, path()), ours, scheme);
    let address = option::weighted(0.8, select(ADDRESSES.to_vec()));
    let proxy = (address, any::<[u8; 16]>(), claims(), tokens::now());
    (head, vec(header(), 0..8), proxy).prop_map(|(head, headers, proxy)| {
        let (authority, path, ours, scheme) = head;
        let ours = ours.map(|id| format!("serin-id={id}; own={id}").into_bytes());
        let scheme = scheme.map(|text| text.as_bytes().to_vec());
        let own =
            [(":authority", authority), (":path", path), (":scheme", scheme), ("cookie", ours)];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let address = proxy.0.map(|address| ("source.address".to_owned(), address.into()));
        Request {
            headers: own.chain(headers).collect(),
            properties: address.into_iter().chain(proxy.2).collect(),
            random: proxy.1,
            now: proxy.3,
        }
    })
}
