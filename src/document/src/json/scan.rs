//! Reads JSON from front to back, value by value, and holds what was read to the grammar.
//!
//! It builds nothing, so that what is skipped costs nothing, and goes down no stack, so that no
//! depth can overflow one. Readers that turn JSON into types are many times its size, which each
//! worker of each proxy would load.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::text::Text;

/// What is wrong with it.
pub(crate) type Problem = &'static str;

/// What a value begins with; of a list and an object, no more than the bracket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start<'t> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'t str),
    Text(Text<'t>),
    List,
    Object,
}

/// The rest of a text.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'t> {
    whole: &'t str,
    at: usize,
}

impl<'t> Scan<'t> {
    pub(crate) const fn new(whole: &'t str) -> Self {
        Self { whole, at: 0 }
    }

    /// Where it stands, for errors: line and column, in bytes, from 1 on.
    pub(crate) fn place(&self) -> String {
        let before = self.whole.as_bytes().get(..self.at).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        format!("line {line} column {column}")
    }

    /// Begins to read a value.
    pub(crate) fn begin(&mut self) -> Result<Start<'t>, Problem> {
        self.white();
        let start = match self.peek() {
            Some(b'{') => Start::Object,
            Some(b'[') => Start::List,
            Some(b'"') => return self.text().map(Start::Text),
            Some(b't') => return self.word("true", Start::Bool(true)),
            Some(b'f') => return self.word("false", Start::Bool(false)),
            Some(b'n') => return self.word("null", Start::Null),
            Some(b'-' | b'0'..=b'9') => return self.number().map(Start::Number),
            Some(_) => return Err("expected a value"),
            None => return Err("expected a value, not the end"),
        };
        self.at += 1;
        Ok(start)
    }

    /// Goes on after the bracket of a list or an object, or after one of its values: whether
    /// there is another one.
    pub(crate) fn more(&mut self, close: u8, first: bool) -> Result<bool, Problem> {
        self.white();
        if self.eat(close) {
            return Ok(false);
        }
        if first || self.eat(b',') { Ok(true) } else { Err("expected a comma or the end of it") }
    }

    /// Reads a key and the colon after it.
    pub(crate) fn key(&mut self) -> Result<Text<'t>, Problem> {
        self.white();
        if self.peek() != Some(b'"') {
            return Err("expected a key, in quotes");
        }
        let key = self.text()?;
        self.white();
        if self.eat(b':') { Ok(key) } else { Err("expected a colon") }
    }

    /// Skips a value.
    pub(crate) fn skip(&mut self) -> Result<(), Problem> {
        let start = self.begin()?;
        self.leave(start)
    }

    /// Skips what is left of a value that began so.
    pub(crate) fn leave(&mut self, start: Start<'_>) -> Result<(), Problem> {
        // The brackets that are still to come.
        let mut open = Vec::new();
        let mut start = start;
        loop {
            let close = match start {
                Start::List => Some(b']'),
                Start::Object => Some(b'}'),
                _ => None,
            };
            let mut first = close.is_some();
            open.extend(close);
            loop {
                let Some(close) = open.last() else { return Ok(()) };
                if self.more(*close, first)? {
                    if *close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                open.pop();
                first = false;
            }
            start = self.begin()?;
        }
    }

    /// Makes sure that nothing is left.
    pub(crate) fn end(&mut self) -> Result<(), Problem> {
        self.white();
        if self.peek().is_none() { Ok(()) } else { Err("expected the end") }
    }

    fn peek(&self) -> Option<u8> {
        self.whole.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    fn eat_all(&mut self, fits: impl Fn(u8) -> bool) -> bool {
        let begin = self.at;
        while self.peek().is_some_and(&fits) {
            self.at += 1;
        }
        self.at > begin
    }

    fn since(&self, begin: usize) -> &'t str {
        self.whole.get(begin..self.at).unwrap_or_default()
    }

    fn white(&mut self) {
        self.eat_all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn word(&mut self, word: &str, start: Start<'t>) -> Result<Start<'t>, Problem> {
        if self.whole.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(start);
        }
        Err("expected a value; words are true, false and null")
    }

    fn number(&mut self) -> Result<&'t str, Problem> {
        const PROBLEM: Problem = "a number is not written so in JSON";
        let begin = self.at;
        self.eat(b'-');
        // None begins with a zero but zero itself.
        let whole = self.eat(b'0') || self.digits();
        let fraction = !self.eat(b'.') || self.digits();
        let exponent = !self.exponent() || self.digits();
        if whole && fraction && exponent { Ok(self.since(begin)) } else { Err(PROBLEM) }
    }

    fn digits(&mut self) -> bool {
        self.eat_all(|byte| byte.is_ascii_digit())
    }

    fn exponent(&mut self) -> bool {
        let is_there = self.eat(b'e') || self.eat(b'E');
        if is_there && !self.eat(b'+') {
            self.eat(b'-');
        }
        is_there
    }

    fn text(&mut self) -> Result<Text<'t>, Problem> {
        self.at += 1;
        let begin = self.at;
        loop {
            self.eat_all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => {
                    return Err("a control character in text is written as \\n, \\t or \\u0000");
                }
                None => return Err("expected the end of the text, a quote"),
            }
        }
        let text = Text(self.since(begin));
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<(), Problem> {
        const PROBLEM: Problem = "no such escape: a backslash itself is written \\\\";
        let mut rest = self.whole.as_bytes().iter().skip(self.at + 1);
        let length = match rest.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if rest.take(4).filter(|byte| byte.is_ascii_hexdigit()).count() == 4 => 6,
            _ => return Err(PROBLEM),
        };
        self.at += length;
        Ok(())
    }
}
