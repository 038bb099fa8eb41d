//! JSON as a tree that still knows when a key stood twice, which serde's own values forget.

use core::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;

use crate::{Refused, named::sorted, parse::MAX_DOCUMENT_BYTES};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
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
/// or that no tree can hold (nested too deep, numbers out of range, half a surrogate pair).
pub(crate) fn read(bytes: &[u8]) -> Result<Json, Refused> {
    let not_json = |problem: String| Refused::NotJson { problem };
    let text = str::from_utf8(bytes).map_err(|e| not_json(e.to_string()))?;
    // Judges the grammar alone, without building anything.
    serde_json::from_str::<IgnoredAny>(text).map_err(|e| not_json(e.to_string()))?;
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Refused::NotDocument {
            value: format!("{} bytes", bytes.len()),
            rule: format!("a document has at most {MAX_DOCUMENT_BYTES} bytes"),
        });
    }
    serde_json::from_str(text).map_err(|e| Refused::NotDocument {
        value: e.to_string(),
        rule: "a document is JSON with plain numbers, whole characters and little nesting".into(),
    })
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // JSON writes no number that isn't finite.
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        let twice = twice(&members);
        Ok(Json::Object(Object { members, twice }))
    }
}

/// The first of the keys that stands twice. Whoever wrote them may have written very many.
fn twice(members: &[(String, Json)]) -> Option<String> {
    let keys = sorted(members.iter().map(|(key, _)| key.as_bytes()));
    let [(_, place), _] = keys.array_windows().find(|[(one, _), (next, _)]| one == next)?;
    members.get(*place).map(|(key, _)| key.clone())
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(object) => {
                serializer.collect_map(object.members.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

impl fmt::Display for Json {
    /// One line of JSON, for errors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
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
        for text in ["1e999", r#""\ud800""#, &deep, &large] {
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
}
