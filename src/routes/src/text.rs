//! An object as it is written.
//!
//! A tree of values knows what a number is worth and not how it was written: `1e3` comes out of it as
//! `1000.0`, and a whole number of more than 64 bits as the nearest double. So the object is changed as
//! a tree, and what the change leaves alone is taken from the text.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// An object's text, and what it says.
#[derive(Clone, Debug)]
pub struct Text {
    text: Box<RawValue>,
    tree: Value,
}

impl Text {
    /// Reads a text.
    ///
    /// # Errors
    /// Where it is no JSON, or holds a number that is beyond every double.
    pub fn read(text: String) -> Result<Self, serde_json::Error> {
        let tree = serde_json::from_str(&text)?;
        Ok(Self { text: RawValue::from_string(text)?, tree })
    }

    /// What it says.
    #[must_use]
    pub const fn tree(&self) -> &Value {
        &self.tree
    }

    /// The text after a change of the tree. What is as it was keeps its spelling; fields of an object
    /// that has changed are in the order of their names, in which API servers have them anyway.
    #[must_use]
    pub fn changed(&self, tree: &Value) -> String {
        spelt(&self.text, &self.tree, tree)
    }
}

/// `is` as text: as `text` has it wherever it is what `was` is, of which that is the text.
fn spelt(text: &RawValue, was: &Value, is: &Value) -> String {
    if was == is {
        return text.get().to_owned();
    }
    let spelt = match (was, is) {
        (Value::Object(was), Value::Object(is)) => fields(text, was, is),
        (Value::Array(was), Value::Array(is)) => items(text, was, is),
        _ => None,
    };
    spelt.unwrap_or_else(|| is.to_string())
}

fn fields(text: &RawValue, was: &Map<String, Value>, is: &Map<String, Value>) -> Option<String> {
    let texts: BTreeMap<String, &RawValue> = serde_json::from_str(text.get()).ok()?;
    let field = |(name, is): (&String, &Value)| {
        let value = match (texts.get(name), was.get(name)) {
            (Some(text), Some(was)) => spelt(text, was, is),
            _ => is.to_string(),
        };
        format!("{}:{value}", Value::from(name.as_str()))
    };
    Some(format!("{{{}}}", is.iter().map(field).collect::<Vec<_>>().join(",")))
}

fn items(text: &RawValue, was: &[Value], is: &[Value]) -> Option<String> {
    let texts: Vec<&RawValue> = serde_json::from_str(text.get()).ok()?;
    let item = |(place, is): (usize, &Value)| {
        let here = was.get(place);
        // Where something was put in or taken out, the others stand elsewhere.
        let from = if here == Some(is) {
            Some(place)
        } else {
            was.iter().position(|one| one == is).or(here.map(|_| place))
        };
        match from.and_then(|from| Some((texts.get(from)?, was.get(from)?))) {
            Some((text, was)) => spelt(text, was, is),
            None => is.to_string(),
        }
    };
    Some(format!("[{}]", is.iter().enumerate().map(item).collect::<Vec<_>>().join(",")))
}
