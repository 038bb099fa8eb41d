//! A page in Prometheus' text format.
//!
//! Names, labels and numbers are read by `nom_openmetrics`. Here a page is cut into lines, of which
//! only those of wanted metrics are looked at, and what that library does not know is taken off:
//! times and exemplars behind a value, and the comma that some writers put behind the last label.

use std::collections::BTreeMap;

use nom_openmetrics::parser;

use super::super::{Fault, Labels, Selector, http};

/// The samples of the series that any of the selectors wants, with the label `instance`.
///
/// A page of which a wanted line cannot be read is refused as a whole, as Prometheus does: half of
/// the counters would be taken for all. So is one whose first line is no sample: a page of another
/// kind, or a packed one, would be taken for a target without counters. Of a series that is there
/// twice the first counts.
///
/// # Errors
/// [`Fault::Malformed`].
pub(super) fn read(
    page: &str,
    wanted: &[Selector],
    instance: &str,
) -> Result<BTreeMap<Labels, f64>, Fault> {
    let mut samples = BTreeMap::new();
    // The lines of a metric follow each other.
    let mut last_name = ("", false);
    let mut first = true;
    for (index, line) in page.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let malformed =
            || Fault::Malformed { line: index + 1, text: http::beginning(line.as_bytes()) };
        if core::mem::take(&mut first) && !is_sample(line) {
            return Err(malformed());
        }
        let name = line.split(['{', ' ', '\t']).next().unwrap_or_default();
        if name != last_name.0 {
            last_name = (name, wanted.iter().any(|selector| selector.wants(name)));
        }
        if !last_name.1 {
            continue;
        }
        let (mut labels, value) = sample(line).ok_or_else(malformed)?;
        if let Some(own) = labels.insert("instance".to_owned(), instance.to_owned()) {
            // As Prometheus calls it: two series may differ in nothing else.
            labels.insert("exported_instance".to_owned(), own);
        }
        if wanted.iter().any(|selector| selector.matches(&labels)) {
            samples.entry(labels).or_insert(value);
        }
    }
    if !page.is_empty() && !page.ends_with('\n') {
        // Cut off: the last number may be the beginning of a larger one.
        let last = page.lines().last().unwrap_or_default();
        let text = http::beginning(last.as_bytes());
        return Err(Fault::Malformed { line: page.lines().count(), text });
    }
    Ok(samples)
}

/// Whether a line can be a sample, of whatever metric. Newer names, in quotes within the braces, are
/// none that anybody asks for.
fn is_sample(line: &str) -> bool {
    let split = end_of_series(line).and_then(|end| line.split_at_checked(end));
    let Some((series, rest)) = split else { return false };
    let name = series.split('{').next().unwrap_or_default().as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':');
    let begins = name.first().is_none_or(|b| !b.is_ascii_digit());
    let value = rest.split_ascii_whitespace().next();
    begins && name.iter().all(inner) && value.is_some_and(|value| value.parse::<f64>().is_ok())
}

/// The labels, the name among them, and the value of one line.
fn sample(line: &str) -> Option<(Labels, f64)> {
    let (series, rest) = line.split_at_checked(end_of_series(line)?)?;
    let mut rest = rest.split_ascii_whitespace();
    let value = rest.next()?;
    // A time, perhaps with an exemplar, or an exemplar alone.
    if rest.next().is_some_and(|word| word != "#" && word.parse::<f64>().is_err()) {
        return None;
    }
    let series = series.trim_end();
    let series = match series.strip_suffix('}').map(str::trim_end) {
        Some(inner) => format!("{}}}", inner.strip_suffix(',').unwrap_or(inner)),
        None => series.to_owned(),
    };
    let line = format!("{series} {value}\n");
    let (rest, family) = parser::family(&line).ok()?;
    let [sample] = family.samples.as_slice() else { return None };
    if !rest.is_empty() {
        return None;
    }
    let mut labels: Labels = sample
        .labels()
        .iter()
        // Prometheus takes an empty label for an absent one.
        .filter(|label| !label.value.is_empty())
        .map(|label| (label.name.to_owned(), label.value.clone()))
        .collect();
    labels.insert("__name__".to_owned(), sample.name().to_owned());
    Some((labels, sample.number()))
}

/// Where the labels of a line end, or its name where it has none.
fn end_of_series(line: &str) -> Option<usize> {
    let space = line.find([' ', '\t'])?;
    let Some(brace) = line.find('{').filter(|brace| *brace < space) else {
        return Some(space);
    };
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices().skip_while(|(at, _)| *at <= brace) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Matcher, Text};

    /// Everything on a page, as Prometheus would print it, in order.
    fn all(page: &str) -> Result<Vec<String>, Fault> {
        let every = [Selector::of_any(('a'..='z').map(|c| Text::beginning(c.to_string())), [])];
        let shown = |(labels, value): (Labels, f64)| format!("{labels:?} {value}");
        Ok(read(page, &every, "i")?.into_iter().map(shown).collect())
    }

    fn one(line: &str) -> Option<(String, f64)> {
        let (mut labels, value) = sample(line)?;
        labels.remove("__name__");
        Some((labels.get("b").cloned().unwrap_or_default(), value))
    }

    #[test]
    fn labels_and_values_of_every_kind_are_read() {
        for (line, label, value) in [
            ("up 1", "", 1.0),
            ("up{} 1", "", 1.0),
            ("up\t1", "", 1.0),
            ("up{b=\"c\",} 1", "c", 1.0),
            ("up{b=\"c\", } 1", "c", 1.0),
            (r#"up{b="x\ny\"z\\"} 1"#, "x\ny\"z\\", 1.0),
            (
                r#"up{b="outbound|80||web, \"a\"=b}\\x",le="+Inf"} 3"#,
                "outbound|80||web, \"a\"=b}\\x",
                3.0,
            ),
            ("up{b=\"\u{fc}\"} 1.795445683e+12", "\u{fc}", 1_795_445_683_000.0),
            ("up{b=\"\"} 0.25", "", 0.25),
            ("up +Inf", "", f64::INFINITY),
            ("up -Inf", "", f64::NEG_INFINITY),
            ("up 1.5E-3", "", 0.0015),
            ("up -7", "", -7.0),
            ("up 1 1795445683700", "", 1.0),
            ("up{b=\"c\"} 2 1795445683.7 # {trace_id=\"}\"} 0.5 1", "c", 2.0),
            ("up{b=\"c\"} 2 # {trace_id=\"abc\"} 0.5", "c", 2.0),
        ] {
            assert_eq!(one(line), Some((label.to_owned(), value)), "{line}");
        }
        assert!(one("up NaN").unwrap().1.is_nan());
        // More digits than a double has, as Envoy writes quantiles.
        let (_, long) = one("up 1.0476190476190476719153821250075").unwrap();
        assert!((long - 1.047_619_047_619_047_6).abs() < 1e-15);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line() {
        for line in [
            "up",
            "up{b=\"c\"}",
            "up{b=\"c\" 1",
            "up{b=\"c} 1",
            "up{b=c} 1",
            "up{=\"c\"} 1",
            "up one",
            "up 1,5",
            "up 1 soon",
            "up{b=\"c\"}} 1",
        ] {
            let page = format!("# TYPE up gauge\n\n{line}\n");
            let fault = all(&page).expect_err(line);
            assert_eq!(fault, Fault::Malformed { line: 3, text: line.to_owned() });
        }
    }

    #[test]
    fn a_page_that_was_cut_off_is_refused() {
        let fault = all("up{b=\"c\"} 1\nup{b=\"d\"} 17").expect_err("cut off");
        assert_eq!(fault, Fault::Malformed { line: 2, text: "up{b=\"d\"} 17".to_owned() });
        assert_eq!(all(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_page_with_metrics_is_refused_though_nothing_of_it_is_wanted() {
        for page in [
            "<!doctype html>\n<p>It works!</p>\n",
            "\u{1f}\u{fffd}\u{8}\n",
            "cluster.shop.upstream_rq_total: 7\n",
            "{\"status\": \"UP\"}\n",
            "OK\n",
        ] {
            let text = page.lines().next().unwrap_or_default().trim().to_owned();
            assert_eq!(read(page, &[], "i"), Err(Fault::Malformed { line: 1, text }), "{page}");
        }
        // Names that need quotes are no wanted ones, and no fault.
        assert_eq!(read("{\"a.b\",c=\"d\"} 1\nup 1\n", &[], "i"), Ok(BTreeMap::new()));
    }

    #[test]
    fn a_label_of_the_page_does_not_hide_another_series() {
        let page = "up{instance=\"a\"} 1\nup{instance=\"b\"} 2\n";
        let samples = read(page, &[Selector::of("up", [])], "i").unwrap();
        let shown: Vec<_> = samples
            .iter()
            .map(|(labels, value)| {
                (labels["instance"].as_str(), labels["exported_instance"].as_str(), *value)
            })
            .collect();
        assert_eq!(shown, [("i", "a", 1.0), ("i", "b", 2.0)]);
    }

    #[test]
    fn only_wanted_series_are_read() {
        let page = "# HELP up it's \"up\"\nup{b=\"1\"} 1\nother{ nonsense\nup{b=\"2\"} 2\nup{b=\"1\"} 9\n# EOF\n";
        let wanted = [Selector::of("up", [Matcher::equal("b", "1")])];
        let samples = read(page, &wanted, "127.0.0.1:9901").unwrap();
        let labels = [("__name__", "up"), ("b", "1"), ("instance", "127.0.0.1:9901")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(samples, BTreeMap::from([(labels, 1.0)]));
        assert_eq!(read(page, &[], "i"), Ok(BTreeMap::new()));
    }
}
