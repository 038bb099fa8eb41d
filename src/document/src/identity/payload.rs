//! A token's payload as a header carries it: base64url of a JSON object, with or without padding.
//!
//! It is searched for one claim and nothing of it is kept; whatever is wrong with it, there is no
//! id.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::claim::{is_id, of_bool, of_whole};
use crate::base64::{Base64, unpadded};
use crate::json::number;
use crate::json::scan::{Problem, Scan, Start};

/// The longest payload, in bytes as sent; a longer one has no id. It is read for each request.
const MAX_PAYLOAD: usize = 16 << 10;

/// The id at a claim.
#[inline(never)]
pub(super) fn claim(sent: &[u8], path: &[Box<str>]) -> Option<Vec<u8>> {
    if sent.len() > MAX_PAYLOAD {
        return None;
    }
    // Padding is there or not as the sender likes.
    let json = Base64::Url.decode(unpadded(str::from_utf8(sent).ok()?))?;
    let mut scan = Scan::new(str::from_utf8(&json).ok()?);
    let found = find(&mut scan, path).ok()?;
    scan.end().ok()?;
    found
}

/// Reads a value, and of it the id at the end of a path. It calls itself no deeper than the path
/// is long.
fn find(scan: &mut Scan<'_>, path: &[Box<str>]) -> Result<Option<Vec<u8>>, Problem> {
    let start = scan.begin()?;
    match (start, path) {
        (Start::Object, [name, rest @ ..]) => {
            let (mut found, mut first) = (None, true);
            while scan.more(b'}', core::mem::take(&mut first))? {
                if *scan.key()?.decode()? != **name {
                    scan.skip()?;
                } else if found.is_none() {
                    found = Some(find(scan, rest)?);
                } else {
                    // Readers differ in which of the two they take.
                    return Err("the claim stands twice");
                }
            }
            Ok(found.flatten())
        }
        (_, []) => Ok(match start {
            Start::Bool(value) => Some(of_bool(value)),
            Start::Number(number) => number::whole(number).and_then(of_whole),
            Start::Text(text) => {
                Some(text.decode()?).filter(|text| is_id(text)).map(|text| text.as_bytes().to_vec())
            }
            Start::Null | Start::List | Start::Object => {
                scan.leave(start)?;
                None
            }
        }),
        _ => scan.leave(start).map(|()| None),
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Base64Url, Base64UrlUnpadded, Encoding as _};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn path(names: &[&str]) -> Vec<Box<str>> {
        names.iter().map(|name| (*name).into()).collect()
    }

    fn encoded(bytes: &[u8]) -> String {
        Base64UrlUnpadded::encode_string(bytes)
    }

    fn read(json: &str, names: &[&str]) -> Option<String> {
        let id = claim(encoded(json.as_bytes()).as_bytes(), &path(names))?;
        Some(String::from_utf8(id).unwrap())
    }

    #[test]
    fn texts_whole_numbers_and_bools_are_ids() {
        for (json, id) in [
            (r#"{"sub": "alice"}"#, Some("alice")),
            (r#"{"a": {"sub": "x"}, "sub": "\u00fc\ud83d\ude00"}"#, Some("ü😀")),
            (r#"{"sub": ""}"#, Some("")),
            (r#"{"sub": 4711}"#, Some("4711")),
            (r#"{"sub": -7}"#, Some("-7")),
            (r#"{"sub": 4.711e3}"#, Some("4711")),
            (r#"{"sub": 9007199254740991}"#, Some("9007199254740991")),
            (r#"{"sub": true}"#, Some("true")),
            (r#"{"sub": 9007199254740992}"#, None),
            (r#"{"sub": 18446744073709551615}"#, None),
            (r#"{"sub": 0.5}"#, None),
            (r#"{"sub": null}"#, None),
            (r#"{"sub": ["alice"]}"#, None),
            (r#"{"sub": {"sub": "alice"}}"#, None),
            (r#"{"sub": {}}"#, None),
            (r#"{"sub": "a\u0000b"}"#, None),
            (r#"{"Sub": "alice"}"#, None),
            (r"{}", None),
        ] {
            assert_eq!(read(json, &["sub"]).as_deref(), id, "{json}");
        }
    }

    #[test]
    fn a_path_leads_through_objects() {
        let json = r#"{"user": {"id": 7, "name": {"first": "a"}}, "id": 8, "list": [{"id": 9}]}"#;
        for (names, id) in [
            (&["user", "id"][..], Some("7")),
            (&["user", "name", "first"], Some("a")),
            (&["id"], Some("8")),
            (&["user"], None),
            (&["user", "name"], None),
            (&["id", "id"], None),
            (&["list", "id"], None),
            (&["list", "0", "id"], None),
        ] {
            assert_eq!(read(json, names).as_deref(), id, "{names:?}");
        }
    }

    #[test]
    fn what_is_no_payload_has_no_id() {
        let deep = format!(r#"{{"x": {}1{}, "sub": "a"}}"#, "[".repeat(500), "]".repeat(500));
        for json in [
            "",
            "alice",
            r#""alice""#,
            r#"["alice"]"#,
            r#"{"sub": "alice"} x"#,
            r#"{"sub": "alice""#,
            r#"{"sub": "alice", "sub": "bob"}"#,
            r#"{"sub": "alice", "sub": null}"#,
            r#"{"sub": null, "sub": "alice"}"#,
        ] {
            assert_eq!(read(json, &["sub"]), None, "{json}");
        }
        // Nothing else in it is of interest, however it looks.
        assert_eq!(read(&deep, &["sub"]).as_deref(), Some("a"));
        for sent in [&b"{\"sub\": \"alice\"}"[..], b"\xff", b"%%%", b"eyJ"] {
            assert_eq!(claim(sent, &path(&["sub"])), None, "{sent:?}");
        }
    }

    #[test]
    fn base64_for_urls_may_be_padded() {
        // Holds a `_` and a `-`, and needs padding.
        let json = r#"{"sub": "ÿ?>ü~", "n": 1}"#;
        let (padded, bare) = (Base64Url::encode_string(json.as_bytes()), encoded(json.as_bytes()));
        assert_ne!(padded, bare);
        for sent in [&padded, &bare] {
            let id = claim(sent.as_bytes(), &path(&["sub"]));
            assert_eq!(id.as_deref(), Some("ÿ?>ü~".as_bytes()), "{sent}");
        }
        let standard = Base64::encode_string(json.as_bytes());
        assert_ne!(standard, padded);
        assert_eq!(claim(standard.as_bytes(), &path(&["sub"])), None);
    }

    #[test]
    fn a_huge_payload_is_not_read() {
        let json = |size: usize| format!(r#"{{"sub": "a", "x": "{}"}}"#, "x".repeat(size));
        assert!(read(&json(10_000), &["sub"]).is_some());
        assert!(read(&json(16_000), &["sub"]).is_none());
    }

    /// The same by a tree of the whole payload.
    fn slowly(json: &Value, names: &[&str]) -> Option<String> {
        let found = names.iter().try_fold(json, |json, name| json.as_object()?.get(*name))?;
        match found {
            Value::String(text) if is_id(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => {
                let whole = number.as_f64()?;
                let fits = whole.fract() == 0.0 && whole.abs() < 9_007_199_254_740_992.0;
                fits.then(|| format!("{whole:.0}").replace("-0", "0"))
            }
            _ => None,
        }
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (1_i64 << 50..1 << 54).prop_map(Value::from),
            (-1000..1000).prop_map(Value::from),
            (-1000..1000).prop_map(|n| Value::from(f64::from(n) / 4.0)),
            "[a-cü\\x00]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_claim_is_what_the_whole_tree_has_there(json in tree(), names in prop::collection::vec("[ab]", 1..4)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(read(&json.to_string(), &names), slowly(&json, &names));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = claim(&bytes, &path(&["sub"]));
            let _ = claim(encoded(&bytes).as_bytes(), &path(&["sub"]));
        }
    }
}
