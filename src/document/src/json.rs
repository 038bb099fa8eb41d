//! JSON as a tree that still knows when a key stood twice, and how each number was written.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString as _;
use alloc::vec::Vec;

pub(crate) mod number;
pub(crate) mod scan;
mod text;

use core::fmt::{self, Write as _};

use crate::{Refused, named::sorted, parse::MAX_DOCUMENT_BYTES};
pub(crate) use text::Escaped;

use scan::{Problem, Scan, Start};

/// How many lists and objects may stand within each other: as many as other readers of JSON let
/// by, and a document of ours has ten.
const MAX_DEPTH: usize = 127;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

impl Json {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object {
    /// In the order in which they stand.
    pub(crate) members: Vec<(String, Json)>,
    /// A key that stands twice. Readers differ in which one they take, so neither counts.
    pub(crate) twice: Option<String>,
}

/// Reads bytes.
///
/// # Errors
/// [`Refused::NotJson`] for anything but JSON; [`Refused::NotDocument`] for JSON that is too large
/// or that no tree can hold (nested too deep, half a surrogate pair).
pub(crate) fn read(bytes: &[u8]) -> Result<Json, Refused> {
    let not_json = |problem: String| Refused::NotJson { problem };
    let text = str::from_utf8(bytes).map_err(|e| not_json(e.to_string()))?;
    // Judges the grammar alone, without building anything.
    let mut scan = Scan::new(text);
    scan.skip()
        .and_then(|()| scan.end())
        .map_err(|problem| not_json(format!("{problem}, at {}", scan.place())))?;
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Refused::NotDocument {
            value: format!("{} bytes", bytes.len()),
            rule: format!("a document has at most {MAX_DOCUMENT_BYTES} bytes"),
        });
    }
    let mut scan = Scan::new(text);
    tree(&mut scan, MAX_DEPTH).map_err(|problem| Refused::NotDocument {
        value: format!("{problem}, at {}", scan.place()),
        rule: "a document is JSON with whole characters and little nesting".into(),
    })
}

/// Builds the next value, which holds at most so many within each other.
fn tree(scan: &mut Scan<'_>, depth: usize) -> Result<Json, Problem> {
    let below = || depth.checked_sub(1).ok_or("lists and objects within each other, too many");
    let mut first = true;
    Ok(match scan.begin()? {
        Start::Null => Json::Null,
        Start::Bool(value) => Json::Bool(value),
        Start::Number(number) => Json::Number(number.to_owned()),
        Start::Text(text) => Json::Text(text.decode()?.into_owned()),
        Start::List => {
            let (below, mut items) = (below()?, Vec::new());
            while scan.more(b']', core::mem::take(&mut first))? {
                items.push(tree(scan, below)?);
            }
            Json::List(items)
        }
        Start::Object => {
            let (below, mut members) = (below()?, Vec::new());
            while scan.more(b'}', core::mem::take(&mut first))? {
                members.push((scan.key()?.decode()?.into_owned(), tree(scan, below)?));
            }
            let twice = twice(&members);
            Json::Object(Object { members, twice })
        }
    })
}

/// The first of the keys that stands twice. Whoever wrote them may have written very many.
fn twice(members: &[(String, Json)]) -> Option<String> {
    let keys = sorted(members.iter().map(|(key, _)| key.as_bytes()));
    let [(_, place), _] = keys.array_windows().find(|[(one, _), (next, _)]| one == next)?;
    members.get(*place).map(|(key, _)| key.clone())
}

impl fmt::Display for Json {
    /// One line of JSON, for errors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(true) => f.write_str("true"),
            Self::Bool(false) => f.write_str("false"),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => write!(f, "\"{}\"", Escaped(text)),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    f.write_char(if index == 0 { '[' } else { ',' })?;
                    item.fmt(f)?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(Object { members, .. }) => {
                for (index, (key, value)) in members.iter().enumerate() {
                    f.write_char(if index == 0 { '{' } else { ',' })?;
                    write!(f, "\"{}\":", Escaped(key))?;
                    value.fmt(f)?;
                }
                f.write_str(if members.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_tree_prints_what_it_read() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,0.5],"b":{"c":"ü\n"}}"#;
        assert_eq!(read(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn a_key_that_stands_twice_is_remembered() {
        let Json::Object(object) = read(br#"{"a": 1, "b": 2, "a": 3}"#).unwrap() else {
            panic!("an object");
        };
        assert_eq!(object.twice.as_deref(), Some("a"));
    }

    #[test]
    fn json_that_no_tree_can_hold_is_still_json() {
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        let large = format!("\"{}\"", "a".repeat(MAX_DOCUMENT_BYTES));
        for text in [r#""\ud800""#, &deep, &large] {
            let refused = read(text.as_bytes()).unwrap_err();
            assert!(matches!(refused, Refused::NotDocument { .. }), "{refused}");
        }
        for bytes in
            [&b""[..], b"{", b"nul", b"{}{}", b"\"\xff\"", b"{'a': 1}", b"[1,]", b"\xef\xbb\xbf{}"]
        {
            let refused = read(bytes).unwrap_err();
            assert!(!refused.is_json(), "{refused}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, problem) in [
            ("", "expected a value, not the end, at line 1 column 1"),
            ("{\"a\": 1,\n \"b\" 2}", "expected a colon, at line 2 column 6"),
            ("[1,\n\n]", "expected a value, at line 3 column 1"),
            ("[1 2]", "expected a comma or the end of it, at line 1 column 4"),
            ("{'a': 1}", "expected a key, in quotes, at line 1 column 2"),
            ("{} {}", "expected the end, at line 1 column 4"),
            ("\"a", "expected the end of the text, a quote, at line 1 column 3"),
            ("no", "expected a value; words are true, false and null, at line 1 column 1"),
        ] {
            assert_eq!(
                read(text.as_bytes()).unwrap_err().to_string(),
                format!("not JSON: {problem}")
            );
        }
    }

    /// What is nearly JSON, and sometimes is.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "\\n", "\\u00e9",
            "\\ud83d", "\\ude00", "ü", "\u{1}", " ", "\n", "\t", "0", "1", "-", ".", "e", "E+",
            "12", "0.5", "true", "false", "null", "nul", "[[", "]]", "\"b\":1,", "\u{7f}",
            "\u{a0}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn it_is_json_exactly_where_another_reader_takes_it(text in pieces()) {
            let is_json = !matches!(read(text.as_bytes()), Err(Refused::NotJson { .. }));
            prop_assert_eq!(is_json, serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn a_text_holds_what_another_reader_finds_in_it(inner in pieces()) {
            let text = format!("\"{inner}\"");
            let found = read(text.as_bytes()).ok();
            let other = serde_json::from_str::<String>(&text).ok();
            prop_assert_eq!(found.as_ref().and_then(Json::text), other.as_deref(), "{}", text);
        }
    }

    proptest! {
        #[test]
        fn a_tree_is_what_another_reader_makes_of_it(value in value(), pretty: bool) {
            let print = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
            let text = print(&value).unwrap();
            let printed = read(text.as_bytes()).unwrap().to_string();
            let other = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(other(&printed), other(&text));
        }
    }
}
