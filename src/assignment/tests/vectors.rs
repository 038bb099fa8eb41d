//! Every published case of the rule: any other place that hashes users must agree with these.
#![cfg(test)]

use serde::Deserialize;
use serin_assignment::{Salt, Variant, Weight, assign};

#[derive(Deserialize)]
struct Vectors {
    assignments: Vec<Case>,
    byte_ids: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    salt: String,
    user_id: Option<String>,
    user_id_hex: Option<String>,
    key: Option<String>,
    bucket: u16,
    cohort: u8,
    variant_at_5_percent: Variant,
}

impl Case {
    fn id(&self) -> Vec<u8> {
        match (&self.user_id, &self.user_id_hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(hex)) => from_hex(hex),
            _ => panic!("a case has an id, as text or as hexadecimal digits"),
        }
    }
}

fn from_hex(hex: &str) -> Vec<u8> {
    assert_eq!(hex.len() % 2, 0);
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn every_case_has_its_bucket_cohort_and_variant() {
    let vectors: Vectors = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert!(!vectors.assignments.is_empty() && !vectors.byte_ids.is_empty());
    let five_percent: Weight = "5%".parse().unwrap();
    for case in vectors.assignments.iter().chain(&vectors.byte_ids) {
        let id = case.id();
        if let Some(key) = &case.key {
            assert_eq!([case.salt.as_bytes(), b":", &id].concat(), key.as_bytes());
        }
        let assignment = assign(&Salt::new(&case.salt).unwrap(), &id);
        assert_eq!(assignment.bucket.get(), case.bucket, "{}:{id:?}", case.salt);
        assert_eq!(assignment.cohort.get(), case.cohort, "{}:{id:?}", case.salt);
        assert_eq!(assignment.variant(five_percent), case.variant_at_5_percent);
    }
}
