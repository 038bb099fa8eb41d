//! The kinds of values that fields have.

use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use serin_assignment::{Salt, Weight};

use super::Reading;
use crate::checked::{Check, CheckedText, Word};
use crate::digits::decimal;
use crate::json::Json;
use crate::{Fault, Invalid, duration};

impl<'j> Reading<'j> {
    /// A text.
    #[inline(never)]
    pub(crate) fn string(&mut self) -> Option<&'j str> {
        let text = self.at.text();
        if text.is_none() {
            self.wrong(&"this is text, in quotes");
        }
        text
    }

    /// A text that fits its type.
    #[inline]
    pub(crate) fn text<T: CheckedText>(&mut self) -> Option<T> {
        self.checked(T::check).map(T::of)
    }

    /// A text in a field that may be absent.
    #[inline]
    pub(crate) fn optional_text<T: CheckedText>(&mut self, name: &'static str) -> Option<T> {
        self.optional_checked(name, T::check).map(T::of)
    }

    /// A text in a field that has to be there; `rule` says what it would be.
    #[inline]
    pub(crate) fn required_text<T: CheckedText>(
        &mut self,
        name: &'static str,
        rule: &str,
    ) -> Option<T> {
        self.required_checked(name, rule, T::check).map(T::of)
    }

    #[inline(never)]
    fn checked(&mut self, check: Check) -> Option<Arc<str>> {
        match check(self.string()?) {
            Ok(kept) => Some(kept.into()),
            Err(rule) => {
                self.wrong(&rule);
                None
            }
        }
    }

    #[inline(never)]
    fn optional_checked(&mut self, name: &'static str, check: Check) -> Option<Arc<str>> {
        self.optional(name, |reading| reading.checked(check))
    }

    #[inline(never)]
    fn required_checked(
        &mut self,
        name: &'static str,
        rule: &str,
        check: Check,
    ) -> Option<Arc<str>> {
        self.required(name, rule, |reading| reading.checked(check))
    }

    /// A text that `read` accepts.
    #[inline]
    pub(crate) fn parsed<T>(&mut self, read: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<T> {
        let text = self.string()?;
        self.accept(read(text))
    }

    /// What was made of the value at hand.
    #[inline]
    pub(crate) fn accept<T>(&mut self, made: Result<T, Invalid>) -> Option<T> {
        match made {
            Ok(made) => Some(made),
            Err(invalid) => {
                self.invalid(&invalid);
                None
            }
        }
    }

    /// What was made of the values below the one at hand.
    #[inline]
    pub(crate) fn accept_below<T>(&mut self, made: Result<T, Fault>) -> Option<T> {
        match made {
            Ok(made) => Some(made),
            Err(fault) => {
                self.broken(&[], fault);
                None
            }
        }
    }

    #[inline(never)]
    fn invalid(&mut self, invalid: &Invalid) {
        self.wrong(&invalid.rule);
    }

    /// One of a few words.
    #[inline]
    pub(crate) fn word<T: Word>(&mut self) -> Option<T> {
        T::ALL.get(self.place_of_word(T::WORDS, T::RULE)?).copied()
    }

    /// A word in a field that may be absent.
    #[inline]
    pub(crate) fn optional_word<T: Word>(&mut self, name: &'static str) -> Option<T> {
        T::ALL.get(self.optional_place_of_word(name, T::WORDS, T::RULE)?).copied()
    }

    #[inline(never)]
    fn optional_place_of_word(
        &mut self,
        name: &'static str,
        words: &[&str],
        rule: &str,
    ) -> Option<usize> {
        self.optional(name, |reading| reading.place_of_word(words, rule))
    }

    fn place_of_word(&mut self, words: &[&str], rule: &str) -> Option<usize> {
        let text = self.string()?;
        let place = words.iter().position(|word| *word == text);
        if place.is_none() {
            self.wrong(&rule);
        }
        place
    }

    /// A flag in a field that may be absent.
    #[inline(never)]
    pub(crate) fn optional_flag(&mut self, name: &'static str) -> Option<bool> {
        self.optional(name, Self::flag)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        if let Json::Bool(value) = self.at {
            return Some(*value);
        }
        self.wrong(&"this is true or false, without quotes");
        None
    }

    /// A whole number from 0 to `max`.
    #[inline(never)]
    pub(crate) fn whole(&mut self, max: u64) -> Option<u64> {
        let number = match self.at {
            Json::Number(number) => decimal(number).filter(|n| *n <= max),
            _ => None,
        };
        if number.is_none() {
            self.wrong(&format_args!("this is a whole number from 0 to {max}"));
        }
        number
    }

    /// A text, or a list of texts.
    pub(crate) fn one_or_list(&mut self) -> Option<Vec<&'j str>> {
        let items = match self.at {
            Json::List(items) => items.as_slice(),
            one => core::slice::from_ref(one),
        };
        let texts: Option<Vec<&str>> = items.iter().map(Json::text).collect();
        if texts.is_none() {
            self.wrong(&"this is text, in quotes, or a list of texts, in [ ]");
        }
        texts
    }

    #[inline(never)]
    pub(crate) fn duration(&mut self) -> Option<Duration> {
        self.parsed(duration::parse)
    }

    #[inline(never)]
    pub(crate) fn salt(&mut self) -> Option<Salt> {
        self.parsed(|text| Salt::new(text).map_err(|e| Invalid::new(text, e.to_string())))
    }

    #[inline(never)]
    pub(crate) fn weight(&mut self) -> Option<Weight> {
        // Its own words repeat the whole text, which stands beside them already.
        const RULE: &str = "a weight is a percentage from 0% to 100% with at most two decimals, such as 5% or 0.25%";
        self.parsed(|text| text.parse().map_err(|_| Invalid::new(text, RULE)))
    }
}
