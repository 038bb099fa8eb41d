//! A JSON value with its place, read strictly: each error names the field, the value and the rule.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

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

/// Where a value stands, such as `rollouts[3].paths`: put into words only where something is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'p> {
    /// Nowhere within anything, or within what has this name.
    Top(&'p str),
    Field(&'p Place<'p>, &'p str),
    Entry(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(name) | Self::Field(Self::Top(""), name) => f.write_str(name),
            Self::Field(of, name) => write!(f, "{of}.{name}"),
            Self::Entry(of, index) => write!(f, "{of}[{index}]"),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'n> {
    json: &'n Json,
    at: Place<'n>,
    unknown: Unknown,
}

impl<'n> Node<'n> {
    pub(crate) const fn new(json: &'n Json, at: Place<'n>, unknown: Unknown) -> Self {
        Self { json, at, unknown }
    }

    /// Where it stands.
    pub(crate) const fn at(self) -> Place<'n> {
        self.at
    }

    #[inline(never)]
    pub(crate) fn fault(self, rule: &dyn fmt::Display) -> Fault {
        Fault::new(self.at, self.json, rule)
    }

    #[inline(never)]
    fn refused(self, broken: &dyn Rule) -> Fault {
        self.fault(&broken.rule())
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
        match self.json {
            Json::Text(text) => read(text).map_err(|e| self.refused(&e)),
            _ => Err(self.fault(&"this is text, in quotes")),
        }
    }

    pub(crate) fn flag(self) -> Result<bool, Fault> {
        match self.json {
            Json::Bool(value) => Ok(*value),
            _ => Err(self.fault(&"this is true or false, without quotes")),
        }
    }

    /// A whole number from 0 to `max`.
    pub(crate) fn whole(self, max: u64) -> Result<u64, Fault> {
        match self.json {
            Json::Number(number) => number.parse().ok().filter(|n| *n <= max),
            _ => None,
        }
        .ok_or_else(|| self.fault(&format_args!("this is a whole number from 0 to {max}")))
    }

    /// A text, or a list of texts, that `read` accepts.
    pub(crate) fn one_or_list<T, E: Rule>(
        self,
        read: impl FnOnce(&[&str]) -> Result<T, E>,
    ) -> Result<T, Fault> {
        let items = match self.json {
            Json::List(items) => items.as_slice(),
            one => core::slice::from_ref(one),
        };
        let texts: Option<Vec<&str>> = items.iter().map(Json::text).collect();
        match texts {
            Some(texts) => read(&texts).map_err(|e| self.refused(&e)),
            None => Err(self.fault(&"this is text, in quotes, or a list of texts, in [ ]")),
        }
    }

    /// A list of at most `max` entries. `why` says in the error what the limit is for.
    pub(crate) fn list<T>(
        self,
        max: usize,
        why: &str,
        read: impl Fn(Node<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let items = self.items(max, why)?;
        // A loop: what adapters of iterators make of each kind of entry is many times larger.
        let mut list = Vec::with_capacity(items.len());
        for (index, json) in items.iter().enumerate() {
            list.push(read(Node::new(json, Place::Entry(&self.at, index), self.unknown))?);
        }
        Ok(list)
    }

    fn items(self, max: usize, why: &str) -> Result<&'n [Json], Fault> {
        let Json::List(items) = self.json else {
            return Err(self.fault(&"this is a list, in [ ]"));
        };
        if items.len() > max { Err(self.too_many(items.len(), max, why)) } else { Ok(items) }
    }

    fn too_many(self, found: usize, max: usize, why: &str) -> Fault {
        Fault::new(self.at, format_args!("{found} entries"), format_args!("at most {max}: {why}"))
    }

    /// The entries of an object that maps names to values.
    pub(crate) fn map<T>(
        self,
        max: usize,
        why: &str,
        read: impl Fn(Node<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<(String, T)>, Fault> {
        let members = self.fields()?.members;
        if members.len() > max {
            return Err(self.too_many(members.len(), max, why));
        }
        let mut entries = Vec::with_capacity(members.len());
        for (key, json) in members {
            let value = read(Node::new(json, Place::Field(&self.at, key), self.unknown))?;
            entries.push((key.clone(), value));
        }
        Ok(entries)
    }

    /// The fields of an object, none of which stands twice.
    pub(crate) fn fields(self) -> Result<Fields<'n>, Fault> {
        match self.json {
            Json::Object(Object { members, twice: None }) => {
                let (asked, fault) = (Vec::new(), None);
                Ok(Fields { at: self.at, members, unknown: self.unknown, asked, fault })
            }
            Json::Object(Object { twice: Some(key), .. }) => Err(Fault::new(
                Place::Field(&self.at, key),
                "two values",
                "a field stands once in an object: readers differ in which one they take",
            )),
            _ => Err(self.fault(&"this is an object, in { }")),
        }
    }
}

/// [`Node::text`] of any node, as readers are handed over.
pub(crate) fn text<T>(node: Node<'_>) -> Result<T, Fault>
where
    T: FromStr,
    T::Err: Rule,
{
    node.text()
}

/// [`Node::flag`] of any node.
pub(crate) fn flag(node: Node<'_>) -> Result<bool, Fault> {
    node.flag()
}

/// An object whose fields are asked for one by one.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    at: Place<'n>,
    members: &'n [(String, Json)],
    unknown: Unknown,
    asked: Vec<&'static str>,
    /// The first one; nothing is read after it.
    fault: Option<Fault>,
}

impl<'n> Fields<'n> {
    /// Where a field of this object stands.
    pub(crate) const fn place<'p>(&'p self, name: &'p str) -> Place<'p> {
        Place::Field(&self.at, name)
    }

    /// Sets what is done with unknown fields, once the version is known.
    pub(crate) fn set_unknown(&mut self, unknown: Unknown) {
        self.unknown = unknown;
    }

    fn find(&self, name: &str) -> Option<&'n Json> {
        self.members.iter().find(|(key, _)| key == name).map(|(_, json)| json)
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

    /// A text field as it stands, if it is one, without asking for it.
    pub(crate) fn peek_text(&self, name: &str) -> Option<&'n str> {
        self.find(name)?.text()
    }

    /// A field that may be absent. None too where it or an earlier one is at fault.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        let read = read(self.ask(name)?);
        self.keep(read)
    }

    /// A field that has to be there; `rule` says what it would be.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        rule: &str,
        read: impl FnOnce(Node<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        let found = self.optional(name, read);
        if found.is_none() {
            self.lack(name, rule);
        }
        found
    }

    fn lack(&mut self, name: &str, rule: &str) {
        if self.fault.is_none() {
            self.fault = Some(Fault::missing(self.place(name), rule));
        }
    }

    fn ask(&mut self, name: &'static str) -> Option<Node<'_>> {
        if self.fault.is_some() {
            return None;
        }
        self.asked.push(name);
        let json = self.find(name)?;
        Some(Node::new(json, Place::Field(&self.at, name), self.unknown))
    }

    /// What was read of this object; or nothing, and its fault is the object's.
    pub(crate) fn keep<T>(&mut self, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.break_by(fault)).ok()
    }

    /// Holds a fault against the object, unless an earlier one is.
    pub(crate) fn break_by(&mut self, fault: Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault);
        }
    }

    /// The first fault so far.
    ///
    /// Every field could end the reading by its own. But then each would come with the code that
    /// frees all that was read before it, which would be most of this crate's.
    pub(crate) fn check(&mut self) -> Result<(), Fault> {
        self.fault.take().map_or(Ok(()), Err)
    }

    /// The fault for which a required field could not be had.
    pub(crate) fn fault(&mut self) -> Fault {
        self.fault.take().unwrap_or_else(|| Fault::missing(self.at, "all of its fields"))
    }

    /// Ends the reading: what was not asked for is unknown. `known` lists the fields for the error.
    pub(crate) fn close(&mut self, known: &str) -> Result<(), Fault> {
        self.check()?;
        let unknown = self.members.iter().find(|(name, _)| !self.asked.contains(&name.as_str()));
        match unknown {
            Some((name, json)) if self.unknown == Unknown::Refuse => Err(Fault::new(
                self.place(name),
                // What looks like a key may be one: a misspelt `testerKeys` goes into no log.
                if name.to_ascii_lowercase().contains("key") {
                    &Fault::HIDDEN as &dyn fmt::Display
                } else {
                    json
                },
                format_args!("no such field; there are {known}"),
            )),
            _ => Ok(()),
        }
    }
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
