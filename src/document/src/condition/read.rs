//! Reads conditions.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Condition, Subject, Test, Texts};
use crate::Fault;
use crate::identity::read::{SOURCE_KINDS, one_of, sources_in};
use crate::node::{self, Fields, Node, Place};

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
pub(crate) fn condition(node: Node<'_>) -> Result<Condition, Fault> {
    nested(node, 1)
}

fn nested(node: Node<'_>, depth: usize) -> Result<Condition, Fault> {
    if depth > MAX_DEPTH {
        return Err(node.fault(&format_args!("conditions are nested at most {MAX_DEPTH} deep")));
    }
    let at = node.at();
    let mut fields = node.fields()?;
    let inner = |node: Node<'_>| nested(node, depth + 1);
    let mut joined = Vec::new();
    joined.extend(fields.optional("all", |node| parts(node, inner)).map(Condition::All));
    joined.extend(fields.optional("any", |node| parts(node, inner)).map(Condition::Any));
    let not = fields.optional("not", inner);
    joined.extend(not.map(|part| Condition::Not(Box::new(part))));
    joined.extend(fields.optional("path", path).map(Condition::Path));
    fields.check()?;
    if joined.is_empty() {
        return value(at, fields);
    }
    fields.close("one of all, any, not and path alone")?;
    one_of(at, joined, "no condition", RULE)
}

fn value(at: Place<'_>, mut fields: Fields<'_>) -> Result<Condition, Fault> {
    let (sources, tests) = (sources_in(&mut fields), tests_in(&mut fields));
    fields.close(&format!("all, any, not, path, {SOURCE_KINDS}, {TESTS}"))?;
    let source = one_of(at, sources, "no source", RULE)?;
    Ok(Condition::Value(Subject { source, test: one_test(at, tests)? }))
}

fn parts<T>(node: Node<'_>, read: impl Fn(Node<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let at = node.at();
    let parts = node.list(MAX_PARTS, PER_REQUEST, read)?;
    if parts.is_empty() {
        return Err(Fault::new(at, "[]", "at least one condition"));
    }
    Ok(parts)
}

fn path(node: Node<'_>) -> Result<Test, Fault> {
    let at = node.at();
    let mut fields = node.fields()?;
    let tests = tests_in(&mut fields);
    fields.close("is, oneOf, prefix, suffix")?;
    let test = one_test(at, tests)?;
    if matches!(test, Test::Present(_)) {
        let rule = "a path is always there; ask for is, oneOf, prefix or suffix";
        return Err(Fault::new(format_args!("{at}.present"), "a path", rule));
    }
    Ok(test)
}

fn tests_in(fields: &mut Fields<'_>) -> Vec<Test> {
    let mut tests = Vec::new();
    tests.extend(fields.optional("is", text).map(Test::Is));
    tests.extend(fields.optional("oneOf", texts).map(Test::OneOf));
    tests.extend(fields.optional("prefix", some_text).map(Test::Prefix));
    tests.extend(fields.optional("suffix", some_text).map(Test::Suffix));
    tests.extend(fields.optional("present", node::flag).map(Test::Present));
    tests
}

fn one_test(at: Place<'_>, tests: Vec<Test>) -> Result<Test, Fault> {
    one_of(at, tests, "no test", &format!("exactly one of {TESTS}, such as \"is\": \"de\""))
}

fn text(node: Node<'_>) -> Result<Box<str>, Fault> {
    let at = node.at();
    let text: String = node.text()?;
    if text.len() > MAX_TEXT {
        return Err(Fault::new(at, &text, format_args!("a text of at most {MAX_TEXT} bytes")));
    }
    Ok(text.into())
}

fn some_text(node: Node<'_>) -> Result<Box<str>, Fault> {
    let at = node.at();
    let text = text(node)?;
    if text.is_empty() {
        return Err(Fault::new(at, "\"\"", "at least one character: else ask for present"));
    }
    Ok(text)
}

fn texts(node: Node<'_>) -> Result<Texts, Fault> {
    let at = node.at();
    let texts = node.list(MAX_TEXTS, "they multiply in every worker's tables", text)?;
    if texts.is_empty() {
        return Err(Fault::new(at, "[]", "at least one text, such as [\"de\", \"fr\"]"));
    }
    Ok(Texts::new(texts))
}
