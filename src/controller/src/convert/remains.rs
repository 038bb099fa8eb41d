//! A document of which everything that is understood is taken out.

use serde_json::Value;

use super::Note;

/// What is left of a document.
pub(super) struct Remains(Value);

/// What to do about fields that have no counterpart: a place, in which `*` is any index or name, and
/// the advice. The first place that fits counts, and what is below it goes with it.
pub(super) type Hints = [(&'static str, &'static str)];

impl Remains {
    /// Of a document's `spec`.
    pub(super) fn of(document: &Value) -> Self {
        Self(document.get("spec").cloned().unwrap_or_default())
    }

    /// Takes the value at a place such as `analysis.metrics.0.name`; none where there is none, or
    /// where it was taken before.
    pub(super) fn take(&mut self, place: &str) -> Option<Value> {
        let value = self.0.pointer_mut(&pointer(place))?.take();
        if value.is_null() { None } else { Some(value) }
    }

    /// The same as text; a number or a boolean as it is written. None of what has parts.
    pub(super) fn text(&mut self, place: &str) -> Option<String> {
        match self.peek(place)? {
            Value::Array(_) | Value::Object(_) | Value::Null => None,
            _ => match self.take(place)? {
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            },
        }
    }

    /// The same as a number.
    pub(super) fn number(&mut self, place: &str) -> Option<f64> {
        self.peek(place)?.as_f64()?;
        self.take(place)?.as_f64()
    }

    /// The same as yes or no.
    pub(super) fn flag(&mut self, place: &str) -> Option<bool> {
        self.peek(place)?.as_bool()?;
        self.take(place)?.as_bool()
    }

    /// What stands at a place, and stays there.
    pub(super) fn peek(&self, place: &str) -> Option<&Value> {
        self.0.pointer(&pointer(place)).filter(|value| !value.is_null())
    }

    /// How many entries a list has.
    pub(super) fn count(&self, place: &str) -> usize {
        self.peek(place).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// A note for everything that nobody has taken.
    pub(super) fn notes(self, hints: &Hints) -> Vec<Note> {
        let mut notes = Vec::new();
        walk(&self.0, "", hints, &mut notes);
        notes
    }
}

fn pointer(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!("/{}", place.replace('.', "/")) }
}

fn walk(value: &Value, place: &str, hints: &Hints, notes: &mut Vec<Note>) {
    if is_nothing(value) {
        return;
    }
    if let Some((_, advice)) = hints.iter().find(|(hint, _)| fits(hint, place)) {
        notes.push(note(place, advice));
        return;
    }
    let below =
        |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(value, &below(name), hints, notes);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                walk(value, &below(&index.to_string()), hints, notes);
            }
        }
        _ => notes.push(note(place, "it has no counterpart")),
    }
}

/// What was taken leaves nulls; what is empty or says `false` asks for nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.iter().all(is_nothing),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

fn fits(hint: &str, place: &str) -> bool {
    let (mut hint, mut place) = (hint.split('.'), place.split('.'));
    loop {
        match (hint.next(), place.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(hint), Some(place)) if hint == place => {}
            _ => return false,
        }
    }
}

fn note(place: &str, message: &str) -> Note {
    Note { field: field(place), left_out: true, message: message.to_owned() }
}

/// A place as people write it: `spec.analysis.metrics[0].name`.
pub(super) fn field(place: &str) -> String {
    let parts = place.split('.').filter(|part| !part.is_empty());
    parts.fold("spec".to_owned(), |field, part| match part.parse::<usize>() {
        Ok(index) => format!("{field}[{index}]"),
        Err(_) => format!("{field}.{part}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_takes_is_told_once_with_its_place_and_advice() {
        let mut remains = Remains::of(&json!({"spec": {
            "analysis": {"interval": "1m", "alerts": [{"name": "a"}, {"name": "b"}], "mirror": false},
            "service": {"port": 80, "retries": {"attempts": 3}},
            "unheard": [{"of": 1}],
        }}));
        assert_eq!(remains.text("analysis.interval").as_deref(), Some("1m"));
        assert_eq!(remains.text("analysis.interval"), None);
        assert_eq!(remains.number("service.port"), Some(80.0));
        assert_eq!(remains.text("analysis"), None);
        assert_eq!(remains.flag("analysis.interval"), None);
        let notes =
            remains.notes(&[("analysis.alerts.*", "by alerts"), ("service.retries", "there")]);
        let told: Vec<_> =
            notes.iter().map(|note| (note.field.as_str(), note.message.as_str())).collect();
        assert_eq!(
            told,
            [
                ("spec.analysis.alerts[0]", "by alerts"),
                ("spec.analysis.alerts[1]", "by alerts"),
                ("spec.service.retries", "there"),
                ("spec.unheard[0].of", "it has no counterpart"),
            ]
        );
    }
}
