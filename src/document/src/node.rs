//! A JSON value with its place, read strictly: each error names the field, the value and the rule.

use core::str::FromStr;
use std::vec;

use crate::json::{Json, Object};
use crate::{Fault, FormatVersion};

/// What is done with fields that no rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// An error: a misspelt field must not pass for its default.
    Refuse,
    /// Ignored: a newer minor version may have them.
    Ignore,
}

impl From<FormatVersion> for Unknown {
    fn from(version: FormatVersion) -> Self {
        if version.is_newer_minor() { Self::Ignore } else { Self::Refuse }
    }
}

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    json: Json,
    at: String,
    unknown: Unknown,
}

impl Node {
    pub(crate) const fn new(json: Json, at: String, unknown: Unknown) -> Self {
        Self { json, at, unknown }
    }

    /// Where it stands, such as `rollouts[3].paths`.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    pub(crate) fn fault(&self, rule: impl Into<String>) -> Fault {
        Fault::new(self.at.clone(), &self.json.to_string(), rule)
    }

    /// A text that its type accepts.
    pub(crate) fn text<T>(self) -> Result<T, Fault>
    where
        T: FromStr,
        T::Err: Rule,
    {
        self.text_by(str::parse)
    }

    /// A text that `read` accepts.
    pub(crate) fn text_by<T, E: Rule>(
        self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Fault> {
        match &self.json {
            Json::Text(text) => read(text).map_err(|e| self.fault(e.rule())),
            _ => Err(self.fault("this is text, in quotes")),
        }
    }

    pub(crate) fn flag(self) -> Result<bool, Fault> {
        match self.json {
            Json::Bool(value) => Ok(value),
            _ => Err(self.fault("this is true or false, without quotes")),
        }
    }

    /// A whole number from 0 to `max`.
    pub(crate) fn whole(self, max: u64) -> Result<u64, Fault> {
        match &self.json {
            Json::Number(number) => number.as_u64().filter(|n| *n <= max),
            _ => None,
        }
        .ok_or_else(|| self.fault(format!("this is a whole number from 0 to {max}")))
    }

    /// A text, or a list of texts, that `read` accepts.
    pub(crate) fn one_or_list<T, E: Rule>(
        self,
        read: impl FnOnce(&[&str]) -> Result<T, E>,
    ) -> Result<T, Fault> {
        let items = match &self.json {
            Json::List(items) => items.as_slice(),
            one => core::slice::from_ref(one),
        };
        let texts: Option<Vec<&str>> = items.iter().map(Json::text).collect();
        match texts {
            Some(texts) => read(&texts).map_err(|e| self.fault(e.rule())),
            None => Err(self.fault("this is text, in quotes, or a list of texts, in [ ]")),
        }
    }

    /// A list of at most `max` entries. `why` says in the error what the limit is for.
    pub(crate) fn list<T>(
        self,
        max: usize,
        why: &str,
        read: impl Fn(Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let items = self.items(max, why)?;
        // A loop: what adapters of iterators make of each kind of entry is many times larger.
        let mut list = Vec::with_capacity(items.json.len());
        for item in items {
            list.push(read(item)?);
        }
        Ok(list)
    }

    fn items(self, max: usize, why: &str) -> Result<Items, Fault> {
        let Json::List(json) = self.json else {
            return Err(self.fault("this is a list, in [ ]"));
        };
        if json.len() > max {
            return Err(too_many(self.at, json.len(), max, why));
        }
        Ok(Items { json: json.into_iter(), index: 0, at: self.at, unknown: self.unknown })
    }

    /// The entries of an object that maps names to values.
    pub(crate) fn map<T>(
        self,
        max: usize,
        why: &str,
        read: impl Fn(Self) -> Result<T, Fault>,
    ) -> Result<Vec<(String, T)>, Fault> {
        let Fields { at, members, unknown } = self.fields()?;
        if members.len() > max {
            return Err(too_many(at, members.len(), max, why));
        }
        let mut entries = Vec::with_capacity(members.len());
        for (key, json) in members {
            let value = read(Self::new(json, format!("{at}.{key}"), unknown))?;
            entries.push((key, value));
        }
        Ok(entries)
    }

    /// The fields of an object, none of which stands twice.
    pub(crate) fn fields(self) -> Result<Fields, Fault> {
        match self.json {
            Json::Object(Object { members, twice: None }) => {
                Ok(Fields { at: self.at, members, unknown: self.unknown })
            }
            Json::Object(Object { twice: Some(key), .. }) => Err(Fault::new(
                place(&self.at, &key),
                "two values",
                "a field stands once in an object: readers differ in which one they take",
            )),
            _ => Err(self.fault("this is an object, in { }")),
        }
    }
}

/// The entries of a list, each with its place.
struct Items {
    json: vec::IntoIter<Json>,
    index: usize,
    at: String,
    unknown: Unknown,
}

impl Iterator for Items {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        let json = self.json.next()?;
        let at = format!("{}[{}]", self.at, self.index);
        self.index += 1;
        Some(Node::new(json, at, self.unknown))
    }
}

fn too_many(at: String, found: usize, max: usize, why: &str) -> Fault {
    Fault::new(at, &format!("{found} entries"), format!("at most {max}: {why}"))
}

/// An object whose fields are taken one by one.
#[derive(Debug)]
pub(crate) struct Fields {
    at: String,
    members: Vec<(String, Json)>,
    unknown: Unknown,
}

impl Fields {
    /// Where a field of this object stands.
    pub(crate) fn place(&self, name: &str) -> String {
        place(&self.at, name)
    }

    /// Sets what is done with unknown fields, once the version is known.
    pub(crate) fn set_unknown(&mut self, unknown: Unknown) {
        self.unknown = unknown;
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|(key, _)| key == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A field that must not be there, in no version; its value may be a secret.
    pub(crate) fn refuse(&self, name: &str, rule: &str) -> Result<(), Fault> {
        if self.has(name) {
            return Err(Fault::new(self.place(name), Fault::HIDDEN, rule));
        }
        Ok(())
    }

    /// A text field as it stands, if it is one; the object keeps it.
    pub(crate) fn peek_text(&self, name: &str) -> Option<&str> {
        self.members.get(self.find(name)?)?.1.text()
    }

    /// A field that may be absent.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Node) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.take(name).map(read).transpose()
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        let (_, json) = self.members.remove(self.find(name)?);
        Some(Node::new(json, self.place(name), self.unknown))
    }

    /// A field that has to be there; `rule` says what it would be.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        rule: &str,
        read: impl FnOnce(Node) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.optional(name, read)?.ok_or_else(|| Fault::missing(self.place(name), rule))
    }

    /// Ends the reading: what was not taken is unknown. `known` lists the fields for the error.
    pub(crate) fn close(self, known: &str) -> Result<(), Fault> {
        match self.members.first() {
            Some((name, json)) if self.unknown == Unknown::Refuse => Err(Fault::new(
                place(&self.at, name),
                // What looks like a key may be one: a misspelt `testerKeys` goes into no log.
                if name.to_ascii_lowercase().contains("key") {
                    Fault::HIDDEN.to_owned()
                } else {
                    json.to_string()
                }
                .as_str(),
                format!("no such field; there are {known}"),
            )),
            _ => Ok(()),
        }
    }
}

fn place(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// The rule that a text broke, for the error.
pub(crate) trait Rule {
    fn rule(&self) -> String;
}

impl Rule for crate::Invalid {
    fn rule(&self) -> String {
        self.rule.clone().into_owned()
    }
}

impl Rule for serin_assignment::InvalidSalt {
    fn rule(&self) -> String {
        self.to_string()
    }
}

impl Rule for serin_assignment::InvalidWeight {
    fn rule(&self) -> String {
        // Its own words repeat the whole text, which stands beside them already.
        "a weight is a percentage from 0% to 100% with at most two decimals, such as 5% or 0.25%"
            .to_owned()
    }
}

impl Rule for core::convert::Infallible {
    fn rule(&self) -> String {
        match *self {}
    }
}
