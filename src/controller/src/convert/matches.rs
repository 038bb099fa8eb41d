//! Matches on headers of others, as conditions.

use serde_json::{Map, Value, json};

/// A header's test as a condition; none where it asks for something that has no word in `words`, of
/// which each names another's test and ours.
pub(super) fn header(name: &str, test: &Value, words: &[(&str, &str)]) -> Option<Value> {
    let mut tests = test.as_object()?.iter();
    let ((kind, value), None) = (tests.next()?, tests.next()) else { return None };
    let (_, word) = words.iter().find(|(theirs, _)| theirs == kind)?;
    let mut condition = Map::from_iter([("header".to_owned(), name.into())]);
    condition.insert((*word).to_owned(), value.as_str()?.into());
    Some(Value::Object(condition))
}

/// Several conditions in one, by `any` or `all`; one alone needs neither. None of none.
pub(super) fn joined(by: &str, mut conditions: Vec<Value>) -> Option<Value> {
    if conditions.len() > 1 { Some(json!({ by: conditions })) } else { conditions.pop() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_with_a_word_of_ours_are_understood() {
        let words = [("exact", "is"), ("prefix", "prefix")];
        let of = |test| header("x-plan", &test, &words);
        assert_eq!(of(json!({"exact": "a"})), Some(json!({"header": "x-plan", "is": "a"})));
        assert_eq!(of(json!({"regex": "a"})), None);
        assert_eq!(of(json!({"exact": "a", "prefix": "b"})), None);
        assert_eq!(of(json!({"exact": 1})), None);
    }

    #[test]
    fn one_condition_stands_alone() {
        let (one, other) = (json!({"header": "a"}), json!({"header": "b"}));
        assert_eq!(joined("any", vec![]), None);
        assert_eq!(joined("any", vec![one.clone()]), Some(one.clone()));
        assert_eq!(
            joined("all", vec![one.clone(), other.clone()]),
            Some(json!({"all": [one, other]}))
        );
    }
}
