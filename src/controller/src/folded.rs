//! JSON that is kept and not looked into.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// A JSON value as its text, which all copies share: as a tree it takes up ten times as much, each
/// time.
#[derive(Clone, Debug)]
pub struct Folded(Arc<RawValue>);

impl Folded {
    /// The JSON of anything; `None` of what has none.
    #[must_use]
    pub fn of(what: &impl Serialize) -> Option<Self> {
        to_raw_value(what).ok().map(|text| Self(text.into()))
    }

    /// The value, to look into it.
    #[must_use]
    pub fn unfold(&self) -> Value {
        // It was read or written as JSON.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

/// Spaces and the order of fields make no difference.
impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get() || self.unfold() == other.unfold()
    }
}

impl Eq for Folded {}

impl Serialize for Folded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Folded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_stays_as_it_was_read_and_values_are_compared() {
        let read: Folded = serde_json::from_str("{ \"b\": 0.1, \"a\": [1] }").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "{ \"b\": 0.1, \"a\": [1] }");
        assert_eq!(Some(&read), Folded::of(&json!({"a": [1], "b": 0.1})).as_ref());
        assert_ne!(Some(&read), Folded::of(&json!({"a": [2], "b": 0.1})).as_ref());
        assert_eq!(read.unfold()["a"][0], 1);
    }
}
