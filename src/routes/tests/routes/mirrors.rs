//! Mirrors to the canary, of the kinds that have some: what they replace comes back value for value.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_assignment::Weight;
use serin_routes::{
    Entries, FoundMirror, Kind, MirrorDrift, MirrorFields, Mirrors, Reference, is_as_kept,
    mirror_drift,
};

use super::conformance::{self, Subject};

/// The kinds that can mirror, each with objects as people write them.
pub(super) fn all() -> Vec<Subject> {
    let mirrors = |subject: &Subject| subject.kind.router().mirrors().is_some();
    conformance::all().into_iter().filter(mirrors).collect()
}

impl Subject {
    fn mirrors(&self) -> &'static Mirrors {
        self.kind.router().mirrors().unwrap()
    }

    fn found(&self, object: &Value) -> Vec<FoundMirror> {
        self.mirrors().read(object, &self.reference).unwrap()
    }

    fn kept(&self, object: &Value) -> MirrorFields {
        self.found(object).into_iter().map(|one| (one.entry, one.fields)).collect()
    }

    fn mirror(&self, object: &mut Value, share: &str) -> bool {
        let nothing = MirrorFields::new();
        let share = Some(share.parse().unwrap());
        self.mirrors().write(object, &self.reference, share, &nothing).unwrap()
    }

    fn put_back(&self, object: &mut Value, kept: &MirrorFields) -> bool {
        self.mirrors().write(object, &self.reference, None, kept).unwrap()
    }

    fn mirror_drift(&self, object: &Value, share: &str) -> MirrorDrift {
        mirror_drift(&self.found(object), share.parse().ok())
    }

    /// The entries whose mirrors are a release's, and the one whose are not.
    fn entries(&self) -> (Vec<&str>, Option<&str>) {
        match &self.reference.entries {
            Entries::ByMark { canary, stable, rest } => (vec![stable, rest], Some(canary)),
            Entries::One(name) => (vec![name], None),
            Entries::Whole => (Vec::new(), None),
        }
    }
}

fn list(kind: Kind) -> &'static str {
    if kind == Kind::VirtualService { "/spec/http" } else { "/spec/rules" }
}

fn entry<'a>(subject: &Subject, object: &'a mut Value, name: &str) -> &'a mut Value {
    let list = object.pointer_mut(list(subject.kind)).unwrap().as_array_mut().unwrap();
    list.iter_mut().find(|entry| entry["name"] == name).unwrap()
}

/// Mirrors as somebody may have left them in an entry.
fn somebodys(kind: Kind) -> Vec<Value> {
    if kind == Kind::VirtualService {
        return vec![
            json!({}),
            json!({"mirror": {"host": "recorder"}, "mirrorPercentage": {"value": 12.5}}),
            json!({"mirror": {"host": "recorder"}, "mirrorPercent": 3}),
            json!({"mirrors": [{"destination": {"host": "a", "x-new": 1}},
                {"destination": {"host": "b"}, "percentage": {"value": 1}}]}),
            json!({"mirrors": []}),
        ];
    }
    let header = json!({"type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}});
    let mirror = |name: &str| {
        json!({"type": "RequestMirror", "x-new": true,
                    "requestMirror": {"backendRef": {"name": name, "port": 80}, "percent": 7}})
    };
    vec![
        json!({}),
        json!({"filters": []}),
        json!({"filters": [header]}),
        json!({"filters": [mirror("recorder")]}),
        json!({"filters": [mirror("a"), header, mirror("b")]}),
    ]
}

/// The object with these fields in each entry of a release, the one for marked canary too.
pub(super) fn with(subject: &Subject, fields: &Value) -> Value {
    let mut object = subject.object.clone();
    let (ours, canary) = subject.entries();
    for name in ours.into_iter().chain(canary) {
        let entry = entry(subject, &mut object, name).as_object_mut().unwrap();
        entry.extend(fields.as_object().unwrap().clone());
    }
    object
}

/// The object without the fields in which its kind says what is mirrored.
fn others(subject: &Subject, object: &Value) -> String {
    let mut object = object.clone();
    for name in subject.entries().0 {
        let entry = entry(subject, &mut object, name).as_object_mut().unwrap();
        entry.retain(|field, _| !field.starts_with("mirror"));
        if let Some(filters) = entry.get_mut("filters").and_then(Value::as_array_mut) {
            filters.retain(|filter| filter["type"] != "RequestMirror");
        }
        if entry.get("filters").is_some_and(|filters| filters == &json!([])) {
            entry.remove("filters");
        }
    }
    object.to_string()
}

#[test]
fn istio_and_gateway_api_can_mirror_and_others_cannot() {
    let can = |kind: &Kind| kind.router().mirrors().is_some();
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(can).collect();
    assert_eq!(kinds, [Kind::VirtualService, Kind::HttpRoute]);
    assert_eq!(all().len(), 3, "with and without marks");
}

#[test]
fn what_stood_there_comes_back_value_for_value() {
    for subject in all() {
        for fields in somebodys(subject.kind) {
            let object = with(&subject, &fields);
            let kept = subject.kept(&object);
            let mut mirrored = object.clone();
            assert!(subject.mirror(&mut mirrored, "10%"), "{fields}");
            assert_eq!(subject.mirror_drift(&mirrored, "10%"), MirrorDrift::None, "{mirrored:#}");
            // The entry of those marked canary is never a mirror's.
            if let (_, Some(canary)) = subject.entries() {
                let mut before = object.clone();
                assert_eq!(
                    entry(&subject, &mut mirrored, canary),
                    entry(&subject, &mut before, canary)
                );
            }
            assert_eq!(others(&subject, &mirrored), others(&subject, &object));
            assert!(!subject.mirror(&mut mirrored.clone(), "10%"), "twice is once");
            assert!(subject.put_back(&mut mirrored, &kept), "{fields}");
            assert_eq!(mirrored.to_string(), object.to_string());
            assert!(!subject.put_back(&mut mirrored, &kept), "{fields}");
        }
    }
}

#[test]
fn a_mirror_leads_to_the_canary_as_the_entry_spells_it() {
    for (subject, share, expected) in [
        (
            conformance::virtual_service(),
            "10%",
            json!({"mirror": {"host": "web", "subset": "canary"}, "mirrorPercentage": {"value": 10}}),
        ),
        (
            conformance::virtual_service_without_marks(),
            "0.25%",
            json!({"mirror": {"host": "web", "subset": "canary"}, "mirrorPercentage": {"value": 0.25}}),
        ),
        (
            conformance::http_route(),
            "10%",
            json!({"filters": [{"type": "RequestMirror", "requestMirror":
                {"backendRef": {"name": "web-canary", "port": 80}, "percent": 10}}]}),
        ),
        (
            conformance::http_route(),
            "0.25%",
            json!({"filters": [{"type": "RequestMirror", "requestMirror":
                {"backendRef": {"name": "web-canary", "port": 80},
                 "fraction": {"numerator": 25, "denominator": 10_000}}}]}),
        ),
    ] {
        let mut object = subject.object.clone();
        subject.mirror(&mut object, share);
        for name in subject.entries().0 {
            let entry = entry(&subject, &mut object, name);
            for (field, value) in expected.as_object().unwrap() {
                assert_eq!(&entry[field], value, "{name} at {share}");
            }
        }
    }
}

#[test]
fn less_or_something_else_is_a_persons_word_and_more_is_not() {
    for subject in all() {
        let mut object = subject.object.clone();
        assert_eq!(subject.mirror_drift(&object, "nothing"), MirrorDrift::None);
        assert_eq!(subject.mirror_drift(&object, "10%"), MirrorDrift::Taken);
        subject.mirror(&mut object, "10%");
        assert_eq!(subject.mirror_drift(&object, "nothing"), MirrorDrift::More);
        assert_eq!(subject.mirror_drift(&object, "10.01%"), MirrorDrift::Taken);
        assert_eq!(subject.mirror_drift(&object, "9.99%"), MirrorDrift::More);
        // In one entry only.
        let (ours, _) = subject.entries();
        let (first, fields) = (ours[0], somebodys(subject.kind).swap_remove(3));
        let entry = entry(&subject, &mut object, first).as_object_mut().unwrap();
        entry.retain(|field, _| !field.starts_with("mirror"));
        entry.extend(fields.as_object().unwrap().clone());
        assert_eq!(subject.mirror_drift(&object, "10%"), MirrorDrift::Taken, "{object:#}");
    }
}

#[test]
fn what_a_person_has_put_in_place_of_the_mirror_stays() {
    for subject in all() {
        let kept = subject.kept(&subject.object);
        for fields in somebodys(subject.kind) {
            let mut object = with(&subject, &fields);
            let before = object.clone();
            assert!(!subject.put_back(&mut object, &kept), "{fields}");
            assert_eq!(object, before);
        }
    }
}

#[test]
fn beside_somebody_elses_ours_is_taken_off_all_the_same() {
    for subject in all() {
        let theirs = &somebodys(subject.kind)[3];
        let before = with(&subject, theirs);
        let (kept, mut object) = (subject.kept(&before), before.clone());
        subject.mirror(&mut object, "10%");
        // As who keeps the object in Git and leaves ours alone puts theirs back.
        for name in subject.entries().0 {
            let entry = entry(&subject, &mut object, name).as_object_mut().unwrap();
            for (field, value) in theirs.as_object().unwrap() {
                match (entry.get_mut(field), value) {
                    (Some(Value::Array(ours)), Value::Array(theirs)) => ours.extend(theirs.clone()),
                    _ => drop(entry.insert(field.clone(), value.clone())),
                }
            }
        }
        let found = subject.found(&object);
        assert!(found.iter().all(|one| one.reaches_canary && one.to_canary.is_none()));
        assert_eq!(mirror_drift(&found, None), MirrorDrift::More);
        assert!(!is_as_kept(&found, &kept), "it is nothing to be kept");
        assert!(subject.put_back(&mut object, &kept));
        assert_eq!(object, before);
    }
}

#[test]
fn a_change_since_it_was_kept_is_seen() {
    for subject in all() {
        let mut object = with(&subject, &somebodys(subject.kind)[3]);
        let kept = subject.kept(&object);
        assert!(is_as_kept(&subject.found(&object), &kept));
        assert!(!is_as_kept(&subject.found(&subject.object), &kept));
        subject.mirror(&mut object, "10%");
        assert!(is_as_kept(&subject.found(&object), &kept), "ours is nobody's change");
    }
}

#[test]
fn without_anything_kept_a_mirror_to_the_canary_is_taken_off() {
    for subject in all() {
        let mut object = subject.object.clone();
        subject.mirror(&mut object, "10%");
        assert!(subject.put_back(&mut object, &MirrorFields::new()));
        assert_eq!(object, subject.object);
    }
}

#[test]
fn all_of_a_share_is_known_in_each_spelling() {
    let share = |subject: &Subject, fields: Value| {
        subject.found(&with(subject, &fields)).last().unwrap().to_canary
    };
    let subject = conformance::virtual_service();
    let to = json!({"host": "web", "subset": "canary"});
    for (fields, expected) in [
        (json!({"mirror": to}), Some(100.0)),
        (json!({"mirror": to, "mirrorPercent": 4}), Some(4.0)),
        (json!({"mirror": to, "mirror_percent": 4}), Some(4.0)),
        (json!({"mirrors": [{"destination": to, "percentage": {"value": 2.5}}]}), Some(2.5)),
        (json!({"mirror": to, "mirrors": [{"destination": {"host": "recorder"}}]}), None),
        (json!({"mirror": {"host": "web", "subset": "stable"}}), None),
    ] {
        assert_eq!(share(&subject, fields.clone()), expected, "{fields}");
    }
    let subject = conformance::http_route();
    let filter = |more: Value| {
        let mut mirror = json!({"backendRef": {"name": "web-canary", "port": 80}});
        mirror.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"filters": [{"type": "RequestMirror", "requestMirror": mirror}]})
    };
    for (fields, expected) in [
        (json!({}), Some(100.0)),
        (json!({"percent": 4}), Some(4.0)),
        (json!({"fraction": {"numerator": 1}}), Some(1.0)),
        (json!({"fraction": {"numerator": 1, "denominator": 1_000}}), Some(0.1)),
    ] {
        assert_eq!(share(&subject, filter(fields.clone())), expected, "{fields}");
    }
}

#[test]
fn an_object_without_the_entries_cannot_mirror() {
    for subject in all() {
        let reference =
            Reference { entries: Entries::One("another".to_owned()), ..subject.reference.clone() };
        let mut object = subject.object.clone();
        let share = Some(Weight::FULL);
        let mirrors = subject.mirrors();
        assert!(mirrors.read(&object, &reference).is_err());
        assert!(mirrors.write(&mut object, &reference, share, &MirrorFields::new()).is_err());
        assert_eq!(object, subject.object);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn weights_and_mirrors_are_all_that_changes_and_mirrors_come_back(
        (which, fields) in (0_usize..3, 0_usize..5),
        unknown in prop::collection::vec(("x-[a-z]{1,8}", super::properties::any_json()), 0..4),
        share in (1_u16..=10_000).prop_map(|parts| Weight::from_basis_points(parts).unwrap()),
    ) {
        let subject = all().swap_remove(which);
        let mut object = with(&subject, &somebodys(subject.kind)[fields]);
        for (name, value) in unknown {
            let (ours, _) = subject.entries();
            entry(&subject, &mut object, ours[name.len() % ours.len()])[name] = value;
        }
        let (before, kept) = (object.clone(), subject.kept(&object));
        let mirrors = subject.mirrors();
        mirrors.write(&mut object, &subject.reference, Some(share), &kept).unwrap();
        prop_assert_eq!(others(&subject, &object), others(&subject, &before));
        let found = subject.found(&object);
        prop_assert_eq!(mirror_drift(&found, Some(share)), MirrorDrift::None);
        mirrors.write(&mut object, &subject.reference, None, &kept).unwrap();
        prop_assert_eq!(object.to_string(), before.to_string());
    }

    #[test]
    fn no_object_is_too_odd(which in 0_usize..3, mut object in super::properties::any_json()) {
        let subject = all().swap_remove(which);
        let (before, nothing) = (object.clone(), MirrorFields::new());
        let mirrors = subject.mirrors();
        prop_assert!(mirrors.read(&object, &subject.reference).is_err());
        prop_assert!(mirrors.write(&mut object, &subject.reference, None, &nothing).is_err());
        prop_assert_eq!(object, before);
    }
}
