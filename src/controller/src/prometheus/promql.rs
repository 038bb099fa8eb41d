//! The bits of `PromQL` that queries are put together from.

use core::time::Duration;

/// A string literal of `PromQL`, with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

/// A regular expression of `PromQL` that stands for the text itself.
pub(crate) fn regex(text: &str) -> String {
    const SPECIAL: &str = r"\.+*?()|[]{}^$";
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A duration of `PromQL`: whole seconds where it is some, else milliseconds; never zero, which
/// Prometheus refuses.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration.as_millis().max(1);
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_escaped() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
    }

    #[test]
    fn a_regular_expression_of_a_text_is_the_text() {
        assert_eq!(regex(r"a.b|c\d"), r"a\.b\|c\\d");
        assert_eq!(regex("serin_a"), "serin_a");
    }

    #[test]
    fn durations_are_ones_that_prometheus_reads() {
        assert_eq!(duration(Duration::from_mins(1)), "60s");
        assert_eq!(duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(duration(Duration::ZERO), "1ms");
    }
}
