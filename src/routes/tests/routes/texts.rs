//! From text to text: numbers and all else that a change leaves alone stay as they were written.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_assignment::Weight;
use serin_routes::{Kind, MirrorFields, Text, Wanted};

use super::conformance::{self, Subject};

/// As anybody may have written numbers, and as no reader into 64 bits can keep them.
const NUMBERS: [&str; 12] = [
    "1.0",
    "1e3",
    "1E+3",
    "-0",
    "-0.0",
    "0.10",
    "94.52706955539223",
    "0.1000000000000000055511151231257827",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "5e-324",
];

fn any_number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "-?(0|[1-9][0-9]{0,24})([.][0-9]{1,24})?([eE][+-]?[0-9]{1,2})?",
        // As API servers write doubles.
        2 => any::<f64>().prop_filter("a number", |it| it.is_finite()).prop_map(|it| json!(it).to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
    ]
}

/// What stands for a number until it is text.
fn placeholder(number: usize) -> String {
    format!("@{number}@")
}

/// The object as text, with the numbers in their places.
fn text(object: &Value, numbers: &[String]) -> String {
    numbers.iter().enumerate().fold(object.to_string(), |text, (place, number)| {
        text.replace(&format!("\"{}\"", placeholder(place)), number)
    })
}

/// Fields that nobody here knows, a few levels deep, for these numbers.
fn unknown(object: &mut Value, open: &[&str], numbers: usize) {
    for number in 0..numbers {
        let place = open[number % open.len()];
        let value = json!([{"deep": placeholder(number)}, true]);
        object.pointer_mut(place).unwrap()[format!("x-{number}")] = value;
    }
}

/// The text after these weights.
fn written(subject: &Subject, text: &str, wanted: Wanted) -> String {
    let text = Text::read(text.to_owned()).unwrap();
    let mut tree = text.tree().clone();
    subject.kind.router().write(&mut tree, &subject.reference, &wanted).unwrap();
    text.changed(&tree)
}

#[test]
fn numbers_stay_as_they_were_written_in_objects_of_every_kind() {
    let numbers = NUMBERS.map(str::to_owned);
    for subject in conformance::all() {
        let mut object = subject.object.clone();
        unknown(&mut object, subject.open, numbers.len());
        let before = text(&object, &numbers);
        for wanted in [Wanted::Nobody, Wanted::Everyone, Wanted::Share("7.5%".parse().unwrap())] {
            let mut expected = object.clone();
            let router = subject.kind.router();
            assert!(router.write(&mut expected, &subject.reference, &wanted).unwrap());
            assert_eq!(
                written(&subject, &before, wanted),
                text(&expected, &numbers),
                "{}",
                subject.kind
            );
        }
        let same = Wanted::Share("5%".parse().unwrap());
        assert_eq!(written(&subject, &before, same), before, "{}", subject.kind);
    }
}

#[test]
fn weights_may_be_written_as_any_number() {
    let subject = conformance::virtual_service();
    let mut object = subject.object.clone();
    let weights = ["9.5e3", "500.0"].map(str::to_owned);
    for place in 0..weights.len() {
        object["spec"]["http"][3]["route"][place]["weight"] = json!(placeholder(place));
    }
    let before = text(&object, &weights);
    assert_eq!(written(&subject, &before, Wanted::Share("5%".parse().unwrap())), before);
    let after = written(&subject, &before, Wanted::Share("6%".parse().unwrap()));
    assert!(after.contains(r#""weight":94}"#) && after.contains(r#""weight":6}"#), "{after}");
}

/// As a person's editor leaves it: what was not changed is not even set out anew.
#[test]
fn spaces_and_escapes_of_what_was_not_changed_stay_too() {
    let subject = conformance::virtual_service();
    let retries = "{ \"attempts\" : 3,\n  \"note\": \"caf\\u00e9 \\/\" , \"x\": 1e3 }";
    let mut object = subject.object.clone();
    object["spec"]["http"][0]["retries"] = json!(placeholder(0));
    let before = text(&object, &[retries.to_owned()]);
    let after = written(&subject, &before, Wanted::Everyone);
    assert!(after.contains(retries) && after != before, "{after}");
}

#[test]
fn what_is_no_object_that_can_be_read_is_told() {
    for text in ["", "{", r#"{"a": 01}"#, r#"{"a": 1e999}"#, "{} {}"] {
        assert!(Text::read(text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn items_that_have_moved_keep_their_spelling() {
    let text = |text: &str| Text::read(text.to_owned()).unwrap();
    for (before, change, after) in [
        ("[1e3, 2e0, 3.00]", json!([1000.0, 3.0]), "[1e3,3.00]"),
        ("[1e3, 2e0]", json!([7, 1000.0, 2.0]), "[7,1e3,2e0]"),
        ("[1.0, 1.00]", json!([1.0, 1.0, 1.0]), "[1.0,1.00,1.0]"),
        (r#"[{"a": 1e3, "b": 2}]"#, json!([{"a": 1000.0, "b": 3}]), r#"[{"a":1e3,"b":3}]"#),
        (r#"{"a": 1e3}"#, json!({"b": {"a": 1000.0}}), r#"{"b":{"a":1000.0}}"#),
        (r#"{"a": 1e3, "b": {}}"#, json!({"a": 1000.0}), r#"{"a":1e3}"#),
        ("[1e3]", json!(null), "null"),
    ] {
        assert_eq!(text(before).changed(&change), after, "{before}");
    }
}

/// The same object as an API server answers it: written anew by whoever has read it exactly.
fn answered(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

/// Mirrors as somebody may have left them, with numbers of theirs.
fn somebodys(kind: Kind) -> Value {
    let fields = json!({"share": placeholder(0), "deep": [{"x": placeholder(1)}]});
    if kind == Kind::VirtualService {
        return json!({
            "mirror": {"host": "recorder", "x-new": fields},
            "mirrorPercentage": {"value": placeholder(2)},
        });
    }
    json!({"filters": [
        {"type": "ResponseHeaderModifier", "x-new": placeholder(2)},
        {"type": "RequestMirror",
            "requestMirror": {"backendRef": {"name": "recorder", "port": 80}, "x-new": fields}},
        {"type": "URLRewrite", "x-new": placeholder(1)},
    ]})
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn only_integers_of_ours_change_in_any_text(
        which in 0_usize..5,
        numbers in prop::collection::vec(any_number(), 1..8),
        parts in 0_u16..=10_000,
    ) {
        let subject = conformance::all().swap_remove(which);
        let mut object = subject.object.clone();
        unknown(&mut object, subject.open, numbers.len());
        let wanted = Wanted::Share(Weight::from_basis_points(parts).unwrap());
        let after = written(&subject, &text(&object, &numbers), wanted);
        let router = subject.kind.router();
        router.write(&mut object, &subject.reference, &wanted).unwrap();
        prop_assert_eq!(after, text(&object, &numbers));
    }

    /// What is kept of them stands in the release's status meanwhile, and the API server writes the
    /// object anew in between.
    #[test]
    fn kept_mirrors_come_back_with_their_numbers(
        which in 0_usize..3,
        numbers in prop::array::uniform3(any::<f64>().prop_filter("a number", |it| it.is_finite())),
        parts in 1_u16..=10_000,
    ) {
        let subject = super::mirrors::all().swap_remove(which);
        let numbers = numbers.map(|number| json!(number).to_string());
        let before = text(&super::mirrors::with(&subject, &somebodys(subject.kind)), &numbers);
        let mirrors = subject.kind.router().mirrors().unwrap();
        let step = |text: &str, share, kept: &MirrorFields| {
            let text = Text::read(text.to_owned()).unwrap();
            let mut tree = text.tree().clone();
            assert!(mirrors.write(&mut tree, &subject.reference, share, kept).unwrap());
            text.changed(&tree)
        };
        let read = mirrors.read(Text::read(before.clone()).unwrap().tree(), &subject.reference);
        let kept = read.unwrap().into_iter().map(|one| (one.entry, one.fields)).collect();
        let mirroring = step(&before, Weight::from_basis_points(parts), &kept);
        prop_assert_ne!(&mirroring, &before);
        prop_assert_eq!(step(&answered(&mirroring), None, &kept), before);
    }
}
