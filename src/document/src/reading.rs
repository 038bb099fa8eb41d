//! Reads a tree of JSON strictly: each error names the field, the value and the rule.
//!
//! One [`Reading`] goes through a whole tree, knows where it stands, and keeps the first fault,
//! after which nothing is read any more. So what reads a type is plain code from field to field: it
//! hands no error on, and what it makes of fields that could not be read is never looked at, since
//! the fault is asked for first. A way out at each field would come with the code that frees all
//! that was read before it, and what returns a result would be made anew for each type: together
//! that would be most of this crate's code.

mod faults;
mod one;
mod values;

use alloc::string::String;
use alloc::vec::Vec;

use crate::json::{Json, Object};
use crate::{Fault, FormatVersion};
pub(crate) use faults::Key;
pub(crate) use one::One;

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

/// A tree that is being read.
#[derive(Debug)]
pub(crate) struct Reading<'j> {
    /// The value at hand.
    at: &'j Json,
    /// The way to it.
    way: Vec<Step<'j>>,
    /// The fields that were asked for: of the object at hand, after those of the ones around it.
    asked: Vec<&'static str>,
    unknown: Unknown,
    /// The first one.
    fault: Option<Fault>,
}

/// From a value to one in it.
#[derive(Debug)]
struct Step<'j> {
    to: Key<'j>,
    from: &'j Json,
    /// How many fields had been asked for.
    asked: usize,
}

impl<'j> Reading<'j> {
    pub(crate) const fn new(json: &'j Json) -> Self {
        Self { at: json, way: Vec::new(), asked: Vec::new(), unknown: Unknown::Refuse, fault: None }
    }

    /// Of what stands in a place of this name.
    pub(crate) fn named(json: &'j Json, name: &'j str) -> Self {
        let mut reading = Self::new(json);
        reading.step(Key::Field(name), json);
        reading
    }

    /// Sets what is done with unknown fields, once the version is known.
    pub(crate) fn set_unknown(&mut self, unknown: Unknown) {
        self.unknown = unknown;
    }

    /// Whether nothing is at fault so far.
    pub(crate) const fn is_sound(&self) -> bool {
        self.fault.is_none()
    }

    /// Begins to read an object, none of whose fields stands twice.
    #[inline(never)]
    pub(crate) fn open(&mut self) {
        match self.at {
            Json::Object(Object { twice: None, .. }) => {}
            Json::Object(Object { twice: Some(key), .. }) => self.wrong_at(
                &[Key::Field(key)],
                &"two values",
                &"a field stands once in an object: readers differ in which one they take",
            ),
            _ => self.wrong(&"this is an object, in { }"),
        }
    }

    /// Ends the reading of an object: what was not asked for is unknown. `known` lists the fields
    /// for the error.
    #[inline(never)]
    pub(crate) fn close(&mut self, known: &dyn core::fmt::Display) {
        if self.unknown == Unknown::Ignore {
            return;
        }
        let asked = self.way.last().map_or(0, |step| step.asked);
        let asked = self.asked.get(asked..).unwrap_or_default();
        let unknown = self.members().iter().find(|(name, _)| !asked.contains(&name.as_str()));
        if let Some((name, json)) = unknown {
            // What looks like a key may be one: a misspelt `testerKeys` goes into no log.
            let is_key = |part: &[u8]| part.eq_ignore_ascii_case(b"key");
            let is_key = name.as_bytes().windows(3).any(is_key);
            let value: &dyn core::fmt::Display = if is_key { &Fault::HIDDEN } else { json };
            let rule = format_args!("no such field; there are {known}");
            self.wrong_at(&[Key::Field(name)], value, &rule);
        }
    }

    /// A field that may be absent.
    #[inline]
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        self.given(name, read).flatten()
    }

    /// What is made of a field, if it is there.
    #[inline]
    pub(crate) fn given<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        if !self.enter(name) {
            return None;
        }
        let read = read(self);
        self.leave();
        Some(read)
    }

    /// A field that has to be there; `rule` says what it would be.
    #[inline]
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        rule: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let found = self.optional(name, read);
        if found.is_none() {
            self.lacks(name, &rule);
        }
        found
    }

    /// A field that must not be there, in no version; its value may be a secret.
    pub(crate) fn refuse(&mut self, name: &str, rule: &str) {
        if self.has(name) {
            self.wrong_at(&[Key::Field(name)], &Fault::HIDDEN, &rule);
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A text field as it stands, if it is one, without asking for it.
    pub(crate) fn peek_text(&self, name: &str) -> Option<&'j str> {
        self.find(name)?.text()
    }

    /// A list of at most `max` entries. `why` says in the error what the limit is for.
    #[inline]
    pub(crate) fn list<T>(
        &mut self,
        max: usize,
        why: &str,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        let length = self.entries(max, why);
        let mut list = Vec::with_capacity(length);
        for index in 0..length {
            if self.enter_entry(index) {
                if let Some(entry) = read(self) {
                    list.push(entry);
                }
                self.leave();
            }
        }
        list
    }

    /// The entries of an object that maps names to values.
    #[inline]
    pub(crate) fn map<T>(
        &mut self,
        max: usize,
        why: &str,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Vec<(String, T)> {
        self.open();
        let members = self.members();
        self.check_length(members.len(), max, why);
        let mut entries = Vec::new();
        for (key, json) in members {
            if self.fault.is_some() {
                break;
            }
            self.step(Key::Field(key), json);
            entries.push((key.clone(), read(self)));
            self.leave();
        }
        entries
    }

    #[inline(never)]
    fn entries(&mut self, max: usize, why: &str) -> usize {
        let Json::List(items) = self.at else {
            self.wrong(&"this is a list, in [ ]");
            return 0;
        };
        if self.check_length(items.len(), max, why) { items.len() } else { 0 }
    }

    fn check_length(&mut self, found: usize, max: usize, why: &str) -> bool {
        if found > max {
            let found = format_args!("{found} entries");
            self.wrong_at(&[], &found, &format_args!("at most {max}: {why}"));
        }
        found <= max
    }

    fn members(&self) -> &'j [(String, Json)] {
        match self.at {
            Json::Object(object) => &object.members,
            _ => &[],
        }
    }

    fn find(&self, name: &str) -> Option<&'j Json> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, json)| json)
    }

    /// Goes to a field, unless it is absent or something is at fault already.
    #[inline(never)]
    fn enter(&mut self, name: &'static str) -> bool {
        if self.fault.is_some() {
            return false;
        }
        self.asked.push(name);
        self.find(name).map(|json| self.step(Key::Field(name), json)).is_some()
    }

    #[inline(never)]
    fn enter_entry(&mut self, index: usize) -> bool {
        let Json::List(items) = self.at else { return false };
        let entry = items.get(index).filter(|_| self.fault.is_none());
        entry.map(|json| self.step(Key::Entry(index), json)).is_some()
    }

    fn step(&mut self, to: Key<'j>, json: &'j Json) {
        self.way.push(Step { to, from: self.at, asked: self.asked.len() });
        self.at = json;
    }

    /// Goes back.
    #[inline(never)]
    fn leave(&mut self) {
        if let Some(step) = self.way.pop() {
            self.at = step.from;
            self.asked.truncate(step.asked);
        }
    }
}
