//! Argo's conditions on a measurement, as limits of a gate.
//!
//! Of the language of expressions only comparisons of the result with a number are understood, which
//! is what most conditions are. Whether a limit itself passes is let go: `<` and `<=` are one.

use serde_json::{Map, Value};

/// What is asked of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

impl Limits {
    /// Both in one; none where they ask for the same end.
    fn and(self, other: Self) -> Option<Self> {
        let one = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(_), Some(_)) => None,
            (a, b) => Some(a.or(b)),
        };
        Some(Self { min: one(self.min, other.min)?, max: one(self.max, other.max)? })
    }

    const fn negated(self) -> Self {
        Self { min: self.max, max: self.min }
    }

    /// As the fields of a gate.
    pub(super) fn put(self, gate: &mut Map<String, Value>) {
        for (name, limit) in [("min", self.min), ("max", self.max)] {
            if let Some(limit) = limit {
                gate.insert(name.to_owned(), plain(limit));
            }
        }
    }
}

/// A number as people write it: without a fraction where there is none.
fn plain(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small, as was just seen")]
    if number.fract() == 0.0 && number.abs() < 1e15 {
        (number as i64).into()
    } else {
        number.into()
    }
}

/// The limits within which a condition of success holds; none where it asks for something else.
pub(super) fn success(condition: &str) -> Option<Limits> {
    let mut told = condition.split("||").filter(|part| !is_about_nothing(part));
    let (part, None) = (told.next()?, told.next()) else { return None };
    part.split("&&")
        .filter(|part| !is_about_something(part))
        .map(comparison)
        .try_fold(Limits::default(), |limits, more| limits.and(more?))
        .filter(|limits| *limits != Limits::default())
}

/// The limits beyond which a condition of failure holds.
pub(super) fn failure(condition: &str) -> Option<Limits> {
    condition
        .split("||")
        .filter(|part| !is_about_nothing(part))
        .map(|part| comparison(part).map(Limits::negated))
        .try_fold(Limits::default(), |limits, more| limits.and(more?))
        .filter(|limits| *limits != Limits::default())
}

/// `isNaN(result[0])` and the like: no data holds and alerts, whatever a condition says.
fn is_about_nothing(part: &str) -> bool {
    let part: String = part.chars().filter(|c| !c.is_whitespace()).collect();
    ["isNaN(result", "isInf(result", "len(result)==0"].iter().any(|it| part.starts_with(it))
}

fn is_about_something(part: &str) -> bool {
    let part: String = part.chars().filter(|c| !c.is_whitespace()).collect();
    ["!isNaN(result", "!isInf(result", "len(result)>0", "len(result)!=0"]
        .iter()
        .any(|it| part.starts_with(it))
}

/// `result[0] >= 0.95`, or the other way round.
fn comparison(text: &str) -> Option<Limits> {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')');
    let place = text.find(['<', '>'])?;
    let (left, rest) = text.split_at_checked(place)?;
    let below = rest.starts_with('<');
    let right = rest.trim_start_matches(['<', '>', '=']);
    let (limit, below) = match (is_result(left), is_result(right)) {
        (true, false) => (number(right)?, below),
        (false, true) => (number(left)?, !below),
        _ => return None,
    };
    Some(if below {
        Limits { min: None, max: Some(limit) }
    } else {
        Limits { min: Some(limit), max: None }
    })
}

fn is_result(text: &str) -> bool {
    matches!(
        text.trim(),
        "result" | "result[0]" | "asFloat(result[0])" | "asFloat(result" | "float(result[0])"
    )
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(min: Option<f64>, max: Option<f64>) -> Limits {
        Limits { min, max }
    }

    #[test]
    fn comparisons_with_a_number_are_limits() {
        assert_eq!(success("result[0] >= 0.95"), Some(limits(Some(0.95), None)));
        assert_eq!(success("result < 500"), Some(limits(None, Some(500.0))));
        assert_eq!(
            success("0.95 <= result[0] && result[0] <= 1"),
            Some(limits(Some(0.95), Some(1.0)))
        );
        assert_eq!(success("len(result) > 0 && result[0] > 1"), Some(limits(Some(1.0), None)));
        assert_eq!(
            success("isNaN(result[0]) || result[0] <= 0.01"),
            Some(limits(None, Some(0.01)))
        );
    }

    #[test]
    fn a_failure_is_beyond_its_limits() {
        assert_eq!(failure("result[0] >= 0.05"), Some(limits(None, Some(0.05))));
        assert_eq!(
            failure("result[0] < 10 || result[0] > 20"),
            Some(limits(Some(10.0), Some(20.0)))
        );
    }

    #[test]
    fn everything_else_is_not_understood() {
        for condition in [
            "all(result, # < 0.01)",
            "result[0] == 1",
            "result[0] > 1 || result[0] < 0",
            "default(result[0], 0) < 5",
            "result[0] > result[1]",
            "result[0] > 1 && result[0] > 2",
            "result.successRate > 0.9",
            "isNaN(result[0])",
            "true",
        ] {
            assert_eq!(success(condition), None, "{condition}");
        }
        assert_eq!(failure("result[0] < 1 && result[0] > 0"), None);
    }
}
