//! Lists of users who are on one side whatever the hash says, without their ids.
//!
//! A list has salted hashes: who reads the document learns no id from it, short of trying all that
//! there might be.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Serialize, Serializer};
use serin_assignment::{Salt, Variant};
use sha2::{Digest as _, Sha256};

use crate::reading::Reading;
use crate::{Invalid, hexadecimal, named};

/// A listed user: the first 16 bytes of `SHA-256(salt ":" id)`, as text 32 lower-case hexadecimal
/// digits. Two of a million ids are the same with a chance of less than one in 10^26.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserHash([u8; Self::BYTES]);

impl UserHash {
    const BYTES: usize = 16;

    const RULE: &str = "a listed user is 32 hexadecimal digits, as `serin users` prints them";

    /// The hash of an id, bytes as they are sent.
    #[must_use]
    pub fn of(salt: &Salt, id: &[u8]) -> Self {
        let hasher = Sha256::new().chain_update(salt.as_str()).chain_update(":").chain_update(id);
        let digest: [u8; 32] = hasher.finalize().into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for UserHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hexadecimal(&self.0))
    }
}

impl FromStr for UserHash {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        bytes_of(text).map(Self).ok_or_else(|| Invalid::new(text, Self::RULE))
    }
}

fn bytes_of(digits: &str) -> Option<[u8; UserHash::BYTES]> {
    if digits.len() != 2 * UserHash::BYTES {
        return None;
    }
    // The highest four bits first, as 32 of them are one number.
    let mut number = 0;
    for digit in digits.chars() {
        number = number << 4 | u128::from(digit.to_digit(16)?);
    }
    Some(number.to_be_bytes())
}

impl Serialize for UserHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who is on which side by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserLists {
    salt: Salt,
    #[serde(skip_serializing_if = "is_empty")]
    canary: Box<[UserHash]>,
    #[serde(skip_serializing_if = "is_empty")]
    stable: Box<[UserHash]>,
}

fn is_empty(list: &[UserHash]) -> bool {
    list.is_empty()
}

impl UserLists {
    /// The longest list.
    pub const MAX: usize = 10_000;

    /// The lists under a salt, each user on one of them. Their order means nothing.
    ///
    /// # Errors
    /// The user who is on both.
    pub fn new(salt: Salt, canary: &[UserHash], stable: &[UserHash]) -> Result<Self, UserHash> {
        let (canary, stable) = (sorted(canary), sorted(stable));
        match canary.iter().find(|user| stable.binary_search(user).is_ok()) {
            Some(both) => Err(*both),
            None => Ok(Self { salt, canary, stable }),
        }
    }

    /// How many are listed for the canary and for stable.
    #[must_use]
    pub const fn counts(&self) -> (usize, usize) {
        (self.canary.len(), self.stable.len())
    }

    /// Whether anybody is listed for stable.
    pub(crate) const fn keeps_out(&self) -> bool {
        !self.stable.is_empty()
    }

    /// The side of a user who is listed: for one SHA-256, as much as deciding takes besides.
    #[must_use]
    pub fn find(&self, id: &[u8]) -> Option<Variant> {
        let user = UserHash::of(&self.salt, id);
        if self.canary.binary_search(&user).is_ok() {
            Some(Variant::Canary)
        } else {
            self.stable.binary_search(&user).is_ok().then_some(Variant::Stable)
        }
    }
}

/// Users in their order, each once.
fn sorted(users: &[UserHash]) -> Box<[UserHash]> {
    let order = named::sorted(users.iter().map(|user| user.0.as_slice()));
    let mut sorted: Vec<UserHash> = Vec::with_capacity(users.len());
    for user in order.iter().filter_map(|(_, place)| users.get(*place)) {
        if sorted.last() != Some(user) {
            sorted.push(*user);
        }
    }
    sorted.into()
}

/// Reads a rollout's lists.
pub(crate) fn read(reading: &mut Reading<'_>) -> Option<UserLists> {
    reading.open();
    let salt = reading.required(
        "salt",
        "what the hashes are salted with, such as \"shop-team\"",
        Reading::salt,
    )?;
    let mut named = |name| reading.given(name, users);
    let (canary, stable) = (named("canary"), named("stable"));
    let (canary, stable) = (canary.unwrap_or_default(), stable.unwrap_or_default());
    reading.close(&"salt, canary, stable");
    if canary.is_empty() && stable.is_empty() {
        reading.wrong_at(&[], &"nobody", &"at least one user under canary or stable");
    }
    match UserLists::new(salt, &canary, &stable) {
        Ok(lists) => Some(lists),
        Err(both) => {
            let rule = "a user is on one of the lists, and this one is on both";
            reading.wrong_at(&[], &format_args!("\"{both}\""), &rule);
            None
        }
    }
}

fn users(reading: &mut Reading<'_>) -> Vec<UserHash> {
    reading.list(UserLists::MAX, "they multiply in every worker's tables", |reading| {
        reading.parsed(str::parse)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt() -> Salt {
        Salt::new("shop-team").unwrap()
    }

    /// `printf '%s' 'shop-team:alice' | sha256sum | cut -c-32`.
    #[test]
    fn a_hash_is_what_sha256sum_says() {
        for (id, hash) in [
            (&b"alice"[..], "8ef0a83dd7f131c3056c4757d873b7b9"),
            (b"", "4358d02676cc29640a67cd33f6c87072"),
            (b"\xff\x00", "ee3538e827bbff310666e7f8cd223188"),
        ] {
            assert_eq!(UserHash::of(&salt(), id).to_string(), hash);
        }
    }

    #[test]
    fn a_hash_reads_back() {
        let hash = UserHash::of(&salt(), b"alice");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
        let text = hash.to_string();
        for bad in
            ["", &text[1..], &format!("{text}0"), &format!("{text}00"), &text.replace('c', "g")]
        {
            assert!(bad.parse::<UserHash>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_is_on_both_lists() {
        let hash = |id: &str| UserHash::of(&salt(), id.as_bytes());
        let lists =
            UserLists::new(salt(), &[hash("b"), hash("a"), hash("b")], &[hash("c")]).unwrap();
        let sides = [b"a", b"b", b"c", b"d"].map(|id| lists.find(id));
        let (canary, stable) = (Some(Variant::Canary), Some(Variant::Stable));
        assert_eq!(sides, [canary, canary, stable, None]);
        let both = UserLists::new(salt(), &[hash("a"), hash("b")], &[hash("b")]);
        assert_eq!(both, Err(hash("b")));
    }
}
