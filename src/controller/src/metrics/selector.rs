//! Which series a question is about.

use core::fmt;

use super::Labels;
use crate::prometheus::promql;

/// The series for which all matchers hold. It prints as `PromQL` and matches labels itself, so that
/// every source takes it for the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(Vec<Matcher>);

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Matcher {
    /// The label; `__name__` for the metric.
    pub label: String,
    /// What it must be. A label that is absent is the empty text.
    pub is: Is,
}

/// What a label must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Is {
    /// This text.
    Equal(String),
    /// Any of these; `PromQL` says it by a regular expression.
    AnyOf(Vec<Text>),
}

/// One of the texts that a label may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Text {
    /// This text.
    Whole(String),
    /// This text with at least one character behind it.
    Beginning(String),
}

impl Matcher {
    /// A label that must be this text.
    #[must_use]
    pub fn equal(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.to_owned(), is: Is::Equal(text.into()) }
    }

    /// A label that must be one of these.
    #[must_use]
    pub fn any_of(label: &str, texts: impl IntoIterator<Item = Text>) -> Self {
        Self { label: label.to_owned(), is: Is::AnyOf(texts.into_iter().collect()) }
    }

    fn matches(&self, labels: &Labels) -> bool {
        self.is.matches(labels.get(&self.label).map_or("", String::as_str))
    }
}

impl Is {
    fn matches(&self, found: &str) -> bool {
        match self {
            Self::Equal(text) => found == text,
            Self::AnyOf(texts) => texts.iter().any(|text| text.matches(found)),
        }
    }
}

impl Text {
    /// This text.
    #[must_use]
    pub fn whole(text: impl Into<String>) -> Self {
        Self::Whole(text.into())
    }

    /// This text with at least one character behind it.
    #[must_use]
    pub fn beginning(text: impl Into<String>) -> Self {
        Self::Beginning(text.into())
    }

    fn matches(&self, found: &str) -> bool {
        match self {
            Self::Whole(text) => found == text,
            Self::Beginning(text) => found.len() > text.len() && found.starts_with(text.as_str()),
        }
    }

    fn regex(&self) -> String {
        match self {
            Self::Whole(text) => promql::regex(text),
            Self::Beginning(text) => format!("{}.+", promql::regex(text)),
        }
    }
}

impl Selector {
    /// The series of the metric `name` for which these hold as well.
    #[must_use]
    pub fn of(name: &str, matchers: impl IntoIterator<Item = Matcher>) -> Self {
        Self::named(Is::Equal(name.to_owned()), matchers)
    }

    /// The series of all metrics with one of these names for which the matchers hold as well.
    #[must_use]
    pub fn of_any(
        names: impl IntoIterator<Item = Text>,
        matchers: impl IntoIterator<Item = Matcher>,
    ) -> Self {
        Self::named(Is::AnyOf(names.into_iter().collect()), matchers)
    }

    fn named(is: Is, matchers: impl IntoIterator<Item = Matcher>) -> Self {
        let name = Matcher { label: "__name__".to_owned(), is };
        Self(core::iter::once(name).chain(matchers).collect())
    }

    /// Whether a series of the metric `name` may be one of them.
    pub(super) fn wants(&self, name: &str) -> bool {
        let mut names = self.0.iter().filter(|matcher| matcher.label == "__name__");
        names.all(|matcher| matcher.is.matches(name))
    }

    /// Whether the series with these labels is one of them.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, Matcher { label, is }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match is {
                Is::Equal(text) => write!(f, "{comma}{label}={}", promql::quoted(text))?,
                Is::AnyOf(texts) => {
                    let texts: Vec<String> = texts.iter().map(Text::regex).collect();
                    write!(f, "{comma}{label}=~{}", promql::quoted(&texts.join("|")))?;
                }
            }
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_selector_is_promql() {
        let selector = Selector::of(
            "up",
            [Matcher::equal("job", "a\"b\\c\nd"), Matcher::equal("path", "/a.b")],
        );
        assert_eq!(selector.to_string(), r#"{__name__="up",job="a\"b\\c\nd",path="/a.b"}"#);
        let selector = Selector::of_any(
            [Text::whole("a"), Text::beginning("a_id___1___")],
            [Matcher::any_of("id", [Text::whole("1.2|3"), Text::whole("")])],
        );
        assert_eq!(selector.to_string(), r#"{__name__=~"a|a_id___1___.+",id=~"1\\.2\\|3|"}"#);
    }

    #[test]
    fn a_selector_matches_what_its_promql_does() {
        let selector = Selector::of_any(
            [Text::whole("a"), Text::beginning("a_id_")],
            [
                Matcher::any_of("id", [Text::whole("1.2"), Text::whole("")]),
                Matcher::equal("side", "canary"),
            ],
        );
        let of = |name, id, side| labels(&[("__name__", name), ("id", id), ("side", side)]);
        assert!(selector.matches(&of("a", "1.2", "canary")));
        assert!(selector.matches(&of("a_id_x", "", "canary")));
        assert!(selector.matches(&labels(&[("__name__", "a"), ("side", "canary")])));
        assert!(!selector.matches(&of("a_id_", "", "canary")), "nothing behind the beginning");
        assert!(!selector.matches(&of("ab", "1.2", "canary")));
        assert!(!selector.matches(&of("a", "1x2", "canary")), "a dot is a dot");
        assert!(!selector.matches(&of("a", "1.2", "stable")));
        assert!(!selector.matches(&labels(&[("__name__", "a"), ("id", "1.2")])));
    }

    #[test]
    fn an_absent_label_is_the_empty_text() {
        let selector = Selector::of("a", [Matcher::equal("id", "")]);
        assert!(selector.matches(&labels(&[("__name__", "a")])));
        assert!(!selector.matches(&labels(&[("__name__", "a"), ("id", "1")])));
    }
}
