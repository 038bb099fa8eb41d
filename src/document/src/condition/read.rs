//! Reads conditions.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Condition, Subject, Test, Texts};
use crate::identity::read::{SOURCE_KINDS, sources_in};
use crate::reading::{Key, One, Reading};

/// How deep conditions may be nested: each level is a call on the request path.
const MAX_DEPTH: usize = 8;
/// The parts of one `all` or `any`.
const MAX_PARTS: usize = 32;
/// The texts of one `oneOf`.
const MAX_TEXTS: usize = 256;
/// The longest text, in bytes.
const MAX_TEXT: usize = 256;

const PER_REQUEST: &str = "every request is asked each";
const TESTS: &str = "is, oneOf, prefix, suffix, present";
const RULE: &str = "a condition is {\"path\": test}, {\"all\": [conditions]}, {\"any\": [conditions]}, {\"not\": condition}, or a source with a test, such as {\"header\": \"x-country\", \"is\": \"de\"}";

/// Reads one condition.
pub(crate) fn condition(reading: &mut Reading<'_>) -> Option<Condition> {
    nested(reading, 1)
}

fn nested(reading: &mut Reading<'_>, depth: usize) -> Option<Condition> {
    if depth > MAX_DEPTH {
        reading.wrong(&format_args!("conditions are nested at most {MAX_DEPTH} deep"));
        return None;
    }
    reading.open();
    let parts = |reading: &mut Reading<'_>| parts(reading, depth + 1);
    let not = |reading: &mut Reading<'_>| nested(reading, depth + 1);
    let mut joined = One::default();
    joined.add(reading.given("all", parts).map(Condition::All));
    joined.add(reading.given("any", parts).map(Condition::Any));
    joined.add(reading.optional("not", not).map(|part| Condition::Not(Box::new(part))));
    joined.add(reading.optional("path", path).map(Condition::Path));
    if joined.is_none() {
        return value(reading);
    }
    reading.close(&"one of all, any, not and path alone");
    joined.end(reading, "no condition", &RULE)
}

fn value(reading: &mut Reading<'_>) -> Option<Condition> {
    let (sources, tests) = (sources_in(reading), tests_in(reading));
    reading.close(&format_args!("all, any, not, path, {SOURCE_KINDS}, {TESTS}"));
    let source = sources.end(reading, "no source", &RULE)?;
    Some(Condition::Value(Subject { source, test: one_test(tests, reading)? }))
}

fn parts(reading: &mut Reading<'_>, depth: usize) -> Vec<Condition> {
    let parts = reading.list(MAX_PARTS, PER_REQUEST, |reading| nested(reading, depth));
    if parts.is_empty() {
        reading.wrong(&"at least one condition");
    }
    parts
}

fn path(reading: &mut Reading<'_>) -> Option<Test> {
    reading.open();
    let tests = tests_in(reading);
    reading.close(&"is, oneOf, prefix, suffix");
    let test = one_test(tests, reading);
    if matches!(test, Some(Test::Present(_))) {
        let rule = "a path is always there; ask for is, oneOf, prefix or suffix";
        reading.wrong_at(&[Key::Field("present")], &"a path", &rule);
    }
    test
}

#[inline(never)]
fn tests_in(reading: &mut Reading<'_>) -> One<Test> {
    let mut tests = One::default();
    tests.add(reading.optional("is", text).map(Test::Is));
    tests.add(reading.given("oneOf", texts).map(Test::OneOf));
    tests.add(reading.optional("prefix", some_text).map(Test::Prefix));
    tests.add(reading.optional("suffix", some_text).map(Test::Suffix));
    tests.add(reading.optional_flag("present").map(Test::Present));
    tests
}

fn one_test(tests: One<Test>, reading: &mut Reading<'_>) -> Option<Test> {
    tests.end(reading, "no test", &format_args!("exactly one of {TESTS}, such as \"is\": \"de\""))
}

#[inline(never)]
fn text(reading: &mut Reading<'_>) -> Option<Box<str>> {
    let text = reading.string()?;
    if text.len() > MAX_TEXT {
        reading.wrong(&format_args!("a text of at most {MAX_TEXT} bytes"));
    }
    Some(text.into())
}

#[inline(never)]
fn some_text(reading: &mut Reading<'_>) -> Option<Box<str>> {
    let text = text(reading)?;
    if text.is_empty() {
        reading.wrong(&"at least one character: else ask for present");
    }
    Some(text)
}

fn texts(reading: &mut Reading<'_>) -> Texts {
    let texts = reading.list(MAX_TEXTS, "they multiply in every worker's tables", text);
    if texts.is_empty() {
        reading.wrong(&"at least one text, such as [\"de\", \"fr\"]");
    }
    Texts::new(texts)
}
