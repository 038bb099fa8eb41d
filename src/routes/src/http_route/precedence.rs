//! Whether every request gets to the rule that is meant for it.
//!
//! Of all matches that a request fits, Gateway API takes the one with the longest path, then with a
//! method, then with the most headers, then with the most query parameters; of equal ones the first
//! rule's. So a rule for marked requests takes all of them where it has each match of the last rule
//! with the mark's header besides, wherever they stand.

use serde_json::{Map, Value, json};
use serin_assignment::Variant;

use super::RULES;
use crate::{Entries, Fault, Reference, named};

/// The marked rules ask for their marks and are the more specific ones; none before the last takes
/// the same requests.
pub(super) fn check(rules: &[Value], reference: &Reference) -> Result<(), Fault> {
    let (marked, rest) = match &reference.entries {
        Entries::ByMark { canary, stable, rest } => {
            (vec![(canary, Variant::Canary), (stable, Variant::Stable)], rest)
        }
        Entries::One(name) => (Vec::new(), name),
        Entries::Whole => return Ok(()),
    };
    let rest_place = RULES.place(rules, rest)?;
    let open = matches(rules.get(rest_place));
    for (name, variant) in marked {
        let place = RULES.place(rules, name)?;
        let own = matches(rules.get(place));
        let entry = RULES.told(name);
        if !own.iter().all(|one| one.without_mark(&reference.mark, variant).is_some()) {
            let (mark, value) = (&reference.mark, variant.as_str());
            let example = format!("{{headers: [{{name: {mark}, value: {value}}}]}}");
            return Err(Fault::NotByMark { entry, example });
        }
        let bare: Vec<Match> =
            own.iter().filter_map(|one| one.without_mark(&reference.mark, variant)).collect();
        if !open.iter().all(|one| bare.contains(one)) {
            return Err(Fault::LessSpecific { entry, rest: rest.clone() });
        }
        first(rules, place, name, &own)?;
    }
    first(rules, rest_place, rest, &open)
}

/// Of equal matches the first counts.
fn first(rules: &[Value], place: usize, name: &str, own: &[Match]) -> Result<(), Fault> {
    let takes = |rule: &Value| matches(Some(rule)).iter().any(|one| own.contains(one));
    match rules.iter().enumerate().take(place).find(|(_, rule)| takes(rule)) {
        None => Ok(()),
        Some((place, before)) => Err(Fault::Shadowed {
            entry: RULES.told(name),
            before: named::name_or_place(before, "rules", place),
        }),
    }
}

/// One way into a rule, spelt out so that equal ones are alike.
#[derive(Clone, Debug, PartialEq)]
struct Match {
    /// In order, by names in lower case: their order has no meaning.
    headers: Vec<(String, Value)>,
    /// Path, method and query parameters.
    others: Map<String, Value>,
}

impl Match {
    fn of(one: &Value) -> Self {
        let mut others = one.as_object().cloned().unwrap_or_default();
        others.entry("path").or_insert_with(|| json!({"type": "PathPrefix", "value": "/"}));
        let headers = others.remove("headers");
        let mut headers: Vec<_> =
            headers.as_ref().and_then(Value::as_array).into_iter().flatten().map(header).collect();
        // Names are unique: the API server sees to it.
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { headers, others }
    }

    /// The match without the test for the mark; none where it does not ask for it.
    fn without_mark(&self, mark: &str, variant: Variant) -> Option<Self> {
        let asks = |(name, test): &(String, Value)| {
            name.eq_ignore_ascii_case(mark)
                && test.get("value").and_then(Value::as_str) == Some(variant.as_str())
                && test.get("type").and_then(Value::as_str) == Some(EXACT)
        };
        let place = self.headers.iter().position(asks)?;
        let mut bare = self.clone();
        bare.headers.remove(place);
        Some(bare)
    }
}

const EXACT: &str = "Exact";

/// A test of a header by its name, which is compared without regard to case.
fn header(test: &Value) -> (String, Value) {
    let name = test.get("name").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let mut fields = test.as_object().cloned().unwrap_or_default();
    fields.remove("name");
    fields.entry("type").or_insert_with(|| EXACT.into());
    (name, Value::Object(fields))
}

/// The ways into a rule; without any it takes whatever comes.
fn matches(rule: Option<&Value>) -> Vec<Match> {
    let listed = rule.and_then(|rule| rule.get("matches")?.as_array());
    match listed {
        Some(list) if !list.is_empty() => list.iter().map(Match::of).collect(),
        _ => vec![Match::of(&Value::Null)],
    }
}
