//! The hash, and what is read off it.

use core::fmt;

use serde::Serialize;

use crate::murmur3::Murmur3;
use crate::{Salt, Variant, Weight};

/// A user's place among the 10,000 that a weight counts, 0 to 9999. One bucket is 0.01 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Bucket(u16);

impl Bucket {
    /// How many buckets there are; a weight of 100 % takes all of them.
    pub const COUNT: u16 = 10_000;

    /// The bucket's number, 0 to 9999.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Projects a hash evenly: `(hash * 10000) >> 32`, which needs 64 bits and always is below
    /// 10,000. Unlike a remainder it uses the upper bits, so that the cohort (the lowest four
    /// bits) is independent of it.
    const fn of(hash: u32) -> Self {
        let projected = ((hash as u64) * (Self::COUNT as u64)) >> 32;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a u32 times 10,000, shifted by 32, is below 10,000"
        )]
        Self(projected as u16)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One of sixteen random sixteenths of the users, 0 to 15, independent of the bucket: what a judge
/// needs to see that a difference rests on a few users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Cohort(u8);

impl Cohort {
    /// How many cohorts there are.
    pub const COUNT: u8 = 16;

    /// The cohort of this number; none from 16 on.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// The cohort's number, 0 to 15.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    const fn of(hash: u32) -> Self {
        Self((hash & 15) as u8)
    }
}

impl fmt::Display for Cohort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Where the hash puts a user under one salt, before any weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The place among the 10,000.
    pub bucket: Bucket,
    /// The sixteenth.
    pub cohort: Cohort,
}

impl Assignment {
    /// The side on which this user is at `weight`: the canary from bucket 0 up.
    #[must_use]
    pub const fn variant(self, weight: Weight) -> Variant {
        if self.bucket.0 < weight.basis_points() { Variant::Canary } else { Variant::Stable }
    }
}

/// A salt of which the hash is known, so that of each key only the id is left to hash.
#[derive(Clone, Copy, Debug)]
pub struct Salted(Murmur3);

impl Salted {
    /// Hashes a salt with the colon after it.
    #[must_use]
    pub fn new(salt: &Salt) -> Self {
        Self(Murmur3::START.then(salt.as_str().as_bytes()).then(b":"))
    }

    /// Places a user. `id` is bytes as sent, of any length: nothing is decoded or normalised. An
    /// empty id gets a place like any other; callers who read it as "no identity" decide so before.
    #[inline]
    #[must_use]
    pub fn assign(self, id: &[u8]) -> Assignment {
        let hash = self.hash(id);
        Assignment { bucket: Bucket::of(hash), cohort: Cohort::of(hash) }
    }

    /// The hash of the key, for tables of what belongs to users.
    #[inline]
    #[must_use]
    pub fn hash(self, id: &[u8]) -> u32 {
        self.0.of(id)
    }
}

/// Places a user under a salt ([`Salted::assign`]).
#[must_use]
pub fn assign(salt: &Salt, id: &[u8]) -> Assignment {
    Salted::new(salt).assign(id)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::murmur3_x86_32;

    /// Published hashes of others, whose keys are not made of one of our salts and an id.
    fn published(list: &str) -> Vec<(String, u32, Value)> {
        let vectors: Value = serde_json::from_str(include_str!("../tests/vectors.json")).unwrap();
        let text = |case: &Value, field: &str| case[field].as_str().unwrap().to_owned();
        let cases = vectors[list].as_array().unwrap();
        assert!(!cases.is_empty());
        cases
            .iter()
            .map(|case| {
                let hash = u32::from_str_radix(&text(case, "hash"), 16).unwrap();
                (text(case, "key"), hash, case.clone())
            })
            .collect()
    }

    #[test]
    fn hash_and_bucket_are_those_of_flagd() {
        for (key, hash, case) in published("hash_vectors_of_flagd") {
            assert_eq!(murmur3_x86_32(key.as_bytes()), hash, "{key}");
            assert_eq!(u64::from(Bucket::of(hash).get()), case["bucket"], "{key}");
        }
    }

    #[test]
    fn hash_and_key_are_those_of_unleash() {
        for (key, hash, case) in published("hash_vectors_of_unleash") {
            assert_eq!(murmur3_x86_32(key.as_bytes()), hash, "{key}");
            assert_eq!(u64::from(hash % 100 + 1), case["normalised_1_to_100"], "{key}");
            let (salt, id) = key.split_once(':').unwrap();
            let expected = Assignment { bucket: Bucket::of(hash), cohort: Cohort::of(hash) };
            assert_eq!(assign(&Salt::new(salt).unwrap(), id.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn an_id_of_any_length_is_hashed_after_the_salt_and_a_colon() {
        let salt = Salt::new("checkout").unwrap();
        for length in [0, 1, 2, 3, 4, 36, 256, 1_000] {
            let id = vec![b'x'; length];
            let hash = murmur3_x86_32(&[b"checkout:", &id[..]].concat());
            assert_eq!(assign(&salt, &id).bucket, Bucket::of(hash), "{length}");
        }
    }

    #[test]
    fn the_outermost_hashes_have_the_outermost_buckets() {
        for (hash, bucket) in [(0, 0), (429_496, 0), (429_497, 1), (u32::MAX, 9_999)] {
            assert_eq!(Bucket::of(hash).get(), bucket, "{hash}");
        }
    }
}
